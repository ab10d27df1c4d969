"""Calls that cost money and are never made twice: sent once, read whole, within a size and a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final

from openai import AsyncAPIResponse

from bot.core.errors.provider import InvalidReply, ProviderTimeout
from bot.core.limits import MEDIA_SIDE_BY_SIDE
from bot.core.ports.clock import Clock
from bot.provider.breaker import Breaker
from bot.provider.translate import CLIENT_ERRORS, Failure, Kind, classify, failure_of, loggable

ANSWER_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """The body of an answer."""

    content: bytes
    request_id: str | None


class Refused(Exception):
    """The server answered that it does not take the request: nothing was made, and nothing is to be paid."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


class CallsOnce:
    """Makes the calls of one endpoint, a few at a time. Whoever waits for a place may hold other things."""

    def __init__(self, clock: Clock, *, total_seconds: float) -> None:
        self._clock = clock
        self._places = asyncio.Semaphore(MEDIA_SIDE_BY_SIDE)
        self._total_seconds = total_seconds
        self._breaker = Breaker(clock)

    @property
    def breaker(self) -> Breaker:
        """The circuit breaker of the endpoint."""
        return self._breaker

    async def answer(
        self,
        make: Callable[[], AbstractAsyncContextManager[AsyncAPIResponse[Any]]],
        *,
        model: str,
        mendable: bool = False,
    ) -> WholeAnswer:
        """Send the request that ``make`` opens, and return its whole answer.

        Raises a ``ProviderError``; with ``mendable``, ``Refused`` for a 400 or 422 about one parameter.
        """
        async with self._places:
            self._breaker.check()
            try:
                async with asyncio.timeout(self._total_seconds), make() as response:
                    content = await _whole(response)
                    request_id = response.headers.get("x-request-id")
            except InvalidReply:
                self._breaker.record(None)
                raise
            except TimeoutError:
                late = ProviderTimeout(f"nothing whole within {self._total_seconds:.0f} s")
                self._breaker.record(late)
                raise late from None
            except CLIENT_ERRORS as error:
                failure = failure_of(error, now=self._clock.now())
            else:
                self._breaker.record(None)
                return WholeAnswer(content, None if request_id is None else loggable(request_id))
        # Outside of the handler, so that what is raised does not carry the server's prose along as its context.
        translated = classify(failure, model=model)
        translated.may_be_billed = failure.kind is Kind.LOST or translated.may_be_billed
        self._breaker.record(translated)
        if mendable and failure.param is not None and failure.status in (400, 422):
            raise Refused(failure)
        raise translated


async def _whole(response: AsyncAPIResponse[Any]) -> bytes:
    content = bytearray()
    async for chunk in response.iter_bytes():
        content += chunk
        if len(content) > ANSWER_BYTES:
            raise InvalidReply("an answer without end")
    return bytes(content)
