"""The models that the stand-in offers under their real names, what each refuses, and ``/v1/models``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from bot.sandbox.standin.refusals import Refusal

CREATED = 1_767_225_600  # 2026-01-01; nothing depends on it


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What one model takes.

    ``efforts``: the reasoning efforts it knows, none for a model that does not reason; it reasons with
    ``default_effort`` when the request names none, and takes sampling parameters only with ``none``.
    ``refused``: parameters it does not take, each with the one to use instead.
    ``shutdown_date`` is announced only: no answer depends on today's date, or tests would end with the model.
    """

    name: str
    context_tokens: int
    answer_tokens: int
    shutdown_date: str | None = None
    efforts: tuple[str, ...] = ()
    default_effort: str = "medium"
    cache_writes_billed: bool = False
    refused: Mapping[str, str | None] = field(default_factory=dict)
    speaks: bool = False  # takes audio output, and only that

    def as_json(self) -> dict[str, Any]:
        """Return the model as the API lists it."""
        return listed(self.name, self.shutdown_date)


def listed(name: str, shutdown_date: str | None) -> dict[str, Any]:
    """Return a model as the API lists it."""
    return {
        "id": name,
        "object": "model",
        "created": CREATED,
        "owned_by": "stand-in",
        "shutdown_date": shutdown_date,
    }


_RENAMED = {"max_tokens": "max_completion_tokens"}
_NOT_REASONING = {"reasoning_effort": None, "verbosity": None}
_LUNA_EFFORTS = ("none", "low", "medium", "high", "xhigh", "max")

