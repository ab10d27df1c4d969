"""``POST /v1/audio/transcriptions`` and ``/translations``: what the API refuses is refused, and only our own sound is
understood."""

from __future__ import annotations

import asyncio
import io
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from aiohttp import web

from bot.sandbox.standin.behaviours import Behaviour, Cut, Hold, Html, Raw, Refuse, Say, Stall
from bot.sandbox.standin.bodies import Upload
from bot.sandbox.standin.chat import WEB_PAGE, refused
from bot.sandbox.standin.delivery import send_raw
from bot.sandbox.standin.record import RECORD, RecordedRequest
from bot.sandbox.standin.refusals import Refusal, invalid, unsupported_parameter, unsupported_value

FILE_BYTES: Final = 25 * 1024 * 1024
SHORTEST_SECONDS: Final = 0.1
FORMATS: Final = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
TAKEN_FORMATS: Final = tuple(name for name in FORMATS if name != "oga")
WHISPER_OUTPUTS: Final = ("json", "text", "srt", "verbose_json", "vtt")
COMMON: Final = frozenset({"file", "model", "prompt", "response_format", "temperature"})
NOTHING_UNDERSTOOD: Final = (
    "This is the stand-in: there is no speech model here, and it understands only what it has said itself."
)
WORDS_PER_SEGMENT: Final = 8
AUDIO_TOKENS_PER_SECOND: Final = 10


class HeardWords(Protocol):
    """Words in a sound."""

    @property
    def at_seconds(self) -> float:
        """Where they begin."""
        ...

    @property
    def text(self) -> str:
        """The words."""
        ...


Understand = Callable[[bytes], Sequence[HeardWords] | None]


@dataclass(frozen=True, slots=True)
class SpeechCard:
    """What one model takes beside what all take. ``seconds``: the longest sound; ``tokens``: it is billed by them."""

    outputs: tuple[str, ...]
    options: frozenset[str]
    seconds: int | None = None
    tokens: bool = False
    translates: bool = False


CARDS: Final = {
    "gpt-transcribe": SpeechCard(("json", "text"), frozenset({"language", "languages[]", "keywords[]"})),
    "whisper-1": SpeechCard(WHISPER_OUTPUTS, frozenset({"language", "timestamp_granularities[]"}), translates=True),
    "gpt-4o-mini-transcribe": SpeechCard(("json",), frozenset({"language"}), seconds=1400, tokens=True),
    # Made up: a server that knows only the file and the model, and answers with bare text.
    "standin-classic-transcribe": SpeechCard(("json", "text"), frozenset()),
}


class TranscriptionEndpoint:
    """The two endpoints with their script and their bill. ``understand`` knows the words of our own sound."""

    def __init__(self, understand: Understand) -> None:
        self.script: deque[Behaviour] = deque()
        self.billed = 0
        self._understand = understand

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of these endpoints."""
        return [
            web.post("/v1/audio/transcriptions", self.answer),
            web.post("/v1/audio/translations", self.answer),
        ]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        record = request[RECORD]
        translates = request.path.endswith("/translations")
        card, upload = _checked(record.body, translates=translates)
        seconds = await asyncio.to_thread(_seconds, upload.content)
        if seconds < SHORTEST_SECONDS:
            raise Refusal("Audio file is too short. Minimum audio length is 0.1 seconds.", code="audio_too_short")
        if card.seconds is not None and seconds > card.seconds:
            sentence = f"audio duration {seconds:.0f} seconds is longer than {card.seconds} seconds"
            raise invalid("file", f"{sentence} which is the maximum for this model.")
        behaviour = self.script.popleft() if self.script else None
        match behaviour:
            case Refuse():
                return refused(behaviour)
            case Html(status=status):
                return web.Response(status=status, text=WEB_PAGE, content_type="text/html")
        self.billed += 1
        record.usage = {"seconds": seconds}
        if isinstance(behaviour, Raw):
            return await send_raw(request, behaviour)
        if await _is_broken_off(request, record, behaviour):
            return web.Response()
        heard = await self._heard(behaviour, upload.content, seconds)
        return _response(record.body, card, heard, seconds, translates=translates)

    async def _heard(
        self, behaviour: Behaviour | None, content: bytes, seconds: float
    ) -> list[tuple[float, float, str]]:
        """Return what is said, as segments: where each begins and ends, and its words."""
        say = behaviour if isinstance(behaviour, Say) else getattr(behaviour, "answer", None)
        text = say.text if isinstance(say, Say) else say
        understood = [(0.0, str(text))] if text is not None else None
        if understood is None:
            words = await asyncio.to_thread(self._understand, content)
            understood = [(one.at_seconds, one.text) for one in words] if words else [(0.0, NOTHING_UNDERSTOOD)]
        ends = [at for at, _ in understood[1:]] + [seconds]
        return [
            segment
            for (start, text), end in zip(understood, ends, strict=True)
            for segment in _segments(text, start, end)
        ]


def _segments(text: str, start: float, end: float) -> list[tuple[float, float, str]]:
    words = text.split(" ")
    pieces = [" ".join(words[at : at + WORDS_PER_SEGMENT]) for at in range(0, len(words), WORDS_PER_SEGMENT)]
    step = (end - start) / max(1, len(pieces))
    return [(start + n * step, start + (n + 1) * step, piece) for n, piece in enumerate(pieces) if text]


def _checked(body: Any, *, translates: bool) -> tuple[SpeechCard, Upload]:
    """Return the model's card and the file; raise the refusal of a request that the API does not take."""
    fields: Mapping[str, Any] = body if isinstance(body, dict) else {}
    model, upload = fields.get("model"), fields.get("file")
    if not isinstance(model, str):
        raise Refusal("you must provide a model parameter", param="model")
    card = CARDS.get(model)
    if card is None or (translates and not card.translates):
        raise Refusal(f"The model `{model}` does not exist or is not served here.", status=404, code="model_not_found")
    if not isinstance(upload, Upload):
        raise Refusal("[{'type': 'missing', 'loc': ('body', 'file'), 'msg': 'Field required'}]", param="file")
    for name in fields:
        if name not in COMMON and (translates or name not in card.options):
            raise unsupported_parameter(name.removesuffix("[]"))
    if fields.get("language") and fields.get("languages[]"):
        raise invalid("language", "give either language or languages.")
    output = fields.get("response_format", "json")
    if output not in card.outputs:
        sentence = f"response_format '{output}' is not compatible with model '{model}'. Use 'json' or 'text' instead."
        raise unsupported_value("response_format", sentence)
    ending = upload.file_name.rpartition(".")[2].lower()
    if ending not in TAKEN_FORMATS:  # judged by the name alone
        raise Refusal(
            f"Unsupported file format {ending}. Supported formats: {', '.join(FORMATS)}", code="unsupported_format"
        )
    if len(upload.content) > FILE_BYTES:
        raise Refusal(f"Maximum content size limit ({FILE_BYTES}) exceeded ({len(upload.content)} bytes).", status=413)
    return card, upload


