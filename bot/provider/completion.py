"""One streamed answer: asked for, read, and ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

import httpx2

from bot.core import limits
from bot.core.conversation import EndReason, Usage
from bot.core.errors.provider import ContentRefused, EmptyAnswer, InvalidReply, ProviderError
from bot.provider.chunks import Chunk, read_chunk
from bot.provider.flow import Flow
from bot.provider.sse import EventParser, WholeBody
from bot.provider.translate import CLIENT_ERRORS, failure_of, loggable
from bot.provider.watchdog import DeadlinePassed, Watchdog

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long the provider may take.

    ``after_finish``: for the usage, which follows the finish reason. ``after_done``: for the end of the body, without
    which the connection cannot be used again.
    """

    first_token_seconds: float = limits.FIRST_TOKEN_SECONDS
    between_tokens_seconds: float = limits.BETWEEN_TOKENS_SECONDS
    total_seconds: float = limits.CHAT_SECONDS
    after_finish_seconds: float = 5.0
    after_done_seconds: float = 0.1


class Completion:
    """Reads one response: ``begin`` waits for the first text, ``more`` for the next; then the end is known."""

    def __init__(
        self,
        opening: AbstractAsyncContextManager[httpx2.Response],
        deadlines: Deadlines,
        *,
        total_seconds: float,
    ) -> None:
        self._opening = opening
        self._held = AsyncExitStack()
        self._body: AsyncGenerator[bytes, None]
        self._flow: Flow
        self._deadlines = deadlines
        self._loop = asyncio.get_running_loop()
        self._watchdog = Watchdog(self._loop.time() + total_seconds)
        self._due_at = 0.0
        self._parser: EventParser | WholeBody | None = None
        self._refused = False
        self._finished: EndReason | None = None
        self._done = False  # [DONE] came
        self._over = False  # nothing is read any more
        self._failure: Exception | None = None
        self.usage: Usage | None = None
        self.request_id: str | None = None

    @property
    def end_reason(self) -> EndReason:
        """Why the text ended; a stream without a finish reason was cut off, however cleanly."""
        if self._finished is not None:
            return EndReason.CONTENT_FILTER if self._refused else self._finished
        return EndReason.TIMEOUT if isinstance(self._failure, DeadlinePassed) else EndReason.BROKEN

    async def begin(self) -> str:
        """Send the request and return the first text.

        Raises one of ``CLIENT_ERRORS``, or a ``ProviderError`` when an answer came that is none. It is closed then.
        """
        self._due_at = self._loop.time() + self._deadlines.first_token_seconds
        try:
            await self._open()
            text = await self._next()
        except BaseException:
            await self.close()
            raise
        if text:
            return text
        await self.close()
        raise self._failure if self._failure is not None and self._finished is None else self._nothing()

    async def more(self, *, gather_seconds: float = 0.0) -> str:
        """Return the next text, or "" at the end; what the server does wrong is told by ``end_reason``.

        ``gather_seconds``: how long text may gather before it is read.
        """
        if self._finished is None and not self._done:
            if gather_seconds:
                await self._flow.gather(gather_seconds)
            self._due_at = self._loop.time() + self._deadlines.between_tokens_seconds
        text = await self._next()
        if not text and self._failure is not None and self._finished is None:
            known = self._failure if isinstance(self._failure, ProviderError) else failure_of(self._failure)
            log.warning("an answer broke off", extra={"detail": known.detail, "request_id": self.request_id})
        return text

    async def close(self) -> None:
        """Let go of the connection; what still comes on it is cut off."""
        self._watchdog.close()
        await self._held.aclose()

    async def _open(self) -> None:
        response = await self._watchdog.until(self._due_at, self._held.enter_async_context(self._opening))
        request_id = response.headers.get("x-request-id")
        self.request_id = None if request_id is None else loggable(request_id)
        self._flow = Flow(response)
        self._body = response.aiter_bytes()
        self._held.push_async_callback(self._body.aclose)

    async def _next(self) -> str:
        while not self._over:
            if text := self._take(await self._receive()):
                return text
        return ""

    async def _receive(self) -> bytes:
        """Return the next bytes: none at the end of the body, or when it fails."""
        try:
            return await self._watchdog.until(self._due_at, anext(self._body, b""))
        except CLIENT_ERRORS as error:
            self._failure = error
            self._over = True
            return b""

    def _take(self, chunk: bytes) -> str:
        """Return the text in the bytes. When one event is bad, what came before it is kept."""
        text = ""
        try:
            for data in self._events(chunk):
                if data.startswith(b"[DONE]"):
                    self._done = True
                    self._due_at = self._loop.time() + self._deadlines.after_done_seconds
                if not self._done:
                    text += self._add(read_chunk(data))
        except (ProviderError, *CLIENT_ERRORS) as error:
            self._failure = error
            self._over = True
        return text

    def _events(self, chunk: bytes) -> list[bytes]:
        if not chunk:
            ended, self._over = not self._over, True
            return self._parser.end() if ended and self._parser is not None else []
        if self._parser is None:
            # Not the content type but the first character tells: servers and proxies name all three as they like.
            first = chunk.lstrip()[:1]
            if not first:
                return []
            if first == b"<":
                raise InvalidReply(f"a web page instead of an answer, request_id={self.request_id}")
            self._parser = WholeBody() if first == b"{" else EventParser()
        return self._parser.feed(chunk)

    def _add(self, chunk: Chunk) -> str:
        now = self._loop.time()
        self._refused = self._refused or chunk.refused
        if chunk.usage is not None:
            self.usage = chunk.usage
        if self._finished is None:
            self._finished = chunk.end_reason
        if self._finished is not None:
            self._due_at = now + self._deadlines.after_finish_seconds
        elif chunk.tokens:
            self._due_at = now + self._deadlines.between_tokens_seconds
        return chunk.text

    def _nothing(self) -> ProviderError:
        request = f"request_id={self.request_id}"
        if self._refused or self._finished is EndReason.CONTENT_FILTER:
            return ContentRefused(f"a refusal and no text, {request}")
        if self._finished is None:
            return InvalidReply(f"neither text nor a finish reason, {request}")
        return EmptyAnswer(f"no text, finish_reason={self._finished.value}, {request}")
