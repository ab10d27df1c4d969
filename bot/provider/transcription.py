"""Transcriptions and translations of sound at one endpoint. Each call may cost money, so none is ever made twice."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Mapping
from typing import Any, Final

import httpx2

from bot.core.catalogue import Catalogue
from bot.core.errors import InvalidReply, ProviderError, ProviderTimeout, RequestRefused
from bot.core.limits import TRANSCRIPTION_SECONDS
from bot.core.ports import Clock, MediaUsage
from bot.core.sound.transcripts import Segment, Transcript, TranscriptRequest
from bot.provider.breaker import Breaker
from bot.provider.clients import make_client
from bot.provider.parameters import REFUSED_CODES, REFUSED_PROSE
from bot.provider.translate import CLIENT_ERRORS, Failure, Kind, classify, failure_of

log = logging.getLogger(__name__)

# What a member can set, by its name in the request, with its public name.
PUBLIC_NAMES: Final = {"language": "language", "languages": "language", "keywords": "keywords", "prompt": "prompt"}
TIMES: Final = "verbose_json"  # the one format with the times of segments; subtitles are made from it


class OpenAITranscriptModel:
    """Implements ``TranscriptModel`` with one client for one (base URL, key)."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        catalogue: Catalogue,
        clock: Clock,
        seconds: float = TRANSCRIPTION_SECONDS,
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._seconds = seconds
        self._breaker = Breaker(clock)
        self._client = make_client(base_url=base_url.rstrip("/"), api_key=api_key)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def transcribe(self, request: TranscriptRequest) -> Transcript:
        """Return what is said in one sound; see ``TranscriptModel``.

        A request that was refused for an option, and therefore not worked on, is made once more without it.
        """
        fields = self._fields(request)
        ignored = self._left_out(request, fields)
        try:
            return _read(await self._post(request, fields), request, ignored)
        except _OptionRefused as refused:
            del fields[refused.name]
            if refused.name in PUBLIC_NAMES:
                ignored = (*ignored, PUBLIC_NAMES[refused.name])
            log.info("the provider refuses a parameter", extra={"model": request.model, "parameter": refused.name})
        try:
            return _read(await self._post(request, fields), request, ignored)
        except _OptionRefused as again:
            raise again.error from None

    def _fields(self, request: TranscriptRequest) -> dict[str, Any]:
        entry = self._catalogue.entry(request.model).transcription
        fields: dict[str, Any] = {"model": request.model}
        if request.language is not None and not request.to_english:
            fields |= {"languages": [request.language]} if entry.lists else {"language": request.language}
        if request.keywords and entry.lists and not request.to_english:
            fields["keywords"] = list(request.keywords)
        prompt = request.prompt
        if request.keywords and "keywords" not in fields:  # a model without keywords takes them as words to expect
            prompt = ", ".join([*([prompt] if prompt else []), *request.keywords])
        if prompt:
            fields["prompt"] = prompt
        fields["response_format"] = TIMES if request.timestamps and entry.timestamps else "json"
        return fields

    @staticmethod
    def _left_out(request: TranscriptRequest, fields: Mapping[str, Any]) -> tuple[str, ...]:
        return ("language",) if request.language and not fields.keys() & {"language", "languages"} else ()

    async def _post(self, request: TranscriptRequest, fields: dict[str, Any]) -> httpx2.Response:
        self._breaker.check()
        sound = request.sound
        path = "/audio/translations" if request.to_english else "/audio/transcriptions"
        try:
            async with asyncio.timeout(self._seconds):
                # Not the SDK's own methods: the one for translations warns of its end, and both guess what comes back.
                response = await self._client.post(
                    path,
                    cast_to=httpx2.Response,
                    body=fields,
                    files=[("file", (sound.name, sound.content, sound.mime))],
                    options={"headers": {"Content-Type": "multipart/form-data"}},
                )
        except TimeoutError:
            late = ProviderTimeout("a transcript")
            self._breaker.record(late)
            raise late from None
        except CLIENT_ERRORS as error:
            failure = failure_of(error, now=self._clock.now())
        else:
            self._breaker.record(None)
            return response
        # Outside of the handler, so that what is raised does not carry the server's prose along as its context.
        translated = classify(failure, model=request.model)
        translated.lost_attempts = int(failure.kind is Kind.LOST)
        self._breaker.record(translated)
        name = _refused_option(failure, fields)
        if isinstance(translated, RequestRefused) and name is not None:
            raise _OptionRefused(name, translated)
        raise translated


class _OptionRefused(Exception):
    """The server refuses one parameter."""

    def __init__(self, name: str, error: ProviderError) -> None:
        super().__init__(name)
        self.name = name
        self.error = error


def _refused_option(failure: Failure, fields: Mapping[str, Any]) -> str | None:
    if failure.status not in (400, 422):
        return None
    if not failure.words & REFUSED_CODES and not REFUSED_PROSE.search(failure.message):
        return None
    named = (failure.param or "").removesuffix("[]")
    return named if named in fields and named != "model" else None


def _read(response: httpx2.Response, request: TranscriptRequest, ignored: tuple[str, ...]) -> Transcript:
    """Return the transcript in an answer; some servers send bare text whatever they were asked for."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/html" or response.content.lstrip()[:1] == b"<":
        raise InvalidReply("a web page")
    try:
        body: Any = json.loads(response.content)
    except ValueError:
        if not kind.startswith("text/"):
            raise InvalidReply("not JSON") from None
        body = response.content.decode("utf-8", "replace")
    if isinstance(body, str):
        return Transcript(body.strip(), ignored_options=ignored)
    if not isinstance(body, dict) or not isinstance(body.get("text"), str):
        raise InvalidReply("no text")
    transcript = Transcript(
        text=body["text"].strip(),
        segments=_segments(body.get("segments")),
        languages=_languages(body),
        usage=_usage(body),
        ignored_options=ignored,
    )
    return transcript.after(request.sound.start_seconds)


def _segments(value: Any) -> tuple[Segment, ...]:
    found = []
    for one in value if isinstance(value, list) else ():
        if not isinstance(one, dict):
            continue
        start, end, text = _number(one.get("start")), _number(one.get("end")), one.get("text")
        if start is not None and end is not None and isinstance(text, str) and text.strip():
            found.append(Segment(start, max(start, end), text.strip()))
    return tuple(found)


def _languages(body: Mapping[str, Any]) -> tuple[str, ...]:
    named = body.get("languages")
    codes = [one.get("code") if isinstance(one, dict) else one for one in named] if isinstance(named, list) else []
    return tuple(code for code in [*codes, body.get("language")] if isinstance(code, str) and code)


def _usage(body: Mapping[str, Any]) -> MediaUsage | None:
    usage = body.get("usage")
    if isinstance(usage, dict) and usage.get("type") == "tokens":
        details = usage.get("input_token_details")
        audio = _number(details.get("audio_tokens")) if isinstance(details, dict) else None
        return MediaUsage(
            input_tokens=int(_number(usage.get("input_tokens")) or 0),
            input_audio_tokens=int(audio or 0),
            output_tokens=int(_number(usage.get("output_tokens")) or 0),
        )
    seconds = _number(usage.get("seconds")) if isinstance(usage, dict) else _number(body.get("duration"))
    return None if seconds is None else MediaUsage(seconds=seconds)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None
