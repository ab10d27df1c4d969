"""How models count tokens, remembered over restarts."""

from __future__ import annotations

from collections.abc import Mapping

from bot.core.ports.clock import Clock
from bot.store.database import Database, milliseconds


class SqliteTokenRatioStore:
    """Implements ``TokenRatioStore``."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def token_ratios(self) -> Mapping[str, float]:
        """Return every remembered ratio by model."""
        rows = await self._database.run("SELECT model, ratio FROM token_ratios")
        return {row["model"]: row["ratio"] for row in rows}

    async def remember_token_ratio(self, model: str, ratio: float) -> None:
        """Remember a model's ratio in place of an earlier one."""
        await self._database.run(
            """
            INSERT INTO token_ratios (model, ratio, learned_at) VALUES (:model, :ratio, :now)
            ON CONFLICT (model) DO UPDATE SET ratio = excluded.ratio, learned_at = excluded.learned_at
            """,
            {"model": model, "ratio": ratio, "now": milliseconds(self._clock.now())},
        )
