"""Pictures of one endpoint: made, edited and varied. A request that was sent is never sent again."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from dataclasses import replace
from typing import Any, Final

from openai import AsyncAPIResponse

from bot.core.errors import StoreUnavailable
from bot.core.errors.provider import (
    ContextOverflow,
    EndpointMissing,
    InvalidReply,
    OptionRefused,
    PicturesMissing,
    ProviderError,
    RequestRefused,
)
from bot.core.limits import PICTURE_SECONDS
from bot.core.pictures.ports import MadePictures, PictureRequest, ShowPartial
from bot.core.ports.clock import Clock
from bot.core.ports.remembered import Quirk, QuirkStore
from bot.provider.breaker import Breaker
from bot.provider.clients import make_client
from bot.provider.downloads import Downloads
from bot.provider.parameters import is_openai
from bot.provider.picture_answers import Partial, PictureAnswer, read_answer, read_event
from bot.provider.picture_parameters import PictureParameters
from bot.provider.sse import EventParser
from bot.provider.translate import CLIENT_ERRORS, Failure, Kind, classify, failure_of, loggable
from bot.provider.watchdog import DeadlinePassed

log = logging.getLogger(__name__)

PICTURE_BYTES: Final = 32 * 1024 * 1024  # of one picture
BODY_BYTES: Final = 96 * 1024 * 1024  # of an answer; base64 takes a third more than the pictures
VARIATIONS: Final = "endpoint variations"  # remembered like a parameter: the server has it not

Opening = AbstractAsyncContextManager[AsyncAPIResponse[Any]]


class OpenAIPictureMaker:
    """Implements ``PictureMaker`` with one client for one (base URL, key)."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        quirks: QuirkStore,
        clock: Clock,
        deadline_seconds: float = PICTURE_SECONDS,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._openai = is_openai(self._base_url)
        self._quirk_store = quirks
        self._quirks: set[tuple[str, str]] | None = None  # (model, parameter)
        self._clock = clock
        self._deadline_seconds = deadline_seconds
        self._breaker = Breaker(clock)
        self._client = make_client(base_url=self._base_url, api_key=api_key)
        self._downloads = Downloads(self._base_url)

    @property
    def is_openai(self) -> bool:
        """Whether this is OpenAI's own server."""
        return self._openai

    @property
    def breaker(self) -> Breaker:
        """The circuit breaker of the endpoint."""
        return self._breaker

    async def aclose(self) -> None:
        """Close the connections."""
        await self._downloads.aclose()
        await self._client.close()

    async def make(self, request: PictureRequest, show_partial: ShowPartial) -> MadePictures:
        """Return the pictures; see ``PictureMaker``."""
        quirks = await self._known_quirks()
        parameters = PictureParameters(request, openai=self._openai)
        for name in parameters.names:
            if (request.model, name) in quirks:
                parameters.leave_out(name)
        by_variations = request.by_variations and (request.model, VARIATIONS) not in quirks
        end_at = asyncio.get_running_loop().time() + self._deadline_seconds
        connects = 1
        while True:
            self._breaker.check()
            try:
                async with asyncio.timeout_at(end_at):
                    made = await self._made(self._open(parameters, by_variations=by_variations), show_partial)
            except ProviderError:
                self._breaker.record(None)  # the server answered, only not with pictures
                raise
            except TimeoutError:
                failure = failure_of(DeadlinePassed())
            except CLIENT_ERRORS as raised:
                failure = failure_of(raised, now=self._clock.now())
            else:
                self._breaker.record(None)
                return replace(made, ignored_options=parameters.ignored_options)
            # Outside of the handler, so that what is raised does not carry the server's prose along as its context.
            error = self._translated(failure, parameters, request.model)
            self._breaker.record(error)
            if by_variations and isinstance(error, EndpointMissing):
                by_variations = False
                await self._remember(request.model, VARIATIONS)
            elif (unknown := parameters.unknown_to_server(failure)) is not None:
                parameters.leave_out(unknown)
                await self._remember(request.model, unknown)
            elif failure.kind is Kind.UNREACHABLE and connects:
                connects -= 1
            else:
                raise error

    def _open(self, parameters: PictureParameters, *, by_variations: bool) -> Opening:
        images = self._client.images.with_streaming_response
        if by_variations:
            with warnings.catch_warnings():
                # OpenAI has retired it; the servers that are asked for it here are others.
                warnings.simplefilter("ignore", DeprecationWarning)
                return images.create_variation(**parameters.of_variation)
        body = parameters.body
        return images.edit(**body) if "image" in body else images.generate(**body)

    async def _made(self, opening: Opening, show_partial: ShowPartial) -> MadePictures:
        async with AsyncExitStack() as held:
            response = await held.enter_async_context(opening)
            request_id = loggable(response.headers.get("x-request-id") or "?")
            body = await held.enter_async_context(aclosing(response.http_response.aiter_bytes()))
            answer = await _read(body, show_partial)
        contents = [*answer.contents]
        broken = answer.broken
        for url in answer.urls:
            try:
                contents.append(await self._downloads.picture(url, limit_bytes=PICTURE_BYTES))
            except InvalidReply as error:
                log.warning("a picture was not fetched", extra={"detail": error.detail, "request_id": request_id})
                broken += 1
        if not contents:
            raise InvalidReply(f"no picture, {broken} broken, request_id={request_id}")
        if broken:
            log.warning("some pictures came broken", extra={"broken": broken, "request_id": request_id})
        return MadePictures(tuple(contents), replace(answer.usage, pictures=len(contents)), request_id=request_id)

    def _translated(self, failure: Failure, parameters: PictureParameters, model: str) -> ProviderError:
        error = classify(failure, model=model)
        if isinstance(error, EndpointMissing):
            error = PicturesMissing(error.detail)
        elif isinstance(error, RequestRefused | ContextOverflow):
            option = parameters.refused_option(failure)
            error = RequestRefused(error.detail)
            if option is not None:
                error = OptionRefused(error.detail, option=option, model=model)
        # Without an answer, or with one that broke off: the server may have worked all the same.
        in_the_answer = failure.kind is Kind.ANSWERED and failure.status is None
        error.may_be_billed = error.may_be_billed or failure.kind is Kind.LOST or in_the_answer
        return error

    async def _known_quirks(self) -> set[tuple[str, str]]:
        if self._quirks is None:
            try:
                remembered = await self._quirk_store.quirks()
            except StoreUnavailable as error:
                log.warning("what servers refuse cannot be read", extra={"detail": error.detail})
                return set()
            self._quirks = {(quirk.model, quirk.parameter) for quirk in remembered if quirk.base_url == self._base_url}
        return self._quirks

    async def _remember(self, model: str, parameter: str) -> None:
        (await self._known_quirks()).add((model, parameter))
        log.info("the provider refuses a parameter", extra={"parameter": parameter, "sent": None})
        try:
            await self._quirk_store.remember(Quirk(self._base_url, model, parameter, None))
        except StoreUnavailable as error:
            log.warning("a refused parameter cannot be remembered", extra={"detail": error.detail})


