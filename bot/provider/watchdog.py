"""A deadline that moves with every token and costs no timer per token."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class DeadlinePassed(TimeoutError):
    """A deadline of ours passed while something was awaited."""


class Watchdog:
    """Cancels what is awaited when its deadline passes, like ``asyncio.timeout``.

    One timer is set for the earliest deadline; when it rings and the deadline has moved on, it is set again. So a
    stream of 300 chunks sets one timer every half minute and not 300. Times are readings of the loop's clock.
    """

    def __init__(self, end_at: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._end_at = end_at
        self._due_at = end_at
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._waiting: asyncio.Task[object] | None = None
        self._barked = False

    async def until(self, due_at: float, awaitable: Awaitable[T]) -> T:
        """Await, until a time or the end of everything, whichever is first. Raises ``DeadlinePassed``."""
        self._due_at = min(due_at, self._end_at)
        if self._timer is None or self._due_at < self._timer_at:
            self._set_timer()
        task = asyncio.current_task()
        cancels = task.cancelling() if task is not None else 0
        self._waiting = task
        try:
            return await awaitable
        except asyncio.CancelledError:
            if self._barked and task is not None and task.uncancel() <= cancels:
                raise DeadlinePassed from None
            raise
        finally:
            self._waiting = None

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        self.close()
        self._timer_at = self._due_at
        self._timer = self._loop.call_at(self._due_at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiting is None:
            return
        if self._loop.time() < self._due_at:
            self._set_timer()
        else:
            self._barked = True
            self._waiting.cancel()
