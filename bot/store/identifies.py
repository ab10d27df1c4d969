"""When the bot logged in to Discord's gateway, remembered over restarts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bot.store.database import Database, Transaction, milliseconds, moment

KEPT: Final = timedelta(days=1)


class SqliteIdentifyStore:
    """Implements ``IdentifyStore``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def identifies(self) -> Sequence[datetime]:
        """Return the logins of the last day, oldest first."""
        rows = await self._database.run("SELECT identified_at FROM identifies ORDER BY identified_at")
        return [moment(row["identified_at"]) for row in rows]

    async def record_identify(self, at: datetime) -> None:
        """Remember a login, and forget those of more than a day ago."""

        async def work(transaction: Transaction) -> None:
            await transaction.run(
                "DELETE FROM identifies WHERE identified_at < :before", {"before": milliseconds(at - KEPT)}
            )
            await transaction.run("INSERT INTO identifies (identified_at) VALUES (:at)", {"at": milliseconds(at)})

        await self._database.transaction(work)
