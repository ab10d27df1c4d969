"""A sound or video file: fetched, decoded once in the child process, and cut into parts that the API takes."""

from __future__ import annotations

import json
import logging
from typing import Final, Protocol

from bot.core.errors.files import FileProblem, FileRefused
from bot.core.limits import SOUND_FILE_BYTES, SOUND_PART_BYTES, SOUND_SECONDS
from bot.core.ports.files import AttachedFile, FilesRead, Sound
from bot.reading.children import JobFailed

log = logging.getLogger(__name__)

JOB_SECONDS: Final = 90.0
COPIES: Final = 2  # one here, and one in the child process or on its way to the provider
MIME: Final = {
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "wav": "audio/wav",
    "webm": "audio/webm",
}
PROBLEMS: Final = {
    "broken": FileProblem.SOUND_BROKEN,
    "empty": FileProblem.SOUND_EMPTY,
    "format": FileProblem.SOUND_FORMAT,
    "not_sound": FileProblem.SOUND_NOT_SOUND,
    "silent": FileProblem.SOUND_SILENT,
    "too_large": FileProblem.SOUND_TOO_LARGE,
    "too_long": FileProblem.SOUND_TOO_LONG,
}


class Child(Protocol):
    """What fetches files, and has the child process work on them."""

    async def fetch(self, file: AttachedFile, *, limit_bytes: int) -> bytes:
        """Return a file's bytes; raises ``FileRefused``."""
        ...

    async def work(self, *arguments: str, given: bytes, seconds: float) -> bytes:
        """Return what the child process writes; raises ``JobFailed`` or ``TimeoutError``."""
        ...


class SoundFile:
    """One file with something to hear. Implements ``FileReader``."""

    def __init__(self, child: Child, file: AttachedFile, *, part_seconds: int, splits: bool) -> None:
        self._child = child
        self._file = file
        self._part_seconds = part_seconds
        self._most_seconds = SOUND_SECONDS if splits else part_seconds
        self._most_bytes = SOUND_FILE_BYTES if splits else SOUND_PART_BYTES

    async def size_bytes(self) -> int:
        """Return its size, for each of those who have it at one time."""
        return COPIES * self._file.size if self._file.size <= self._most_bytes else 0

    async def read(self) -> FilesRead:
        """Fetch, decode and cut it; raises ``FileRefused``."""
        try:
            content = await self._child.fetch(self._file, limit_bytes=self._most_bytes)
        except FileRefused as refused:
            if refused.problem is FileProblem.TOO_LARGE:
                raise self._refused(FileProblem.SOUND_TOO_LARGE) from None
            raise FileRefused(refused.problem, number=1) from None
        if not content:
            raise self._refused(FileProblem.SOUND_EMPTY)
        arguments = map(str, (self._most_seconds, self._part_seconds, SOUND_PART_BYTES))
        try:
            written = await self._child.work("sound", *arguments, given=content, seconds=JOB_SECONDS)
        except (JobFailed, TimeoutError):
            raise self._refused(FileProblem.SOUND_BROKEN) from None
        end = written.index(b"\n")
        found, rest = json.loads(written[:end]), memoryview(written)[end + 1 :]
        if "problem" in found:
            raise self._refused(PROBLEMS[found["problem"]])
        return FilesRead(sounds=_sounds(found, rest, content))

    def _refused(self, problem: FileProblem) -> FileRefused:
        log.info("a sound was refused", extra={"code": problem.value, "bytes": self._file.size})
        megabytes, minutes = self._most_bytes // 1_000_000, self._most_seconds // 60
        return FileRefused(problem, megabytes=megabytes, minutes=minutes)


def _sounds(found: dict[str, object], rest: memoryview, content: bytes) -> tuple[Sound, ...]:
    """Return the parts that the child cut, or the file itself where it cut none."""
    ending, seconds = str(found["ending"]), float(str(found["seconds"]))
    starts: list[float] = found["starts"]  # type: ignore[assignment]
    sizes: list[int] = found["sizes"] or [len(content)]  # type: ignore[assignment]
    contents: bytes | memoryview = rest if found["sizes"] else content
    sounds: list[Sound] = []
    at = 0
    for start, end, size in zip(starts, [*starts[1:], seconds], sizes, strict=True):
        name = f"sound-{len(sounds) + 1}.{ending}"
        sounds.append(Sound(name, MIME[ending], end - start, bytes(contents[at : at + size]), start_seconds=start))
        at += size
    return tuple(sounds)
