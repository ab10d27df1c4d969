"""What reading aloud costs: by characters, or by tokens of text and of sound."""

from __future__ import annotations

from decimal import ROUND_CEILING
from typing import Final

from bot.core.catalogue import Price
from bot.core.ports.money import MediaUsage

# OpenAI puts gpt-4o-mini-tts at 0.015 USD a minute and at 12 USD per million audio tokens, which is 21 per second.
AUDIO_TOKENS_PER_SECOND: Final = 21
# Nobody reads as slowly: a token is four letters or a Chinese character and a half.
SECONDS_PER_TOKEN: Final = 0.6


def worst_seconds(text_tokens: int, speed: float) -> float:
    """Return how long a text of so many tokens may take to read at most, where the server reads it at a speed."""
    return text_tokens * SECONDS_PER_TOKEN / min(1.0, speed)


def audio_tokens(seconds: float) -> int:
    """Return the tokens of so much sound."""
    return round(seconds * AUDIO_TOKENS_PER_SECOND)


def speech_micro_usd(price: Price, usage: MediaUsage) -> int:
    """Return what was used costs, in millionths of a US dollar, rounded up."""
    sound = price.output if price.audio_output is None else price.audio_output
    total = (
        usage.characters * (price.per_million_chars or 0)
        + usage.input_tokens * price.input
        + usage.output_tokens * price.output
        + usage.output_audio_tokens * sound
    )
    return int(total.to_integral_value(rounding=ROUND_CEILING))
