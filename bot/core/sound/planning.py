"""What is asked for when a text is read aloud, in the model's own words, and what that can take at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.core.errors.work import NothingToRead, TooLongToRead
from bot.core.limits import LONG_SPEECH_CHARS, SPEECH_CHARS
from bot.core.ports.money import MediaUsage
from bot.core.sound.cards import SpeechCard
from bot.core.sound.costs import audio_tokens, worst_seconds
from bot.core.sound.formats import VOICE_MESSAGE
from bot.core.sound.words import speech_parts
from bot.core.tasks import SpeechTask
from bot.core.tokens import estimate_tokens

TOKEN_RESERVE: Final = 1.2  # the estimate of tokens errs by a tenth
PROMPT_TOKENS: Final = 100  # of the instructions that go along to a chat model


@dataclass(frozen=True, slots=True)
class SpeechPlan:
    """What is asked for, in the model's own words. ``asked_model``: the one that the member named."""

    model: str
    asked_model: str
    card: SpeechCard
    voice: str
    file_format: str
    speed: float
    instructions: str | None

    @property
    def sent_speed(self) -> float | None:
        """The speed that goes to the server; any other one is made here."""
        return self.speed if self.speed != 1.0 and self.card.speed else None

    @property
    def token_limit(self) -> int | None:
        """The tokens, as estimated, that one request may have."""
        return None if self.card.input_tokens is None else int(self.card.input_tokens / TOKEN_RESERVE)

    @property
    def is_chat(self) -> bool:
        """Whether a chat model reads: it thinks in tokens that no sound shows."""
        return self.card.contract == "chat"

    def pieces(self, text: str) -> Sequence[str]:
        """Return a text in the parts that are spoken one by one. Raises ``TooLongToRead`` or ``NothingToRead``."""
        if len(text) > LONG_SPEECH_CHARS:
            raise TooLongToRead(limit=LONG_SPEECH_CHARS)
        pieces = speech_parts(text, limit_chars=SPEECH_CHARS, limit_tokens=self.token_limit)
        if not pieces:
            raise NothingToRead
        return pieces

    def text_tokens(self, tokens: int) -> int:
        """Return the most tokens that are sent for a text of so many, as estimated."""
        return int(tokens * TOKEN_RESERVE) + estimate_tokens(self.instructions or "") + PROMPT_TOKENS

    def most_tokens(self, tokens: int) -> int:
        """Return the most tokens, of text and sound, that can come back for a text of so many."""
        text_tokens = self.text_tokens(tokens)
        sound = audio_tokens(worst_seconds(text_tokens, self.sent_speed or 1.0))
        return text_tokens + sound if self.is_chat else sound

    def worst_usage(self, tokens: int, chars: int) -> MediaUsage:
        """Return the most that reading a text of so many tokens and characters can take."""
        text_tokens = self.text_tokens(tokens)
        return MediaUsage(
            input_tokens=text_tokens,
            output_audio_tokens=self.most_tokens(tokens),
            output_tokens=text_tokens if self.is_chat else 0,
            characters=chars,
        )


def plan_speech(task: SpeechTask, card: SpeechCard, *, model: str, asked_model: str) -> SpeechPlan:
    """Return what a task comes to with a model."""
    return SpeechPlan(
        model=model,
        asked_model=asked_model,
        card=card,
        voice=card.voice(task.voice),
        file_format="opus" if task.file_format == VOICE_MESSAGE else task.file_format,
        speed=task.speed or 1.0,
        instructions=task.instructions if card.instructions else None,
    )