def _seconds(content: bytes) -> float:
    import av  # noqa: PLC0415 - only where sound comes

    try:
        with av.open(io.BytesIO(content), "r") as container:
            stream = container.streams.audio[0]
            return float(sum(frame.samples / frame.sample_rate for frame in container.decode(stream)))
    except (av.FFmpegError, IndexError, ValueError):
        raise Refusal(
            "The audio file could not be decoded or its format is not supported.", code="invalid_value", param="file"
        ) from None


async def _is_broken_off(request: web.Request, record: RecordedRequest, behaviour: Behaviour | None) -> bool:
    """Wait, or hang up, where the script says so."""
    if isinstance(behaviour, Hold | Stall):
        await record.released.wait()
    if not isinstance(behaviour, Cut | Stall):
        return False
    if request.transport is not None:
        request.transport.close()
    return True


def _response(
    fields: Mapping[str, Any],
    card: SpeechCard,
    heard: Sequence[tuple[float, float, str]],
    seconds: float,
    *,
    translates: bool,
) -> web.Response:
    text = " ".join(words for _, _, words in heard)
    if card is CARDS["standin-classic-transcribe"] or fields.get("response_format") == "text":
        return web.Response(text=text + "\n", content_type="text/plain")
    usage: dict[str, object] = {"type": "duration", "seconds": round(seconds, 2)}
    if card.tokens:
        counted = round(seconds * AUDIO_TOKENS_PER_SECOND), len(text.split())
        details = {"audio_tokens": counted[0], "text_tokens": 0}
        usage = {"type": "tokens", "input_tokens": counted[0], "input_token_details": details,
                 "output_tokens": counted[1], "total_tokens": sum(counted)}  # fmt: skip
    answer: dict[str, object] = {"text": text}
    if fields.get("response_format") in ("verbose_json", "srt", "vtt"):
        answer |= {
            "task": "translate" if translates else "transcribe",
            "language": "english" if translates else str(fields.get("language", "english")),
            "duration": round(seconds, 2),
            "segments": [_segment(number, *segment) for number, segment in enumerate(heard)],
        }
    elif card is CARDS["gpt-transcribe"]:
        answer["languages"] = [{"code": code} for code in fields.get("languages[]", ["en"])]
    if not translates:
        answer["usage"] = usage
    return web.json_response(answer)


def _segment(number: int, start: float, end: float, text: str) -> dict[str, object]:
    return {"id": number, "seek": 0, "start": round(start, 2), "end": round(end, 2), "text": f" {text}", "tokens": [],
            "temperature": 0.0, "avg_logprob": -0.1, "compression_ratio": 1.0, "no_speech_prob": 0.0}  # fmt: skip
