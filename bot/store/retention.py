"""What is deleted by its age, so that nothing is kept for ever and the file does not grow without end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bot.core.ports.clock import Clock
from bot.store.database import Database, Transaction, milliseconds

LEDGER_AGE: Final = timedelta(days=92)  # sums by day and month; it holds no words
CHANGES_AGE: Final = timedelta(days=400)
BATCH_ROWS: Final = 1000  # so that nobody waits long for the one connection
PAGES: Final = 500  # given back to the file system in one go


@dataclass(frozen=True, slots=True)
class _Kind:
    """Rows of one table that go by age: its key, in whose order it is walked, and what makes a row old."""

    table: str
    key: str
    old: str


TURNS: Final = _Kind("turns", "turn_id", "created_at < :before")
# What has not ended, or whose question is still kept, has its own ways to end (``SqliteTurnStore.sweep``).
CLAIMS: Final = _Kind(
    "claims",
    "trigger_id",
    "updated_at < :before AND state NOT IN ('claimed', 'generating', 'ready')"
    " AND trigger_id NOT IN (SELECT trigger_id FROM pending)",
)
TASKS: Final = _Kind("tasks", "trigger_id", "done_at < :before")
LEDGER: Final = _Kind("usage_ledger", "usage_id", "created_at < :before")
CHANGES: Final = _Kind("preference_changes", "change_id", "changed_at < :before")

# The notes know only of turns that are gone.
FORGET_NOTES: Final = """
UPDATE conversations SET summary = NULL
WHERE summary IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM turns WHERE turns.conversation_id = conversations.conversation_id AND turn_id < first_turn_id
)
RETURNING 1
"""

# Nobody has a conversation there any more. One that is new and still empty stays: it may be getting its first turn.
FORGET_CONVERSATIONS: Final = """
DELETE FROM conversations
WHERE created_at < :before AND summary IS NULL
  AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.conversation_id = conversations.conversation_id)
  AND NOT EXISTS (
      SELECT 1 FROM pending JOIN claims USING (trigger_id) WHERE claims.channel_id = conversations.channel_id
  )
RETURNING 1
"""


class Retention:
    """Deletes what is older than it may be. ``days`` holds for conversations, tasks and claims."""

    def __init__(self, database: Database, clock: Clock, *, days: int) -> None:
        self._database = database
        self._clock = clock
        self._age = timedelta(days=days)

    async def purge(self) -> Mapping[str, int]:
        """Delete what is too old, in small transactions, and return how many rows of each kind went.

        Raises ``StoreUnavailable``; what is left goes the next time.
        """
        now = self._clock.now()
        rows = {
            kind.table: await self._walk(kind, milliseconds(now - age))
            for kind, age in (
                (TURNS, self._age),
                (CLAIMS, self._age),
                (TASKS, self._age),
                (LEDGER, max(LEDGER_AGE, self._age)),
                (CHANGES, CHANGES_AGE),
            )
        }
        before = {"before": milliseconds(now - self._age)}
        rows["notes"] = len(await self._database.run(FORGET_NOTES))
        rows["conversations"] = len(await self._database.run(FORGET_CONVERSATIONS, before))
        if any(rows.values()):
            await self._give_back()
            await self._database.checkpoint()
        return rows

    async def _walk(self, kind: _Kind, before: int) -> int:
        """Look at a table row by row in the order of its key, many times for a short while."""
        upto = (
            f"SELECT max(key) AS upto FROM (SELECT {kind.key} AS key FROM {kind.table} WHERE {kind.key} > :after "  # noqa: S608
            f"ORDER BY {kind.key} LIMIT {BATCH_ROWS})"
        )
        delete = (
            f"DELETE FROM {kind.table} WHERE {kind.key} > :after AND {kind.key} <= :upto AND {kind.old} RETURNING 1"  # noqa: S608
        )

        async def batch(transaction: Transaction) -> tuple[int | None, int]:
            [row] = await transaction.run(upto, {"after": after})
            if row["upto"] is None:
                return None, 0
            found = await transaction.run(delete, {"after": after, "upto": row["upto"], "before": before})
            return row["upto"], len(found)

        after, deleted = -1, 0
        while True:
            reached, count = await self._database.transaction(batch)
            deleted += count
            if reached is None:
                return deleted
            after = reached

    async def _give_back(self) -> None:
        """Return free pages to the file system, where the file was made for it."""
        while True:
            [before] = await self._database.run("PRAGMA freelist_count")
            await self._database.run(f"PRAGMA incremental_vacuum({PAGES})")
            [after] = await self._database.run("PRAGMA freelist_count")
            if after[0] == 0 or after[0] >= before[0]:
                return
