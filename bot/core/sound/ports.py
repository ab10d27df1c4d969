"""What reading aloud needs from outside: a model that speaks, and an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.core.ports.money import MediaUsage
from bot.core.sound.cards import SpeechCard
from bot.core.sound.formats import Encoded, Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechRequest:
    """One text to be read aloud. ``None`` means not set: nothing is sent. ``max_tokens`` caps what a chat model says.

    ``file_format`` is what is asked for; what comes may be something else.
    """

    model: str
    card: SpeechCard
    text: str
    voice: str
    file_format: str
    max_tokens: int
    speed: float | None = None
    instructions: str | None = None
    member_hash: str | None = None  # a stable pseudonym of the asker, for the provider's abuse checks


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """What a server answered. ``usage``: where it told. ``said``: the words, where the model says which it used.

    ``ignored_options``: what the server refused and was left out. ``cut``: the model stopped before the end.
    """

    recording: Recording
    usage: MediaUsage | None = None
    said: str | None = None
    ignored_options: tuple[str, ...] = ()
    cut: bool = False
    request_id: str | None = None


class SpeechModel(Protocol):
    """Reads texts aloud."""

    async def speak(self, request: SpeechRequest) -> Speech:
        """Return the recording of one text; sent once, whatever happens. Raises a ``ProviderError``."""
        ...


class SoundEncoder(Protocol):
    """Makes sound files, off the event loop."""

    async def check(self, recording: Recording) -> None:
        """Raise ``InvalidReply`` for a recording that cannot be decoded, or that has not a single sample."""
        ...

    async def encode(
        self, recordings: Sequence[Recording], file_format: str, *, speed: float = 1.0, bit_rate: int | None = None
    ) -> Encoded:
        """Return one file of all recordings; raises ``InvalidReply`` for what cannot be decoded."""
        ...
