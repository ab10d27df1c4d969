"""Watches the event loop from a thread beside it, and says where it stood still: code locations only, no values."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections import deque
from types import FrameType
from typing import Self

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1
BLOCKED_SECONDS = 0.25
LATELY_SECONDS = 60.0
QUIET_SECONDS = 10.0  # between two lines about it
FRAMES = 12


class LoopWatch:
    """Measures how late the event loop is, and logs its stack when it is later than a quarter of a second.

    Use it in an ``async with``; the loop that enters it is the one that is watched.
    """

    def __init__(self) -> None:
        self.lag_seconds = 0.0  # of the latest tick
        self.blocks = 0  # that were logged, or would have been without the pause between two lines
        self._lags: deque[tuple[float, float]] = deque(maxlen=int(LATELY_SECONDS / TICK_SECONDS))
        self._due_at = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="loop-watch", daemon=True)
        self._loop_thread = 0
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._loop_thread = threading.get_ident()
        self._due_at = time.perf_counter()
        self._tick(asyncio.get_running_loop())
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended.set()
        if self._timer is not None:
            self._timer.cancel()

    def longest_seconds(self) -> float:
        """Return the longest that the loop was late within the last minute."""
        since = time.perf_counter() - LATELY_SECONDS
        return max((lag for at, lag in self._lags if at >= since), default=0.0)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.perf_counter()
        self.lag_seconds = max(0.0, now - self._due_at)
        self._lags.append((now, self.lag_seconds))
        self._due_at = now + TICK_SECONDS
        self._timer = loop.call_later(TICK_SECONDS, self._tick, loop)

    def _watch(self) -> None:
        told_of = told_at = 0.0
        while not self._ended.wait(TICK_SECONDS):
            due_at, now = self._due_at, time.perf_counter()
            if now - due_at <= BLOCKED_SECONDS or due_at == told_of:
                continue
            frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001  the only way to see another thread
            # Waiting in select although a timer is due: the machine was busy or asleep, no code of ours.
            if frame is None or frame.f_code.co_name == "select":
                continue
            told_of = due_at
            self.blocks += 1
            if now - told_at >= QUIET_SECONDS:
                told_at = now
                extra = {"seconds": round(now - due_at, 2), "at": _places(frame)}
                log.warning("the event loop stands still", extra=extra)


def _places(frame: FrameType | None) -> str:
    places: list[str] = []
    while frame is not None and len(places) < FRAMES:
        code = frame.f_code
        places.append(f"{'/'.join(code.co_filename.rsplit('/', 2)[-2:])}:{frame.f_lineno} {code.co_name}")
        frame = frame.f_back
    return " < ".join(places)
