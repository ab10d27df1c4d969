"""Folding old turns of a conversation into its summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.core.conversation import History, Turn
from bot.store.database import Database, Parameters, Transaction
from bot.store.questions import storable
from bot.store.turn_rows import turn_from_row

CONVERSATION: Final = "SELECT epoch, summary FROM conversations WHERE conversation_id = :conversation_id"

# From where the history begins: another fold or a trim meanwhile shows as missing turns.
TURNS: Final = """
SELECT turns.* FROM turns JOIN conversations USING (conversation_id)
WHERE conversation_id = :conversation_id AND turn_id >= first_turn_id AND turn_id < :first_turn_id
ORDER BY turn_id
"""

FOLD: Final = """
UPDATE conversations SET summary = :summary, first_turn_id = :first_turn_id WHERE conversation_id = :conversation_id
"""


class SqliteFoldStore:
    """Implements ``FoldStore``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fold(self, history: History, turns: Sequence[Turn], summary: str) -> bool:
        """Let the summary stand in place of these turns, if they are still what they were; see ``FoldStore``."""
        parameters: Parameters = {
            "conversation_id": history.conversation_id,
            "first_turn_id": turns[-1].turn_id + 1,
            "summary": storable(summary),
        }

        async def work(transaction: Transaction) -> bool:
            conversations = await transaction.run(CONVERSATION, parameters)
            if [(row["epoch"], row["summary"]) for row in conversations] != [(history.epoch, history.summary)]:
                return False
            if [turn_from_row(row) for row in await transaction.run(TURNS, parameters)] != list(turns):
                return False
            await transaction.run(FOLD, parameters)
            return True

        return await self._database.transaction(work)
