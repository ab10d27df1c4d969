"""Places to work in: so many for everybody, and fewer for each member."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Places:
    """Lets so many work at a time. Whoever takes more than their share waits for themselves only."""

    def __init__(self, count: int, *, for_one: int) -> None:
        self._places = asyncio.Semaphore(count)
        self._for_one = for_one
        self._own: dict[int, asyncio.Semaphore] = {}
        self._users: Counter[int] = Counter()  # of each member's semaphore, those who wait included

    @asynccontextmanager
    async def place(self, member_id: int) -> AsyncIterator[None]:
        """Wait for a place and hold it."""
        own = self._own.setdefault(member_id, asyncio.Semaphore(self._for_one))
        self._users[member_id] += 1
        try:
            async with own, self._places:
                yield
        finally:
            self._users[member_id] -= 1
            if not self._users[member_id]:
                del self._users[member_id], self._own[member_id]
