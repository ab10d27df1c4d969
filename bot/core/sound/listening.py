"""Listens to a sound part by part: with which model, what it costs at most, and what it has cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from typing import Final

from bot.core.catalogue import Catalogue, Resolved
from bot.core.errors.provider import ProviderError
from bot.core.limits import SOUND_PART_SECONDS
from bot.core.ports.clock import Clock
from bot.core.ports.files import Sound
from bot.core.ports.money import MediaUsage
from bot.core.sound.transcripts import Transcript, TranscriptModel, TranscriptRequest, joined

MICRO: Final = 1_000_000
# Where a model is paid for by tokens, at most so many come from a second of sound.
AUDIO_TOKENS_PER_SECOND: Final = 12
TEXT_TOKENS_PER_SECOND: Final = 10
MEASURED_SHORT: Final = 1.02  # a server may count a little more than we measured
ENGLISH: Final = frozenset({"english", "en", "en-us", "en-gb"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A server that listens, and the operator's model there. ``ends``: shutdown dates of the catalogue hold there."""

    transcripts: TranscriptModel
    model: str
    ends: bool = True


@dataclass(slots=True)
class Heard:
    """What came of the parts so far. ``failure``: why there is no more."""

    parts: int
    transcripts: list[Transcript] = field(default_factory=list)
    micro_usd: int = 0
    usage: MediaUsage = field(default_factory=MediaUsage)
    failure: ProviderError | None = None

    @property
    def transcript(self) -> Transcript:
        """All of it as one."""
        return joined(self.transcripts)


class Listening:
    """Writes down what is said. ``translator`` is a server with the translations endpoint, if there is one."""

    def __init__(
        self,
        listener: Listener,
        catalogue: Catalogue,
        clock: Clock,
        *,
        unpriced_call_micro_usd: int,
        translator: Listener | None = None,
    ) -> None:
        self._listener = listener
        self._translator = translator
        self._catalogue = catalogue
        self._clock = clock
        self._unpriced_micro_usd = unpriced_call_micro_usd

    def resolve(self, chosen: str | None = None) -> Resolved:
        """Return the model that listens: the chosen one or the operator's, or what replaces it."""
        model = chosen or self._listener.model
        return self._catalogue.resolve(model, self._clock.now().date()) if self._listener.ends else Resolved(model)

    def translator_for(self, to: str) -> str | None:
        """Return the model of the translations endpoint where one translates into that language, and lives."""
        translator = self._translator
        if translator is None or to.strip().casefold() not in ENGLISH:
            return None
        today = self._clock.now().date()
        if translator.ends and self._catalogue.resolve(translator.model, today).replaced_from is not None:
            return None
        return translator.model

    def gives_times(self, model: str) -> bool:
        """Whether a model can say when something is said."""
        return self._catalogue.entry(model).transcription.timestamps

    def part_seconds(self, chosen: str | None = None) -> int:
        """Return the longest sound that the model takes at once."""
        longest = self._catalogue.entry(self.resolve(chosen).model).transcription.seconds
        return min(SOUND_PART_SECONDS, longest or SOUND_PART_SECONDS)

    def worst_micro_usd(self, model: str, sounds: Sequence[Sound]) -> int:
        """Return the most that listening to sounds can cost."""
        return sum(self._worst_micro_usd(model, sound.seconds) for sound in sounds)

    def price_version(self, model: str) -> str:
        """Name the price that holds."""
        return self._catalogue.price_version(model, self._clock.now().date())

    async def hear(
        self,
        sounds: Sequence[Sound],
        request: Callable[[Sound], TranscriptRequest],
        *,
        heard: Heard,
        progress: Callable[[int], None] = lambda part: None,
    ) -> None:
        """Listen to every part in order, and note in ``heard`` what came of it; the first failure ends it.

        ``progress`` is told the number of the part that is being listened to.
        """
        for number, sound in enumerate(sounds, 1):
            progress(number)
            asked = request(sound)
            server = self._translator if asked.to_english and self._translator is not None else self._listener
            try:
                transcript = await server.transcripts.transcribe(asked)
            except ProviderError as error:
                heard.failure = error
                if error.may_be_billed:
                    heard.micro_usd += self._worst_micro_usd(asked.model, sound.seconds)
                return
            heard.transcripts.append(transcript)
            heard.micro_usd += self._cost_micro_usd(asked.model, transcript.usage, sound.seconds)
            heard.usage = _sum(heard.usage, transcript.usage or MediaUsage(seconds=sound.seconds))

    def _worst_micro_usd(self, model: str, seconds: float) -> int:
        price = self._catalogue.entry(model).price(self._clock.now().date())
        if price is None:
            return self._unpriced_micro_usd
        if price.per_minute is not None:
            return _rounded(Decimal(seconds * MEASURED_SHORT + 1) / 60 * price.per_minute * MICRO)
        tokens = Decimal(seconds + 1) * (AUDIO_TOKENS_PER_SECOND * price.input + TEXT_TOKENS_PER_SECOND * price.output)
        return _rounded(tokens)

    def _cost_micro_usd(self, model: str, usage: MediaUsage | None, seconds: float) -> int:
        price = self._catalogue.entry(model).price(self._clock.now().date())
        if price is None:
            return self._unpriced_micro_usd
        if price.per_minute is not None:
            counted = usage.seconds if usage is not None and usage.seconds else seconds
            return _rounded(Decimal(counted) / 60 * price.per_minute * MICRO)
        if usage is None or not usage.input_tokens:
            return self._worst_micro_usd(model, seconds)
        return _rounded(usage.input_tokens * price.input + usage.output_tokens * price.output)


def _sum(one: MediaUsage, other: MediaUsage) -> MediaUsage:
    return MediaUsage(
        input_tokens=one.input_tokens + other.input_tokens,
        input_audio_tokens=one.input_audio_tokens + other.input_audio_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        seconds=one.seconds + other.seconds,
    )


def _rounded(micro_usd: Decimal) -> int:
    return int(micro_usd.to_integral_value(rounding=ROUND_CEILING))
