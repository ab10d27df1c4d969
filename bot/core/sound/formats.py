"""Audio formats by the names that members choose from, and what the first bytes of a file say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

VOICE_MESSAGE: Final = "voice-message"
PCM: Final = "pcm"  # 24 kHz, 16 bits, one channel, without a header (OpenAI)
PCM_RATE: Final = 24_000

# The ending of a file's name. PCM is wrapped, because nobody could play it.
ENDINGS: Final[Mapping[str, str]] = {
    "mp3": "mp3",
    "opus": "ogg",
    "aac": "aac",
    "flac": "flac",
    "wav": "wav",
    PCM: "wav",
}


@dataclass(frozen=True, slots=True)
class Recording:
    """Sound as a server sent it. ``file_format`` is what the bytes are, whatever was asked for."""

    content: bytes = field(repr=False)
    file_format: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """A finished sound file. ``waveform``: 256 amplitudes of 0 to 255."""

    content: bytes = field(repr=False)
    seconds: float
    waveform: bytes


def format_of(content: bytes, *, asked: str) -> str | None:
    """Return what the bytes of an answer are; ``None`` for what is no sound that is known here.

    PCM has no mark: it is taken for that when it was asked for and could not be text. Quiet samples look like the two
    bytes that begin a frame of MP3 or AAC, so these do not count then.
    """
    if content[:4] == b"OggS":
        return "opus"
    if content[:4] == b"fLaC":
        return "flac"
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return "wav"
    if content[:3] == b"ID3":
        return "mp3"
    if asked != PCM and len(content) > 1 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0:
        return "aac" if content[1] & 0xF6 == 0xF0 else "mp3"
    if asked == PCM and len(content) > 1 and not _is_text(content[:200]):
        return PCM
    return None


def _is_text(head: bytes) -> bool:
    try:
        return head[:198].decode("ascii").isprintable() or head.lstrip()[:1] in (b"<", b"{", b"[")
    except UnicodeDecodeError:
        return False
