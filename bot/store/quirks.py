"""What servers refuse, remembered over restarts."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.ports.clock import Clock
from bot.core.ports.remembered import Quirk
from bot.store.database import Database, milliseconds


class SqliteQuirkStore:
    """Implements ``QuirkStore``."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def quirks(self) -> Sequence[Quirk]:
        """Return everything remembered."""
        rows = await self._database.run(
            "SELECT base_url, model, parameter, replacement FROM model_quirks ORDER BY base_url, model, parameter"
        )
        return [Quirk(row["base_url"], row["model"], row["parameter"], row["replacement"]) for row in rows]

    async def remember(self, quirk: Quirk) -> None:
        """Remember one refusal; the newest replacement for the same parameter wins."""
        await self._database.run(
            """
            INSERT INTO model_quirks (base_url, model, parameter, replacement, learned_at)
            VALUES (:base_url, :model, :parameter, :replacement, :now)
            ON CONFLICT (base_url, model, parameter)
            DO UPDATE SET replacement = excluded.replacement, learned_at = excluded.learned_at
            """,
            {
                "base_url": quirk.base_url,
                "model": quirk.model,
                "parameter": quirk.parameter,
                "replacement": quirk.replacement,
                "now": milliseconds(self._clock.now()),
            },
        )
