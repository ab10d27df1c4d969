"""Reads the database of the real program, also while it runs."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

STATE_SECONDS = 20.0


class Stored:
    """What the program has on disk."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            return connection.execute(query, values).fetchall()

    def state(self, trigger_id: int) -> str | None:
        """Return the state of a question's claim; ``None`` before there is one."""
        return next((row[0] for row in self.rows("SELECT state FROM claims WHERE trigger_id = ?", trigger_id)), None)

    async def until(self, trigger_id: int, state: str) -> None:
        """Wait until the claim is in this state: no stand-in can see it."""
        async with asyncio.timeout(STATE_SECONDS):
            while self.state(trigger_id) != state:  # noqa: ASYNC110 - a database tells nobody
                await asyncio.sleep(0.02)

    async def until_all_ended(self) -> None:
        """Wait until nothing is left to do."""
        unfinished = "SELECT 1 FROM claims WHERE state IN ('claimed', 'generating', 'ready')"
        async with asyncio.timeout(STATE_SECONDS):
            while self.rows(unfinished):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)

    async def until_turns(self, trigger_id: int, question: str | None) -> None:
        """Wait until conversations keep this question, or nothing of it."""
        async with asyncio.timeout(STATE_SECONDS):
            while next((text for _, text in self.turns(trigger_id)), None) != question:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)

    async def until_places(self, trigger_id: int, message_ids: list[int]) -> None:
        """Wait until it is written down that these messages show the reply."""
        async with asyncio.timeout(STATE_SECONDS):
            while self.places(trigger_id) != message_ids:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)

    def turns(self, trigger_id: int) -> list[tuple[str, str]]:
        """Return what conversations keep of a question: role and text, in the order of the history."""
        query = "SELECT chat_role, text FROM turns WHERE trigger_id = ? ORDER BY turn_id"
        return self.rows(query, trigger_id)

    def places(self, trigger_id: int) -> list[int]:
        """Return which messages show the reply, page by page, as it was written down."""
        query = "SELECT message_id FROM reply_messages WHERE trigger_id = ? ORDER BY page"
        return [row[0] for row in self.rows(query, trigger_id)]

    def billed(self) -> dict[int, int]:
        """Return how many calls the ledger has for each question."""
        return dict(self.rows("SELECT trigger_id, count(*) FROM usage_ledger GROUP BY trigger_id"))

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])
