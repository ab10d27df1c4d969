"""What a speech model takes, as the catalogue says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final, Literal

from pydantic import ConfigDict, Field

# OpenAI's voices (POST /v1/audio/speech), in the order in which members choose.
VOICES: Final = (
    "alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse", "marin", "cedar",
)  # fmt: skip

Contract = Literal["speech", "chat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechCard:
    """How a model is asked to speak. The defaults describe a model of any OpenAI-compatible speech server.

    ``contract``: ``speech`` is POST /audio/speech, ``chat`` a chat completion with audio output. ``voices``: the name
    that is sent for a voice, where it is another one. ``input_tokens``: the longest text. ``instructions``, ``speed``:
    whether the model takes them.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    contract: Contract = "speech"
    default_voice: str = "alloy"
    voices: Mapping[str, str] = field(default_factory=dict)
    instructions: bool = True
    speed: bool = True
    input_tokens: Annotated[int, Field(gt=0)] | None = None

    def voice(self, wanted: str | None) -> str:
        """Return the voice to send."""
        name = wanted or self.default_voice
        return self.voices.get(name, name)


ANY_SPEECH_MODEL: Final = SpeechCard()