async def _read(body: AsyncGenerator[bytes, None], show_partial: ShowPartial) -> PictureAnswer:
    """Read a whole answer; not the content type but the first character tells what it is."""
    parser = EventParser(max_bytes=2 * PICTURE_BYTES)
    whole: bytearray | None = None
    answer: PictureAnswer | None = None
    started = False
    async for chunk in body:
        if not started:
            first = chunk.lstrip()[:1]
            if not first:
                continue
            if first == b"<":
                raise InvalidReply("a web page instead of an answer")
            started = True
            whole = bytearray() if first == b"{" else None
        if whole is not None:
            whole += chunk
            if len(whole) > BODY_BYTES:
                raise InvalidReply("an answer that is too large")
            continue
        for data in parser.feed(chunk):
            # In a thread: an event has megabytes.
            event = await asyncio.to_thread(read_event, data)
            if isinstance(event, Partial):
                show_partial(event.content)
            elif event is not None:
                answer = event if answer is None else _joined(answer, event)
    if whole is not None:
        return await asyncio.to_thread(read_answer, bytes(whole))
    if answer is None:
        raise InvalidReply("the stream ended without a picture")
    return answer


def _joined(one: PictureAnswer, other: PictureAnswer) -> PictureAnswer:
    usage = replace(
        one.usage,
        input_tokens=one.usage.input_tokens + other.usage.input_tokens,
        input_image_tokens=one.usage.input_image_tokens + other.usage.input_image_tokens,
        output_tokens=one.usage.output_tokens + other.usage.output_tokens,
    )
    return PictureAnswer(one.contents + other.contents, usage=usage, broken=one.broken + other.broken)
