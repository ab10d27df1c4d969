"""Chat completions of one endpoint: what is asked, asked again, or not asked at all."""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncGenerator

from bot.core.catalogue import Catalogue
from bot.core.errors import ParleyError, StoreUnavailable
from bot.core.errors.provider import (
    KeyRejected,
    PictureRefused,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
)
from bot.core.ports.chat import BeforeRepeat, ChatRequest, StreamEnd, TextDelta
from bot.core.ports.clock import Clock
from bot.core.ports.remembered import Quirk, QuirkStore
from bot.provider.breaker import Breaker
from bot.provider.clients import make_client
from bot.provider.completion import Completion, Deadlines
from bot.provider.opening import opened
from bot.provider.parameters import Parameters, is_openai
from bot.provider.translate import CLIENT_ERRORS, Failure, Kind, classify, failure_of, is_about_pictures

log = logging.getLogger(__name__)

RETRIES = 2
RETRY_AFTER_SECONDS = 20.0  # a longer wait is for the member to decide
FIRST_BACKOFF_SECONDS = 0.5
GATHER_SECONDS_PER_STREAM = 0.01  # up to eleven streams share about 100 wake-ups per second
GATHER_SECONDS = 0.1  # at most: an answer's end is late by as much


class OpenAIChatModel:
    """Implements ``ChatModel`` with one client for one (base URL, key)."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        catalogue: Catalogue,
        quirks: QuirkStore,
        clock: Clock,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._openai = is_openai(self._base_url)
        self._catalogue = catalogue
        self._quirk_store = quirks
        self._quirks: dict[tuple[str, str], str | None] | None = None
        self._clock = clock
        self._deadlines = deadlines or Deadlines()
        self._breaker = Breaker(clock)
        self._streams = 0  # being read now
        self._random = random.SystemRandom()
        self._client = make_client(base_url=self._base_url, api_key=api_key)

    @property
    def breaker(self) -> Breaker:
        """The circuit breaker of the endpoint."""
        return self._breaker

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def stream(
        self, request: ChatRequest, *, before_repeat: BeforeRepeat
    ) -> AsyncGenerator[TextDelta | StreamEnd, None]:
        """Yield text deltas, then exactly one ``StreamEnd``; see ``ChatModel``."""
        parameters = await self._parameters(request)
        completion, text = await self._begin(request.model, parameters, before_repeat)
        self._streams += 1
        try:
            while text:
                yield TextDelta(text)
                text = await completion.more(gather_seconds=self._gather_seconds())
            yield StreamEnd(
                end_reason=completion.end_reason,
                model=request.model,
                usage=completion.usage,
                ignored_options=parameters.ignored_options,
                request_id=completion.request_id,
            )
        finally:
            self._streams -= 1
            await completion.close()

    def _gather_seconds(self) -> float:
        """Return how long each stream may rest between two reads: a lone one not at all, many share the wake-ups."""
        return min(GATHER_SECONDS, GATHER_SECONDS_PER_STREAM * (self._streams - 1))

    async def _begin(self, model: str, parameters: Parameters, before_repeat: BeforeRepeat) -> tuple[Completion, str]:
        """Return an answer that has begun and its first text, after as many requests as it takes."""
        end_at = self._clock.perf_seconds() + self._deadlines.total_seconds
        retries = 0
        may_be_billed = False  # the request before this one
        while True:
            try:
                self._breaker.check()
                if may_be_billed:
                    await before_repeat()
            except ParleyError as error:
                error.may_be_billed = error.may_be_billed or may_be_billed
                raise
            opening = opened(self._client, model, parameters)
            completion = Completion(opening, self._deadlines, total_seconds=end_at - self._clock.perf_seconds())
            try:
                text = await completion.begin()
            except ProviderError:
                self._breaker.record(None)  # the server answered, only not with words
                raise
            except CLIENT_ERRORS as error:
                failure = failure_of(error, now=self._clock.now())
            else:
                self._breaker.record(None)
                return completion, text
            # Outside of the handler, so that what is raised does not carry the server's prose along as its context.
            translated = classify(failure, model=model)
            if parameters.pictures and is_about_pictures(translated, failure):
                translated = PictureRefused(failure.detail)
            may_be_billed = failure.kind is Kind.LOST or translated.may_be_billed
            translated.may_be_billed = may_be_billed
            self._breaker.record(translated)
            if isinstance(translated, RequestRefused) and await self._mend(model, parameters, failure):
                continue
            wait_seconds = self._wait_seconds(translated, failure, retries)
            if wait_seconds is None or self._clock.perf_seconds() + wait_seconds >= end_at:
                raise translated
            retries += 1
            log.info("asking the provider again", extra={"detail": failure.detail, "seconds": round(wait_seconds, 2)})
            await self._clock.sleep(wait_seconds)

    def _wait_seconds(self, error: ProviderError, failure: Failure, retries: int) -> float | None:
        """Return how long to wait before the same request again; ``None`` when it is not worth it."""
        if retries == RETRIES or isinstance(error, QuotaExhausted | KeyRejected | ProviderTimeout):
            return None
        worth_it = isinstance(error, ProviderUnavailable | RateLimited)
        if not (worth_it if failure.should_retry is None else failure.should_retry):
            return None
        if failure.retry_after_seconds is not None and failure.retry_after_seconds > RETRY_AFTER_SECONDS:
            return None
        backoff_seconds = FIRST_BACKOFF_SECONDS * 2**retries * self._random.uniform(0.75, 1.25)
        return failure.retry_after_seconds or backoff_seconds

    async def _parameters(self, request: ChatRequest) -> Parameters:
        parameters = Parameters(request, self._catalogue.entry(request.model), openai=self._openai)
        quirks = await self._known_quirks()
        for name in parameters.names:
            current: str | None = name
            while current is not None and (request.model, current) in quirks:
                replacement = quirks[request.model, current]
                parameters.change(current, replacement)
                current = replacement if replacement in parameters.body else None
        return parameters

    async def _known_quirks(self) -> dict[tuple[str, str], str | None]:
        if self._quirks is None:
            try:
                remembered = await self._quirk_store.quirks()
            except StoreUnavailable as error:
                log.warning("what servers refuse cannot be read", extra={"detail": error.detail})
                return {}
            self._quirks = {
                (quirk.model, quirk.parameter): quirk.replacement
                for quirk in remembered
                if quirk.base_url == self._base_url
            }
        return self._quirks

    async def _mend(self, model: str, parameters: Parameters, failure: Failure) -> bool:
        """Change what the server refuses, and remember it; ``False`` when it is not about a parameter."""
        refused = parameters.refused(failure)
        if refused is None:
            return False
        name, replacement = refused.name, refused.replacement
        parameters.change(name, replacement)
        if not refused.always:
            log.info("the provider refuses a value", extra={"model": model, "parameter": name, "sent": replacement})
            return True
        (await self._known_quirks())[model, name] = replacement
        log.info("the provider refuses a parameter", extra={"parameter": name, "sent": replacement})
        try:
            await self._quirk_store.remember(Quirk(self._base_url, model, name, replacement))
        except StoreUnavailable as error:
            log.warning("a refused parameter cannot be remembered", extra={"detail": error.detail})
        return True
