"""Reading a conversation's history from a database with a million turns.

The file is filled with plain SQL, so that it takes seconds; what is measured is what every question waits for.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Final

from benchmarks.table import Row, percentile
from bot.clock import SystemClock
from bot.core.conversation import ConversationKey
from bot.store.database import Database
from bot.store.migrations import MIGRATIONS, migrate
from bot.store.turns import SqliteTurnStore

TURNS = 1_000_000
QUICK_TURNS = 10_000
TURNS_PER_CONVERSATION = 200  # of which the newest are sent: the others are notes
SENT_TURNS = 60
QUESTION_CHARS = 120
ANSWER_CHARS = 600
READINGS = 2000
QUICK_READINGS = 50
MS = 1000.0

CONVERSATIONS: Final = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :conversations)
INSERT INTO conversations (conversation_id, channel_id, member_id, guild_id, created_at) SELECT i, i, 0, 1, 0 FROM n
"""

# Turn by turn over all conversations, so that those of one lie as far apart as they do in a busy bot.
FILL: Final = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :turns / 2 - 1)
INSERT INTO turns (conversation_id, trigger_id, chat_role, text, author_id, author_name, asked_at, created_at)
SELECT i % :conversations + 1, i, chat_role,
       replace(hex(zeroblob(CASE chat_role WHEN 'user' THEN :question ELSE :answer END / 2)), '00', 'ab'),
       CASE chat_role WHEN 'user' THEN 7 END, CASE chat_role WHEN 'user' THEN 'Asker' END,
       CASE chat_role WHEN 'user' THEN i END, i
FROM n JOIN (SELECT 'user' AS chat_role UNION ALL SELECT 'assistant')
"""

WINDOW: Final = """
UPDATE conversations SET summary = replace(hex(zeroblob(1200)), '00', 'ab'), first_turn_id = coalesce((
    SELECT turn_id FROM turns WHERE turns.conversation_id = conversations.conversation_id
    ORDER BY turn_id DESC LIMIT 1 OFFSET :sent - 1
), 0)
"""


async def measure(*, quick: bool, folder: Path) -> list[Row]:
    """Fill a database and read random conversations from it."""
    turns, readings = (QUICK_TURNS, QUICK_READINGS) if quick else (TURNS, READINGS)
    conversations = turns // TURNS_PER_CONVERSATION
    database = await Database.open(folder / "parley.db")
    try:
        await migrate(database, MIGRATIONS, clock=SystemClock())
        sizes = {"turns": turns, "conversations": conversations, "question": QUESTION_CHARS, "answer": ANSWER_CHARS}
        await database.run(CONVERSATIONS, {"conversations": conversations})
        await database.run(FILL, sizes)
        await database.run(WINDOW, {"sent": SENT_TURNS})
        seconds = await _readings(SqliteTurnStore(database, SystemClock()), conversations, readings)
    finally:
        await database.close()
    return [
        Row(f"history of {SENT_TURNS} turns among {turns:,}, p50", "ms", None, percentile(seconds, 50) * MS),
        Row(f"history of {SENT_TURNS} turns among {turns:,}, p99", "ms", None, percentile(seconds, 99) * MS, 20.0),
    ]


async def _readings(store: SqliteTurnStore, conversations: int, readings: int) -> list[float]:
    choose = random.Random(1_000_000)
    seconds = []
    for _ in range(readings):
        key = ConversationKey(channel_id=choose.randint(1, conversations), guild_id=1)
        begin = time.perf_counter()
        history = await store.history(key)
        seconds.append(time.perf_counter() - begin)
        if len(history.turns) != SENT_TURNS:
            raise RuntimeError("the history is not what was stored")
    return seconds
