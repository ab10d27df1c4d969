"""Who is answered when: one member's questions in order, up to three members side by side, five more may wait.

A question that can be answered at once never meets a line of others that cannot; one member waits with three at most.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bot.core.conversation import ConversationKey
from bot.core.errors.limits import Busy
from bot.core.limits import TURNS_SIDE_BY_SIDE, TURNS_WAITING, TURNS_WAITING_PER_MEMBER


@dataclass(slots=True)
class _Waiting:
    member_id: int
    admitted: asyncio.Future[None]


@dataclass(slots=True)
class _Line:
    """One conversation's members being answered, and the questions that wait."""

    answering: set[int] = field(default_factory=set)
    waiting: deque[_Waiting] = field(default_factory=deque)

    def admits(self, member_id: int) -> bool:
        """Whether the member is answered at once: whoever waits, waits for their own answer or for a place."""
        return member_id not in self.answering and len(self.answering) < TURNS_SIDE_BY_SIDE

    def is_full(self, member_id: int) -> bool:
        theirs = sum(waiting.member_id == member_id for waiting in self.waiting)
        return len(self.waiting) >= TURNS_WAITING or theirs >= TURNS_WAITING_PER_MEMBER


class TurnQueue:
    """Admits questions conversation by conversation. Keeps nothing for a conversation where nobody waits."""

    def __init__(self) -> None:
        self._lines: dict[ConversationKey, _Line] = {}

    def is_full(self, key: ConversationKey, member_id: int) -> bool:
        """Whether this member's next question would be refused."""
        line = self._lines.get(key)
        return line is not None and not line.admits(member_id) and line.is_full(member_id)

    @property
    def waiting(self) -> int:
        """How many questions wait, over all conversations."""
        return sum(len(line.waiting) for line in self._lines.values())

    @asynccontextmanager
    async def place(self, key: ConversationKey, member_id: int) -> AsyncIterator[None]:
        """Wait for this member's turn and hold it. Raises ``Busy`` when too many wait already."""
        line = self._lines.setdefault(key, _Line())
        if line.admits(member_id):
            line.answering.add(member_id)
        else:
            await self._wait(line, member_id)
        try:
            yield
        finally:
            line.answering.discard(member_id)
            self._admit(line)
            if not line.answering and not line.waiting:
                self._lines.pop(key, None)

    async def _wait(self, line: _Line, member_id: int) -> None:
        if line.is_full(member_id):
            raise Busy
        waiting = _Waiting(member_id, asyncio.get_running_loop().create_future())
        line.waiting.append(waiting)
        try:
            await waiting.admitted
        except asyncio.CancelledError:
            if waiting in line.waiting:
                line.waiting.remove(waiting)
            else:  # admitted and cancelled in the same moment: hand the place on
                line.answering.discard(member_id)
                self._admit(line)
            raise

    @staticmethod
    def _admit(line: _Line) -> None:
        for waiting in list(line.waiting):
            if line.admits(waiting.member_id) and not waiting.admitted.done():
                line.waiting.remove(waiting)
                line.answering.add(waiting.member_id)
                waiting.admitted.set_result(None)
