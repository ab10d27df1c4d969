"""What a turn does between claim and reply: an answer in words, or a task that is paid for once."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

from bot.core.choosing import recorded
from bot.core.composing import NOTHING
from bot.core.conversation import Question, Reply
from bot.core.errors import ParleyError, ResultUnsaved, StoreUnavailable
from bot.core.errors.work import Interrupted, Stopped, WaitedTooLong
from bot.core.limits import TURN_SECONDS
from bot.core.parts import Parts
from bot.core.ports.files import FileReader, FilesRead
from bot.core.ports.money import Reservation, Settlement
from bot.core.ports.screen import Screen

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Grown:
    """A conversation after an answer. ``first_turn_id`` is set when older turns did not fit into the prompt."""

    tokens: int
    first_turn_id: int | None


class Work(ABC):
    """One turn's work, which can be stopped from outside.

    ``task``: the asyncio task that does it. ``sent``: a provider has been asked.
    """

    def __init__(self, parts: Parts, question: Question, screen: Screen, files: FileReader | None = None) -> None:
        self.question = question
        self.task: asyncio.Task[Any] | None = asyncio.current_task()
        self.sent = False
        self.grown: Grown | None = None  # set once an answer is stored in its conversation
        self._parts = parts
        self._screen = screen
        self._files = files
        self._calls: asyncio.Task[Any] | None = None
        self._stopped = False
        self._ends_at_seconds = 0.0
        self.end_in(TURN_SECONDS)

    def end_in(self, seconds: float) -> None:
        """Let it last so much longer, whatever becomes of the wall clock."""
        self._ends_at_seconds = self._parts.clock.perf_seconds() + seconds

    @property
    def _left_seconds(self) -> float:
        return self._ends_at_seconds - self._parts.clock.perf_seconds()

    @property
    def text(self) -> str:
        """What can be shown although it cannot be stored."""
        return ""

    @abstractmethod
    async def run(self) -> Reply:
        """Return the reply once it is stored in the outbox; raises a ``ParleyError`` when there is nothing to show."""

    def stop(self) -> None:
        """End it; what came so far counts."""
        self._stopped = True
        if self._calls is not None:
            self._calls.cancel()

    def revise(self, text: str) -> None:
        """Follow the question's new words, unless it is too late."""
        if not self._is_fixed:
            self.question = replace(self.question, text=text)

    @property
    def _is_fixed(self) -> bool:
        return self.sent

    async def remove(self) -> None:
        """Take away what is shown."""
        await self._screen.deliver(NOTHING)

    def abandon(self) -> None:
        """Show nothing more."""
        self._screen.abandon()

    @abstractmethod
    def billed_attempts(self, error: Exception) -> int:
        """Return how many calls of the failed work may have cost what is still reserved for one: 0 or 1."""

    def _check_time(self) -> None:
        """Raise ``WaitedTooLong`` when the turn is over before the provider was asked."""
        if self._left_seconds <= 0:
            raise WaitedTooLong

    async def _reserve(self, reservation: Reservation) -> None:
        """Reserve what comes next; raises ``WaitedTooLong`` when its answer could not be shown any more."""
        self._check_time()
        policy = self._parts.policy
        await self._parts.store.begin(
            self.question.trigger_id,
            recorded(self._parts, reservation),
            caps=policy.caps,
            member_requests_per_hour=policy.member_requests_per_hour,
            payer_id=self.question.payer_id,
        )

    async def _paid(self, calls: Coroutine[Any, Any, T]) -> T:
        """Await calls to the provider, which Stop gives up; raises ``Stopped`` then."""
        self.sent = self.sent or not self._is_stopped()
        return await self._stoppable(calls)

    async def _stoppable(self, calls: Coroutine[Any, Any, T]) -> T:
        """Await what Stop gives up; raises ``Stopped`` then."""
        if self._is_stopped():
            calls.close()
            raise Stopped
        self._calls = asyncio.create_task(calls)
        try:
            result: T = await self._calls
        except asyncio.CancelledError:
            this_task = asyncio.current_task()
            if not self._is_stopped() or (this_task is not None and this_task.cancelling()):
                raise  # not Stop, but the process closing
            raise Stopped from None
        finally:
            self._calls = None
        return result

    def _is_stopped(self) -> bool:
        return self._stopped


def may_be_billed(error: Exception) -> bool:
    """Whether what was reserved may have been spent when a work ends with this error; what nobody foresaw may."""
    return not isinstance(error, ParleyError) or error.billed_micro_usd is not None or error.may_be_billed


MakeWork: TypeAlias = Callable[[Parts, Question, Screen, FileReader | None], Work]


class PaidWork(Work):
    """A task whose calls cost money and are never made again by themselves.

    The reservation holds the worst case of all its calls. Whatever fails after the first call was sent is booked in
    full, unless the error says what may be billed; a result is stored with its files before anything is shown.
    """

    def billed_attempts(self, error: Exception) -> int:
        """Return 1 when the provider may have worked for the failed task."""
        return int(self.sent and may_be_billed(error))

    @asynccontextmanager
    async def _room(self) -> AsyncIterator[None]:
        """Hold the room that the task's files need."""
        if self._files is None:
            yield
            return
        async with self._parts.room.held(await self._files.size_bytes()):
            yield

    async def _read_files(self) -> FilesRead:
        """Return what the task's files hold; raises ``FileRefused``, or ``Interrupted`` when a restart lost them."""
        if self._files is not None:
            return await self._files.read()
        if self.question.unread_files:
            raise Interrupted  # before anything was paid for
        return FilesRead()

    async def _complete(self, reply: Reply, settlement: Settlement, *, result_text: str | None = None) -> Reply:
        """Store a result before anything of it is shown; raises ``ResultUnsaved``, which knows what it cost."""
        try:
            await self._parts.store.complete_task(self.question, reply, settlement, result_text=result_text)
        except StoreUnavailable as error:
            lost = ResultUnsaved(error.detail)
            lost.billed_micro_usd = settlement.micro_usd
            raise lost from error
        return reply
