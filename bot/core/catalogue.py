"""Models as plain values: what each accepts, costs, and when it goes. Read from ``catalogue.toml`` and an overlay.

A row is named by a model id, which also covers the id's dated snapshots (``gpt-4o`` covers ``gpt-4o-2024-08-06``), or
by a pattern with ``*``. The row with the longest name that matches wins; ids go before patterns.
"""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from fnmatch import translate as glob_pattern
from hashlib import blake2s
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from bot.core.conversation import Usage
from bot.core.pictures.models import PictureModel
from bot.core.sound.cards import ANY_SPEECH_MODEL, SpeechCard

UNPRICED = "unpriced"

Capability = Literal["chat", "image", "speech", "transcription", "translation", "moderation"]
CapParameter = Literal["max_completion_tokens", "max_tokens"]
Sampling = Literal["temperature", "top_p", "frequency_penalty", "presence_penalty"]
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Usd = Annotated[Decimal, Field(ge=0, le=100_000)]
Tokens = Annotated[int, Field(gt=0)]

ALL_SAMPLING: frozenset[Sampling] = frozenset({"temperature", "top_p", "frequency_penalty", "presence_penalty"})


MEDIA_RATES = (
    "image_input",
    "per_picture",
    "audio_output",
    "per_million_chars",
)  # in a price's version only where they are set


class CatalogueError(ValueError):
    """A catalogue or overlay that cannot be used; each of ``problems`` names its place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class LongContext:
    """What a whole request costs more when its prompt is longer than ``above_tokens``, as factors."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    above_tokens: Tokens
    input: Usd
    output: Usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens, which is the same as micro-USD per token, from a day on.

    ``cached_input`` and ``cache_write`` are charged as ``input`` where they are not known, ``audio_output`` as
    ``output``. ``per_million_chars``: of a text that is read aloud.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    effective_from: date
    input: Usd
    output: Usd
    cached_input: Usd | None = None
    cache_write: Usd | None = None
    long_context: LongContext | None = None
    image_input: Usd | None = None  # tokens of pictures that are sent; as ``input`` where not known
    per_picture: Usd | None = None  # US dollars for each picture, where tokens are not counted
    audio_output: Usd | None = None
    per_million_chars: Usd | None = None
    source: str = ""
    checked_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureTokens:
    """What a picture costs a chat model in tokens, as a rule of thumb that errs upwards.

    ``low`` at low detail; otherwise ``base`` and ``each`` for every square of ``side_pixels``, of which at most
    ``most`` are counted, because a larger picture is made smaller first. The defaults are those of GPT-4o.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    low: Tokens = 85
    base: Annotated[int, Field(ge=0)] = 85
    side_pixels: Tokens = 512
    each: Tokens = 170
    most: Tokens = 8

    def of(self, width: int, height: int, detail: str | None = None) -> int:
        """Return about how many tokens a picture takes, at most."""
        if detail == "low":
            return self.low
        squares = math.ceil(width / self.side_pixels) * math.ceil(height / self.side_pixels)
        return self.base + self.each * min(squares, self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """What is known about a model. The defaults describe a model of any OpenAI-compatible server.

    ``cap_parameter`` caps the answer's tokens; ``reasoning_effort`` is what is sent, ``None`` for nothing; ``sampling``
    is what may be sent when a member sets it. ``sees_pictures``: a chat model takes them; ``picture_tokens`` is what
    they cost it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    capability: Capability = "chat"
    cap_parameter: CapParameter = "max_tokens"
    reasoning_effort: ReasoningEffort | None = None
    sampling: frozenset[Sampling] = ALL_SAMPLING
    context_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    sees_pictures: bool = True
    picture_tokens: PictureTokens = PictureTokens()
    prices: tuple[Price, ...] = ()
    pictures: PictureModel | None = None
    shutdown: date | None = None
    fallback: str | None = None
    speech: SpeechCard | None = None

    @property
    def speech_card(self) -> SpeechCard:
        """How the model is asked to speak."""
        return self.speech or ANY_SPEECH_MODEL

    def price(self, on: date) -> Price | None:
        """Return the price that holds on a day."""
        begun = [price for price in self.prices if price.effective_from <= on]
        return max(begun, key=lambda price: price.effective_from, default=None)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The model to use. ``replaced_from`` is the one that was asked for, when that one has been shut down."""

    model: str
    replaced_from: str | None = None


@dataclass(frozen=True, slots=True)
class OfferedModel:
    """A model as a server lists it, with the day from which it is gone where the server says so."""

    model: str
    shutdown: date | None = None


class Catalogue:
    """Answers what a model accepts, costs and is replaced by."""

    def __init__(self, entries: dict[str, ModelEntry]) -> None:
        names = sorted(entries, key=lambda name: ("*" in name, -len(name)))
        self._rows = [(re.compile(_pattern(name)), name, entries[name]) for name in names]

    @classmethod
    def parse(cls, text: str, overlay: str | None = None) -> Catalogue:
        """Read the catalogue's TOML, and the operator's over it: in a model of both, the overlay's keys win.

        Raises ``CatalogueError`` with every problem and its place.
        """
        rows = _rows(text, "catalogue")
        if overlay is not None:
            own = _rows(overlay, "overlay")
            _entries(own, "overlay")  # checked alone, so that a problem is named as the overlay's
            for name, row in own.items():
                rows[name] = {**rows.get(name, {}), **row}
        entries = _entries(rows, "catalogue")
        catalogue = cls(entries)
        problems = [f"models.{name}.fallback: leads in a circle" for name in entries if catalogue._circles(name)]
        if problems:
            raise CatalogueError(problems)
        return catalogue

    def entry(self, model: str) -> ModelEntry:
        """Return what is known about a model; an unknown one is taken for a compatible server's."""
        return self._row(model)[1]

    def knows(self, model: str) -> bool:
        """Whether a row says anything about a model."""
        return bool(self._row(model)[0])

    def resolve(self, model: str, on: date) -> Resolved:
        """Follow the fallbacks of models whose shutdown day has come."""
        current = model
        while True:
            entry = self.entry(current)
            if entry.shutdown is None or entry.shutdown > on or entry.fallback is None:
                return Resolved(current, model if current != model else None)
            current = entry.fallback

    def shutdown_in_days(self, model: str, on: date) -> int | None:
        """Return the days until a model is shut down, 0 or less once it is; ``None`` when no date is known."""
        shutdown = self.entry(model).shutdown
        return None if shutdown is None else (shutdown - on).days

    def offered(self, capability: Capability, on: date) -> list[tuple[str, ModelEntry]]:
        """Return the models to choose from for a capability: those known by name; the ones that end soon come last."""
        chosen = [
            (name, entry)
            for _, name, entry in self._rows
            if entry.capability == capability and "*" not in name and (entry.shutdown is None or entry.shutdown > on)
        ]
        return sorted(chosen, key=lambda row: (row[1].shutdown is not None, row[0]))

    def cost_micro_usd(self, model: str, usage: Usage, on: date) -> int | None:
        """Return what a call cost, in millionths of a US dollar, rounded up; ``None`` without a known price."""
        price = self.entry(model).price(on)
        if price is None:
            return None
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        written = min(usage.cache_write_tokens, usage.prompt_tokens - cached)
        prompt = (
            (usage.prompt_tokens - cached - written) * price.input
            + cached * _or_input(price.cached_input, price)
            + written * _or_input(price.cache_write, price)
        )
        return _total(price, prompt, usage.prompt_tokens, usage.completion_tokens)

    def worst_case_micro_usd(
        self, model: str, prompt_tokens: int, max_tokens: int, on: date, unpriced_micro_usd: int
    ) -> int:
        """Return the most that a call can cost, in millionths of a US dollar.

        Nothing comes from the cache, everything is written to it, and the answer is as long as its cap allows.
        """
        price = self.entry(model).price(on)
        if price is None:
            return unpriced_micro_usd
        prompt = prompt_tokens * max(price.input, _or_input(price.cache_write, price))
        return _total(price, prompt, prompt_tokens, max_tokens)

    def price_version(self, model: str, on: date) -> str:
        """Name the price that holds, so that a stored usage can be priced again: row, day and a digest of the price."""
        name, entry = self._row(model)
        price = entry.price(on)
        if price is None:
            return UNPRICED
        numbers = (price.input, price.output, price.cached_input, price.cache_write, price.long_context)
        media = [(name, rate) for name in MEDIA_RATES if (rate := getattr(price, name)) is not None]
        digest = blake2s(f"{numbers!r}{media or ''}".encode(), digest_size=4).hexdigest()
        return f"{name}@{price.effective_from.isoformat()}#{digest}"

    def _row(self, model: str) -> tuple[str, ModelEntry]:
        return next(((name, entry) for pattern, name, entry in self._rows if pattern.match(model)), ("", GENERIC))

    def _circles(self, name: str) -> bool:
        seen = {name}
        fallback = self.entry(name).fallback
        while fallback is not None and fallback not in seen:
            seen.add(fallback)
            fallback = self.entry(fallback).fallback
        return fallback is not None


