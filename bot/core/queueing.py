"""Who is answered when: one member's questions in order, up to three members side by side, five more may wait.

A question that can be answered at once never meets a line of others that cannot; one member waits with three at most.
Over all conversations 64 are asked at once, and 192 more may wait: what a flood would hold in memory has an end.
Whoever waits for room for an upload is one of all these, and keeps nobody who needs no room from being asked.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from bot.core.conversation import ConversationKey
from bot.core.errors.limits import Busy
from bot.core.limits import (
    ANSWERS_AT_ONCE,
    ANSWERS_WAITING,
    TURNS_SIDE_BY_SIDE,
    TURNS_WAITING,
    TURNS_WAITING_PER_MEMBER,
)


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
        self._answers = asyncio.Semaphore(ANSWERS_AT_ONCE)
        self._in_work = 0  # of those who are to be answered: asked, waiting for that, or waiting for room
        self._waiting_for_answers = 0

    def is_full(self, key: ConversationKey | None, member_id: int) -> bool:
        """Whether this member's next question would be refused. ``key`` ``None``: it belongs to no conversation."""
        if self._in_work >= ANSWERS_AT_ONCE + ANSWERS_WAITING:
            return True
        line = self._lines.get(key) if key is not None else None
        return line is not None and not line.admits(member_id) and line.is_full(member_id)

    @property
    def waiting(self) -> int:
        """How many questions wait, over all conversations."""
        return self._waiting_for_answers + sum(len(line.waiting) for line in self._lines.values())

    @asynccontextmanager
    async def place(self, key: ConversationKey | None, member_id: int, *, answers: bool = True) -> AsyncIterator[None]:
        """Wait for this member's turn and hold it; raises ``Busy`` when too many wait already.

        ``answers``: for a call for text, which ``asking`` is waited for. What makes pictures or sound has places of its
        own.
        """
        async with AsyncExitStack() as held:
            if key is not None:
                await held.enter_async_context(self._in_line(key, member_id))
            if answers:
                held.enter_context(self._counted())
            yield

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[bool]:
        """Wait until the model may be asked and hold that place; tells whether it had to be waited for.

        Whoever needs room takes that first.
        """
        waits = self._answers.locked()
        self._waiting_for_answers += 1
        try:
            await self._answers.acquire()
        finally:
            self._waiting_for_answers -= 1
        try:
            yield waits
        finally:
            self._answers.release()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self._in_work >= ANSWERS_AT_ONCE + ANSWERS_WAITING:
            raise Busy
        self._in_work += 1
        try:
            yield
        finally:
            self._in_work -= 1

    @asynccontextmanager
    async def _in_line(self, key: ConversationKey, member_id: int) -> AsyncIterator[None]:
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
