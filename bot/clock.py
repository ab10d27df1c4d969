"""The real clock."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

from discord.utils import utcnow


class SystemClock:
    """Wall time as discord.py tells it (a test can move that one), pacing from ``time.perf_counter``."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        return utcnow()

    def perf_seconds(self) -> float:
        """Return a monotonic reading for pacing and durations."""
        return time.perf_counter()

    async def sleep(self, seconds: float) -> None:
        """Sleep for a while of real time."""
        await asyncio.sleep(seconds)
