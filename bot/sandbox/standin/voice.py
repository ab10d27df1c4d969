"""The stand-in's voice: texts as sound files, off the event loop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.core.sound.formats import PCM, PCM_RATE, Recording
from bot.reading.encoding import encode
from bot.sandbox.standin.spoken import Spoken

RAW = ("pcm", "pcm16")


@dataclass(frozen=True, slots=True)
class Sound:
    """A spoken text as a file."""

    content: bytes
    seconds: float


class Voice:
    """Speaks, and remembers what it said."""

    def __init__(self, spoken: Spoken) -> None:
        self._spoken = spoken

    async def speak(self, text: str, file_format: str, *, voice: str, speed: float = 1.0) -> Sound:
        """Return a text as a sound file."""
        return await asyncio.to_thread(self._speak, text, file_format, voice, speed)

    def _speak(self, text: str, file_format: str, voice: str, speed: float) -> Sound:
        pcm = self._spoken.say(text, voice=voice, speed=speed)
        seconds = len(pcm) / (2 * PCM_RATE)
        if file_format in RAW:
            return Sound(pcm, seconds)
        return Sound(encode([Recording(pcm, PCM)], file_format).content, seconds)
