"""What is said in a sound, written down: the values, the port, and how times stand in subtitles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar, Protocol

from pydantic import ConfigDict

from bot.core.ports.files import Sound
from bot.core.ports.money import MediaUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionEntry:
    """What a model that writes down speech takes; the defaults are those of whisper-1 and of compatible servers.

    ``timestamps``: it can say when something is said. ``lists``: it takes lists of languages and keywords instead of
    one language. ``seconds``: the longest sound.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    timestamps: bool = True
    lists: bool = False
    seconds: int | None = None


class Output(StrEnum):
    """How a transcript is wanted."""

    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of speech with its times in the member's file."""

    start_seconds: float
    end_seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class TranscriptRequest:
    """One sound, or one part of it, to write down; with ``to_english`` to translate. Nothing is sent for ``None``."""

    model: str
    sound: Sound
    language: str | None = None
    keywords: tuple[str, ...] = ()
    prompt: str | None = None
    timestamps: bool = False
    to_english: bool = False


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard. ``segments`` is empty where the model gives no times; ``languages`` where it names none.

    ``ignored_options``: what a member set and the server does not take. ``usage`` is ``None`` where none was returned.
    """

    text: str
    segments: tuple[Segment, ...] = ()
    languages: tuple[str, ...] = ()
    usage: MediaUsage | None = None
    ignored_options: tuple[str, ...] = ()

    def after(self, seconds: float) -> Transcript:
        """Return it as what begins so many seconds into the member's file."""
        moved = (Segment(s.start_seconds + seconds, s.end_seconds + seconds, s.text) for s in self.segments)
        return replace(self, segments=tuple(moved))


class TranscriptModel(Protocol):
    """Writes down what is said."""

    async def transcribe(self, request: TranscriptRequest) -> Transcript:
        """Return what is said in one sound, perhaps nothing; raises a ``ProviderError``. Never asks twice."""
        ...


def joined(transcripts: Sequence[Transcript]) -> Transcript:
    """Return the parts of one sound as one; their times are those of the whole already."""
    return Transcript(
        text="\n\n".join(text for t in transcripts if (text := t.text.strip())),
        segments=tuple(segment for t in transcripts for segment in t.segments),
        languages=tuple(dict.fromkeys(language for t in transcripts for language in t.languages)),
        ignored_options=tuple(dict.fromkeys(option for t in transcripts for option in t.ignored_options)),
    )


def subtitles(segments: Sequence[Segment], output: Output) -> str:
    """Return segments as SubRip or WebVTT."""
    mark = "," if output is Output.SRT else "."
    blocks = [] if output is Output.SRT else ["WEBVTT"]
    for number, segment in enumerate(segments, 1):
        # A blank line ends a cue, and an arrow begins one: neither is anybody's word.
        words = " ".join(segment.text.replace("-->", "→").split())
        times = f"{_clock(segment.start_seconds, mark)} --> {_clock(segment.end_seconds, mark)}"
        blocks.append("\n".join([*([str(number)] if output is Output.SRT else []), times, words]))
    return "\n\n".join(blocks) + "\n"


def as_json(transcript: Transcript) -> str:
    """Return a transcript as JSON: its text, its languages, and its segments where there are some."""
    value: dict[str, object] = {"text": transcript.text, "languages": list(transcript.languages)}
    if transcript.segments:
        value["segments"] = [
            {"start": round(s.start_seconds, 3), "end": round(s.end_seconds, 3), "text": s.text}
            for s in transcript.segments
        ]
    return json.dumps(value, ensure_ascii=False, indent=1)


def _clock(seconds: float, mark: str) -> str:
    milliseconds = max(0, round(seconds * 1000))
    hours, milliseconds = divmod(milliseconds, 3_600_000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    whole, milliseconds = divmod(milliseconds, 1000)
    return f"{hours:02}:{minutes:02}:{whole:02}{mark}{milliseconds:03}"
