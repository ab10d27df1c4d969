"""The clock, which is injected."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The injected clock."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        ...

    def perf_seconds(self) -> float:
        """Return a monotonic reading for pacing and durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Sleep for a while of real time."""
        ...
