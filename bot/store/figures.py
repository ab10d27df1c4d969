"""What the database knows about how the bot is doing: sums and ages, nobody's words."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from bot.core.caps import CapPeriod
from bot.core.ports.clock import Clock
from bot.store.database import Database, milliseconds
from bot.store.reserving import SPENT

# The outbox is small: it holds only what has not been delivered. What is parked waits for its member, not for Discord.
UNDELIVERED: Final = """
SELECT count(*) AS replies, min(updated_at) AS oldest FROM claims
WHERE trigger_id IN (SELECT trigger_id FROM outbox) AND state = 'ready' AND parked_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """The replies that wait for Discord. ``oldest_at``: seconds since 1970, UTC."""

    replies: int
    oldest_at: float | None


class SqliteFigures:
    """Reads figures for whoever watches. Each call raises ``StoreUnavailable``."""

    sqlite_version = sqlite3.sqlite_version

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def spent_micro_usd(self, period: CapPeriod) -> int:
        """Return what counts against the bot's own cap of this day or month."""
        [row] = await self._database.run(SPENT, {"since": milliseconds(period.start(self._clock.now()))})
        return int(row["micro_usd"])

    async def undelivered(self) -> Undelivered:
        """Return what waits in the outbox."""
        [row] = await self._database.run(UNDELIVERED)
        return Undelivered(row["replies"], None if row["oldest"] is None else row["oldest"] / 1000)

    def database_bytes(self) -> int:
        """Return the size of the file and of its write-ahead log."""
        path = self._database.path
        beside = path.with_name(f"{path.name}-wal")
        return sum(file.stat().st_size for file in (path, beside) if file.exists())