GENERIC = ModelEntry()


def _pattern(name: str) -> str:
    return glob_pattern(name) if "*" in name else rf"{re.escape(name)}(-\d{{4}}-\d{{2}}-\d{{2}})?\Z"


def _rows(text: str, which: str) -> dict[str, dict[str, Any]]:
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError([f"{which}: not valid TOML: {error}"]) from None
    problems = [f"{which}: {key}: not known here" for key in document if key != "models"]
    models = document.get("models", {})
    if not isinstance(models, dict):
        raise CatalogueError([*problems, f'{which}: models: must be tables such as [models."gpt-6-luna"]'])
    problems += [
        f"{which}: models.{name}: must be a table" for name, row in models.items() if not isinstance(row, dict)
    ]
    if problems:
        raise CatalogueError(problems)
    return models


def _entries(rows: dict[str, dict[str, Any]], which: str) -> dict[str, ModelEntry]:
    try:
        return TypeAdapter(dict[str, ModelEntry]).validate_python(rows)
    except ValidationError as error:
        raise CatalogueError(
            [
                f"{which}: models.{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
                for problem in error.errors(include_input=False, include_url=False, include_context=False)
            ]
        ) from None


def _or_input(rate: Decimal | None, price: Price) -> Decimal:
    return price.input if rate is None else rate


def _total(price: Price, prompt_micro_usd: Decimal, prompt_tokens: int, completion_tokens: int) -> int:
    completion_micro_usd = completion_tokens * price.output
    long = price.long_context
    if long is not None and prompt_tokens > long.above_tokens:
        prompt_micro_usd *= long.input
        completion_micro_usd *= long.output
    return int((prompt_micro_usd + completion_micro_usd).to_integral_value(rounding=ROUND_CEILING))
