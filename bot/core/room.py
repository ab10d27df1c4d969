"""Room in memory for what members upload: whoever needs more than is left waits, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.core.limits import MEDIA_BYTES, MEDIA_SIDE_BY_SIDE


class Room:
    """So many bytes for everybody, and at most so many uploads side by side: the smallest one takes its share.

    What waits is in nobody's memory yet. Whoever holds room asks for no more of it: nobody waits for themselves.
    """

    def __init__(self, size_bytes: int = MEDIA_BYTES, side_by_side: int = MEDIA_SIDE_BY_SIDE) -> None:
        self._size = size_bytes
        self._least = size_bytes // side_by_side
        self._free = size_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def free_bytes(self) -> int:
        """How much is left."""
        return self._free

    @asynccontextmanager
    async def held(self, size_bytes: int) -> AsyncIterator[None]:
        """Wait for room and hold it. What is larger than all of it takes all of it, alone."""
        taken = min(max(size_bytes, self._least), self._size)
        await self._take(taken)
        try:
            yield
        finally:
            self._give(taken)

    async def _take(self, taken: int) -> None:
        if not self._waiting and taken <= self._free:
            self._free -= taken
            return
        waiting = taken, asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            await waiting[1]
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
                self._give(0)  # whoever comes after may need less
            else:  # admitted and cancelled in the same moment
                self._give(taken)
            raise

    def _give(self, given: int) -> None:
        self._free += given
        while self._waiting and self._waiting[0][0] <= self._free:
            taken, admitted = self._waiting.popleft()
            self._free -= taken
            admitted.set_result(None)
