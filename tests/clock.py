"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Implements ``Clock``; ``sleep`` takes no real time."""

    def __init__(self, now: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)) -> None:
        self._now = now
        self._perf_seconds = 0.0

    def now(self) -> datetime:
        return self._now

    def perf_seconds(self) -> float:
        return self._perf_seconds

    async def sleep(self, seconds: float) -> None:
        self.advance(timedelta(seconds=seconds))
        await asyncio.sleep(0)

    def advance(self, by: timedelta) -> None:
        self._now += by
        self._perf_seconds += by.total_seconds()
