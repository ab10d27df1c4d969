"""Proves now and then that the database takes writes."""

from __future__ import annotations

from bot.store.database import Database


class Pulse:
    """Writes a page that means nothing: the file's ``user_version``, which nobody reads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._count = 0

    async def write(self) -> None:
        """Write through to the disk; raises ``StoreUnavailable``."""
        self._count = self._count % 1_000_000 + 1
        await self._database.run(f"PRAGMA user_version = {self._count}")
