"""Transcriptions and translations of sound at one endpoint. Each call may cost money, so none is ever made twice."""

from __future__ import annotations

import json
import logging
import math
import warnings
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from openai import AsyncAPIResponse

from bot.core.catalogue import Catalogue
from bot.core.errors.provider import InvalidReply, RequestRefused
from bot.core.limits import TRANSCRIPTION_SECONDS
from bot.core.ports.clock import Clock
from bot.core.ports.money import MediaUsage
from bot.core.sound.transcripts import Segment, Transcript, TranscriptRequest
from bot.provider.breaker import Breaker
from bot.provider.clients import make_client
from bot.provider.once import CallsOnce, Refused
from bot.provider.translate import Failure

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
        total_seconds: float = TRANSCRIPTION_SECONDS,
    ) -> None:
        self._catalogue = catalogue
        self._calls = CallsOnce(clock, total_seconds=total_seconds)
        self._client = make_client(base_url=base_url.rstrip("/"), api_key=api_key)

    @property
    def breaker(self) -> Breaker:
        """The circuit breaker of the endpoint."""
        return self._calls.breaker

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def transcribe(self, request: TranscriptRequest) -> Transcript:
        """Return what is said in one sound; see ``TranscriptModel``.

        A request that was refused for an option, and therefore not worked on, is made again without it.
        """
        fields = self._fields(request)
        ignored = self._left_out(request, fields)
        while True:
            try:
                return _read(await self._post(request, fields), request, ignored)
            except Refused as refused:
                failure = refused.failure
            name = _refused_option(failure, fields)
            log.info("the provider refuses a parameter", extra={"model": request.model, "parameter": name})
            del fields[name]
            if name in PUBLIC_NAMES:
                ignored = (*ignored, PUBLIC_NAMES[name])

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

    async def _post(self, request: TranscriptRequest, fields: dict[str, Any]) -> bytes:
        sound = request.sound
        audio = self._client.audio
        endpoint: Any = audio.translations if request.to_english else audio.transcriptions

        def opening() -> AbstractAsyncContextManager[AsyncAPIResponse[Any]]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # OpenAI's translations end; other servers' do not
                made: AbstractAsyncContextManager[AsyncAPIResponse[Any]] = endpoint.with_streaming_response.create(
                    file=(sound.name, sound.content, sound.mime), **fields
                )
                return made

        return (await self._calls.answer(opening, model=request.model, mendable=True)).content


def _refused_option(failure: Failure, fields: Mapping[str, Any]) -> str:
    """Return the option that a server does not take; raise when it is about something else."""
    named = (failure.param or "").removesuffix("[]")
    if named not in fields or named == "model":
        raise RequestRefused(failure.detail)
    return named


def _read(content: bytes, request: TranscriptRequest, ignored: tuple[str, ...]) -> Transcript:
    """Return the transcript in an answer; some servers send bare text whatever they were asked for."""
    first = content.lstrip()[:1]
    if first == b"<":
        raise InvalidReply("a web page")
    body: Any = content.decode("utf-8", "replace")
    if first in (b"{", b"[", b'"'):  # whatever else is JSON may be what was said: "1984", "true"
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            if first != b'"':
                raise InvalidReply("not JSON") from None
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
