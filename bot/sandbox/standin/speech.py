"""``POST /v1/audio/speech``: refuses what the API refuses, and speaks the rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.sandbox.standin.behaviours import Behaviour, Cut, Hold, Html, Raw, Refuse, Stall
from bot.sandbox.standin.chat import WEB_PAGE, refused
from bot.sandbox.standin.delivery import send_raw
from bot.sandbox.standin.models import SPEECH_MODELS, SpeechModelCard, model_card
from bot.sandbox.standin.record import RECORD
from bot.sandbox.standin.refusals import Refusal, invalid, unsupported_parameter, unsupported_value
from bot.sandbox.standin.tokens import pieces_of
from bot.sandbox.standin.voice import Voice

CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
KNOWN = frozenset({"model", "input", "voice", "instructions", "response_format", "speed", "stream_format"})
INPUT_CHARS = 4096
SPEEDS = (0.25, 4.0)


class SpeechEndpoint:
    """The speech endpoint with its script and its bill.

    Of the behaviours, ``Hold``, ``Stall`` and ``Cut`` come before the answer; ``Say`` has no meaning here.
    """

    def __init__(self, voice: Voice) -> None:
        self.script: deque[Behaviour] = deque()
        self.billed = 0
        self._voice = voice

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this endpoint."""
        return [web.post("/v1/audio/speech", self.speak)]

    async def speak(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        record = request[RECORD]
        body = check_speech(record.body)
        behaviour = self.script.popleft() if self.script else None
        match behaviour:
            case Refuse():
                return refused(behaviour)
            case Html(status=status):
                return web.Response(status=status, text=WEB_PAGE, content_type="text/html")
            case Raw():
                return await send_raw(request, behaviour)
        self.billed += 1
        file_format = body.get("response_format", "mp3")
        sound = await self._voice.speak(body["input"], file_format, voice=body["voice"], speed=body.get("speed", 1.0))
        content = sound.content
        record.usage = {"characters": len(body["input"]), "seconds": sound.seconds}
        match behaviour:
            case Hold():
                await record.released.wait()
            case Stall():
                await record.released.wait()
                content = b""
            case Cut():
                content = content[: len(content) // 2]
        response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPES[file_format]})
        if isinstance(behaviour, Cut):
            response.content_length = len(sound.content)  # it promises more than it sends
        await response.prepare(request)
        await response.write(content)
        if isinstance(behaviour, Cut | Stall) and request.transport is not None:
            request.transport.close()
        return response


def check_speech(body: Any) -> Mapping[str, Any]:
    """Return the parameters of a request; raise the refusal of one that the API does not take."""
    if not isinstance(body, dict):
        raise Refusal("The body of the request is not a JSON object.")
    given = {name: value for name, value in body.items() if value is not None}
    for name in ("model", "input", "voice"):
        if name not in given:
            raise Refusal(f"Missing required parameter: '{name}'.", code="missing_required_parameter", param=name)
    card = _card(given["model"])
    for name in given:
        if name in card.refused:
            raise unsupported_parameter(name)
        if name not in KNOWN:
            raise Refusal(f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)
    _check_values(given, card)
    return given


def _card(name: object) -> SpeechModelCard:
    if not isinstance(name, str):
        raise invalid("model", "expected a string.")
    if name in SPEECH_MODELS:
        return SPEECH_MODELS[name]
    model_card(name)  # refuses what does not exist
    raise Refusal(f"The model `{name}` does not support this endpoint.", code="invalid_model", param="model")


def _check_values(given: Mapping[str, Any], card: SpeechModelCard) -> None:
    for name in ("input", "instructions"):
        text = given.get(name, "x")
        if not isinstance(text, str) or not text:
            raise invalid(name, "expected a string that is not empty.")
        if len(text) > INPUT_CHARS:
            raise invalid(name, f"expected at most {INPUT_CHARS} characters.", "string_above_max_length")
    if card.input_tokens is not None and len(pieces_of(given["input"])) > card.input_tokens:
        raise invalid("input", f"expected at most {card.input_tokens} tokens.", "input_too_long")
    if given["voice"] not in card.voices:
        raise invalid("voice", f"expected one of {', '.join(sorted(card.voices))}.")
    if given.get("response_format", "mp3") not in CONTENT_TYPES:
        raise invalid("response_format", f"expected one of {', '.join(CONTENT_TYPES)}.")
    if given.get("stream_format", "audio") != "audio":
        raise unsupported_value("stream_format", "the stand-in sends sound in one piece.")
    speed = given.get("speed", 1.0)
    if not isinstance(speed, int | float) or isinstance(speed, bool) or not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise invalid("speed", f"expected a number from {SPEEDS[0]} to {SPEEDS[1]}.")
