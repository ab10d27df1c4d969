"""What a member may ask for besides words: pictures, speech, transcripts. Plain values, stored with the claim.

A task is paid for once: unlike a text it is never generated again by itself after a crash. The words it works on (the
prompt, the text to read aloud) are the question's ``text``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias


class PictureAction(StrEnum):
    """What is done with pictures. Describing one is an ordinary question with a picture."""

    GENERATE = "generate"
    VARY = "vary"
    EDIT = "edit"


class SoundAction(StrEnum):
    """What is done with what somebody says."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureTask:
    """Make ``count`` pictures. ``None`` means not set: the catalogue's default holds, or nothing is sent.

    ``size``, ``quality``, ``style``, ``background`` and ``file_format`` are the names that members choose from; the
    catalogue maps what a model does not know.
    """

    action: PictureAction = PictureAction.GENERATE
    model: str | None = None
    size: str | None = None
    quality: str | None = None
    style: str | None = None
    count: int = 1
    background: str | None = None
    file_format: str | None = None
    spoiler: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechTask:
    """Read the question's text aloud. ``file_format``: ``voice-message`` or the name of an audio format.

    ``may_be_voice``: native voice messages can be sent where it is answered. ``limit_bytes``: of a file there.
    """

    model: str | None = None
    voice: str | None = None
    file_format: str = "voice-message"
    speed: float | None = None
    instructions: str | None = None
    may_be_voice: bool = True
    limit_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundTask:
    """Write down what is said in a file. ``language`` is what is spoken, ``to`` the language of the result.

    ``prompt`` is context for the model (names, spelling). ``speak``: the result is read aloud too.
    """

    action: SoundAction = SoundAction.TRANSCRIBE
    model: str | None = None
    language: str | None = None
    keywords: tuple[str, ...] = ()
    prompt: str | None = None
    output: str = "text"
    summary: bool = False
    to: str | None = None
    speak: bool = False


Task: TypeAlias = PictureTask | SpeechTask | SoundTask


@dataclass(frozen=True, slots=True)
class KeptTask:
    """A task that was done, for the buttons under its result. ``result_text``: a transcript or a translation."""

    trigger_id: int
    author_id: int
    channel_id: int
    private: bool
    text: str
    task: Task
    result_text: str | None
    done_at: datetime