MODELS = {
    card.name: card
    for card in (
        ModelCard("gpt-6-luna", 1_050_000, 128_000, efforts=_LUNA_EFFORTS, cache_writes_billed=True, refused=_RENAMED),
        ModelCard(
            "gpt-6.1-terra", 1_050_000, 128_000, efforts=_LUNA_EFFORTS, cache_writes_billed=True, refused=_RENAMED
        ),
        ModelCard(
            "gpt-6.2-sol", 1_050_000, 128_000, efforts=_LUNA_EFFORTS[1:], cache_writes_billed=True, refused=_RENAMED
        ),
        ModelCard("gpt-5.5", 400_000, 128_000, efforts=_LUNA_EFFORTS[:-1], refused=_RENAMED),
        ModelCard("gpt-4o-mini", 128_000, 16_384, shutdown_date="2027-01-14", refused=_NOT_REASONING),
        ModelCard("gpt-audio-1.5", 128_000, 16_384, refused={**_RENAMED, **_NOT_REASONING}, speaks=True),
        # Made up: a context that a short conversation fills.
        ModelCard("standin-small", 2_000, 16_384, refused=_NOT_REASONING),
        # Made up: a server that knows only the oldest parameters.
        ModelCard(
            "standin-classic",
            32_000,
            32_000,
            refused={
                "max_completion_tokens": "max_tokens",
                "stream_options": None,
                "safety_identifier": None,
                "prompt_cache_key": None,
                **_NOT_REASONING,
            },
        ),
        # Made up: everything but the penalties.
        ModelCard(
            "standin-no-penalties",
            128_000,
            32_000,
            refused={"presence_penalty": None, "frequency_penalty": None, **_NOT_REASONING},
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureCard:
    """What one picture model takes. ``shutdown_date`` is announced only, as with chat models."""

    name: str
    contract: Literal["gpt-image", "dall-e"] = "gpt-image"
    shutdown_date: str | None = None
    qualities: tuple[str, ...] = ("auto", "low", "medium", "high", "xhigh", "max")  # the first is the default
    sizes: tuple[str, ...] = ()
    free_sizes: bool = True
    styles: bool = False
    most_pictures: int = 10
    edits: bool = True
    variations: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the model as the API lists it."""
        return listed(self.name, self.shutdown_date)


PICTURE_MODELS = {
    card.name: card
    for card in (
        PictureCard(name="gpt-image-2.6-flare"),
        PictureCard(name="gpt-image-2.6-sunburst"),
        PictureCard(name="gpt-image-2.5-flare"),
        PictureCard(
            name="gpt-image-1.5",
            shutdown_date="2026-12-01",
            qualities=("auto", "low", "medium", "high"),
            free_sizes=False,
        ),
        # Retired at OpenAI; this is what servers that still speak their contract take.
        PictureCard(
            name="dall-e-3",
            contract="dall-e",
            qualities=("standard", "hd"),
            sizes=("1024x1024", "1792x1024", "1024x1792"),
            styles=True,
            most_pictures=1,
            edits=False,
        ),
        PictureCard(
            name="dall-e-2",
            contract="dall-e",
            qualities=("standard",),
            sizes=("1024x1024", "512x512", "256x256"),
            variations=True,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class SpeechModelCard:
    """What one model of the speech endpoint takes: its voices, and the parameters it does not know."""

    name: str
    voices: frozenset[str]
    refused: frozenset[str] = frozenset()
    input_tokens: int | None = None
    shutdown_date: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the model as the API lists it."""
        return ModelCard(self.name, 0, 0, shutdown_date=self.shutdown_date).as_json()


_OLD_VOICES = frozenset({"alloy", "ash", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer"})
VOICES = _OLD_VOICES | {"ballad", "cedar", "marin", "verse"}
_LAST_SPEECH = "2027-01-06"

SPEECH_MODELS = {
    card.name: card
    for card in (
        SpeechModelCard("gpt-4o-mini-tts", VOICES, input_tokens=2000, shutdown_date=_LAST_SPEECH),
        SpeechModelCard("tts-1", _OLD_VOICES, frozenset({"instructions"}), shutdown_date=_LAST_SPEECH),
        SpeechModelCard("tts-1-hd", _OLD_VOICES, frozenset({"instructions"}), shutdown_date=_LAST_SPEECH),
        # Made up: a server of one's own, with another name for a voice, that knows neither manner nor speed.
        SpeechModelCard("standin-voice", VOICES | {"own_voice"}, frozenset({"instructions", "speed"})),
    )
}

# Shut down on 2026-10-23 (announced in the SDK's list of chat models).
SHUT_DOWN = frozenset(
    {"gpt-3.5-turbo", "gpt-4", "gpt-4-turbo", "gpt-4.1-nano", "o1", "o3-mini", "o4-mini", "gpt-image-1"}
)


def model_card(name: str) -> ModelCard:
    """Return a model's card; refuse with 404 what is unknown or shut down."""
    if name in MODELS:
        return MODELS[name]
    raise _not_found(name)


def picture_card(name: str) -> PictureCard:
    """Return a picture model's card; refuse with 404 what is unknown or shut down."""
    if name in PICTURE_MODELS:
        return PICTURE_MODELS[name]
    raise _not_found(name)


def _not_found(name: str) -> Refusal:
    if name in SHUT_DOWN:
        sentence = f"The model `{name}` was shut down on 2026-10-23 and cannot be used any more."
    else:
        sentence = f"The model `{name}` does not exist or you do not have access to it."
    return Refusal(sentence, status=404, code="model_not_found")


def routes() -> list[web.RouteDef]:
    """Return the routes of the models endpoints."""
    return [web.get("/v1/models", _list_models), web.get("/v1/models/{name}", _retrieve_model)]


async def _list_models(_: web.Request) -> web.Response:
    cards: list[ModelCard | PictureCard | SpeechModelCard] = [
        *MODELS.values(),
        *PICTURE_MODELS.values(),
        *SPEECH_MODELS.values(),
    ]
    return web.json_response({"object": "list", "data": [card.as_json() for card in cards]})


async def _retrieve_model(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    card = PICTURE_MODELS.get(name) or SPEECH_MODELS.get(name) or model_card(name)
    return web.json_response(card.as_json())
