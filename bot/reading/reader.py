"""What the bot asks of the child process, one job at a time for each of two places."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from bot.core.attachments import FileKind, decoded, kind_of, safe_file_name, taken
from bot.core.conversation import AttachedText, Attachment, PictureSource
from bot.core.errors.files import FileProblem, FileRefused
from bot.core.json_output import NotJson, strict_json
from bot.core.limits import (
    ATTACHMENTS,
    FILE_CHARS,
    KEPT_FILE_CHARS,
    PDF_FILE_BYTES,
    PICTURES,
    PICTURES_BYTES,
    SCHEMA_FILE_BYTES,
    SOUND_PART_SECONDS,
    TEXT_FILE_BYTES,
)
from bot.core.ports.files import AttachedFile, FetchFile, FileReader, FilesRead, Picture, Violation
from bot.core.schemas import check_schema, schema_name
from bot.reading.children import Children, JobFailed
from bot.reading.headers import is_picture
from bot.reading.pictures import AttachedPictures, checked_picture, described, fetched_picture
from bot.reading.sound import SoundFile

log = logging.getLogger(__name__)

JOB_SECONDS: Final = 20.0
TRANSCRIPT: Final = "transcript of a sound"  # in words for the prompt
JOBS_SIDE_BY_SIDE: Final = 2  # each may take a processor and a gibibyte


class Reading:
    """Reads members' files and checks answers against their schemas. Implements ``SchemaChecker``."""

    def __init__(self, fetch: FetchFile, *, job_seconds: float = JOB_SECONDS, splits_sounds: bool = True) -> None:
        self._fetch = fetch
        self._splits_sounds = splits_sounds
        self._job_seconds = job_seconds
        self._children = Children(JOBS_SIDE_BY_SIDE)

    def files(
        self,
        attachments: Sequence[AttachedFile],
        *,
        schema: AttachedFile | None = None,
        kept: bool,
        sources: Sequence[PictureSource] = (),
        quoted: Sequence[tuple[AttachedFile, PictureSource]] = (),
        about_quoted: bool = False,
    ) -> FileReader | None:
        """Return the reader of a question's files; ``None`` for no files. ``kept``: they go into a conversation.

        ``sources``: where the attachments are found again, one for each, when a message holds them. ``quoted``: the
        pictures of the message that the question replies to; one that cannot be used is left out. ``about_quoted``:
        the question is about nothing else, and is refused when all of them are.
        """
        if not attachments and schema is None and not quoted:
            return None
        limit_chars = KEPT_FILE_CHARS if kept else FILE_CHARS
        return QuestionFiles(
            self, attachments, schema, limit_chars, sources=sources, quoted=quoted, about_quoted=about_quoted
        )

    def pictures(self, attachments: Sequence[AttachedFile], mask: AttachedFile | None = None) -> FileReader | None:
        """Return the reader of a task's pictures and their mask; ``None`` for none."""
        return AttachedPictures(self._fetch, attachments, mask) if attachments or mask is not None else None

    async def picture(self, file: AttachedFile) -> Picture:
        """Return one picture; raises ``FileRefused``."""
        return (await fetched_picture(self._fetch, file))[0]

    def sound(self, file: AttachedFile, *, part_seconds: int = SOUND_PART_SECONDS) -> FileReader:
        """Return the reader of a sound or video file, in parts of at most so many seconds."""
        return SoundFile(self, file, part_seconds=part_seconds, splits=self._splits_sounds)

    def sound_along(self, file: AttachedFile, *, schema: AttachedFile | None, part_seconds: int) -> FileReader:
        """Return the reader of a sound that goes along with a question in words, and of the answer's schema."""
        schema_alone = self.files([], schema=schema, kept=False)
        return SoundAlong(self.sound(file, part_seconds=part_seconds), file, schema_alone)

    async def fetch(self, file: AttachedFile, *, limit_bytes: int) -> bytes:
        """Return a file's bytes; raises ``FileRefused``."""
        if file.size > limit_bytes:
            raise FileRefused(FileProblem.TOO_LARGE)
        return await self._fetch(file, limit_bytes=limit_bytes)

    async def text(self, content: bytes, limit_chars: int) -> tuple[FileKind, str, bool]:
        """Return what a file is, its text, and whether there is more; raises ``FileRefused``."""
        # Not on the loop: a PDF's limit lets many megabytes come this far.
        kind = await asyncio.to_thread(kind_of, content)
        if kind is FileKind.PDF:
            return kind, *await self._pdf_text(content, limit_chars)
        if len(content) > TEXT_FILE_BYTES:
            raise FileRefused(FileProblem.TOO_LARGE)
        return kind, *await asyncio.to_thread(_text, content, limit_chars)

    async def schema(self, content: bytes) -> str:
        """Return the schema in a file as JSON; raises ``FileRefused`` for one that is not to be used."""
        try:
            schema = strict_json(decoded(content) or "")
            text = json.dumps(schema, ensure_ascii=False)
            given = text.encode()
        except (NotJson, UnicodeEncodeError):  # half a surrogate pair can be written in JSON, and is no text
            raise FileRefused(FileProblem.SCHEMA_NOT_JSON) from None
        check_schema(schema)
        try:
            wrong = (await self._job("schema", given=given))["violation"]
        except (JobFailed, TimeoutError):
            raise FileRefused(FileProblem.SCHEMA_TOO_LARGE, where="`#`") from None
        if wrong is not None:
            raise FileRefused(FileProblem.SCHEMA_INVALID, where=f"`{safe_path(wrong['path'])}`")
        return text

    async def violation(self, value: str, schema: str) -> Violation | None:
        """Return the first thing that is wrong with a JSON text; raises ``TimeoutError`` when it takes too long."""
        try:
            found = (await self._job("value", given=f"[{schema},{value}]".encode()))["violation"]
        except JobFailed:
            raise TimeoutError from None
        return None if found is None else Violation(**{**found, "path": safe_path(found["path"])})

    async def _pdf_text(self, content: bytes, limit_chars: int) -> tuple[str, bool]:
        try:
            found = await self._job("pdf", str(limit_chars), given=content)
        except (JobFailed, TimeoutError):
            raise FileRefused(FileProblem.PDF_BROKEN) from None
        if "problem" in found:
            raise FileRefused(FileProblem.PDF_LOCKED)
        text, cut = taken(found["text"], limit_chars)
        if not text.strip():
            raise FileRefused(FileProblem.PDF_WITHOUT_TEXT)
        return text, cut or found["read"] < found["pages"]

    async def _job(self, *arguments: str, given: bytes) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(await self.work(*arguments, given=given, seconds=self._job_seconds))
        return result

    async def work(self, *arguments: str, given: bytes, seconds: float) -> bytes:
        """Return what the child process writes; raises ``JobFailed``, or ``TimeoutError`` when it takes too long."""
        return await self._children.run("bot.reading.worker", *arguments, given=given, seconds=seconds)


class SoundAlong:
    """A sound that is context for a question: what it says stands where a file's text does. Implements ``FileReader``.

    ``schema``: the reader of the answer's schema, if there is one.
    """

    def __init__(self, sound: FileReader, file: AttachedFile, schema: FileReader | None) -> None:
        self._sound = sound
        self._file = file
        self._schema = schema

    async def size_bytes(self) -> int:
        """Return what they take in memory, for each of those who have it at one time."""
        schema_bytes = await self._schema.size_bytes() if self._schema is not None else 0
        return schema_bytes + await self._sound.size_bytes()

    async def read(self) -> FilesRead:
        """Fetch, check and read them; raises ``FileRefused``."""
        read = await self._schema.read() if self._schema is not None else FilesRead()
        sounds = (await self._sound.read()).sounds
        untold = AttachedText(safe_file_name(self._file.filename), TRANSCRIPT, self._file.size, text="")
        return replace(read, attachments=(untold,), sounds=sounds)


class QuestionFiles:
    """The files of one question. Implements ``FileReader``."""

    def __init__(
        self,
        reading: Reading,
        attachments: Sequence[AttachedFile],
        schema: AttachedFile | None,
        limit_chars: int,
        *,
        sources: Sequence[PictureSource] = (),
        quoted: Sequence[tuple[AttachedFile, PictureSource]] = (),
        about_quoted: bool = False,
    ) -> None:
        self._reading = reading
        self._attachments = attachments
        self._schema = schema
        self._limit_chars = limit_chars
        self._sources = sources
        self._quoted = quoted
        self._about_quoted = about_quoted

    async def size_bytes(self) -> int:
        """Return the size of all that are fetched."""
        files = (*self._attachments, *(file for file, _ in self._quoted))
        return sum(file.size for file in files if file.size <= PDF_FILE_BYTES)

    async def read(self) -> FilesRead:
        """Fetch, check and read them; raises ``FileRefused``."""
        if len(self._attachments) > ATTACHMENTS:
            raise FileRefused(FileProblem.TOO_MANY, limit=ATTACHMENTS)
        schema = name = None
        if self._schema is not None:
            try:
                content = await self._reading.fetch(self._schema, limit_bytes=SCHEMA_FILE_BYTES)
            except FileRefused as refused:
                large = refused.problem is FileProblem.TOO_LARGE
                raise FileRefused(FileProblem.SCHEMA_NOT_JSON if large else refused.problem, number=1) from None
            schema, name = await self._reading.schema(content), schema_name(self._schema.filename)
        found: list[Attachment] = []
        pictures: list[Picture] = []
        left = self._limit_chars
        for number, file in enumerate(self._attachments, 1):
            # What earlier files leave of the room, shared by those that are still to come.
            room = left // (len(self._attachments) - number + 1)
            try:
                read = await self._content_of(file, room)
            except FileRefused as refused:
                raise FileRefused(refused.problem, number=number) from None
            if isinstance(read, Picture):
                pictures.append(read)
                found.append(described(read, self._sources[number - 1] if self._sources else None))
            else:
                left -= len(read.text)
                found.append(read)
        if sum(len(picture.content) for picture in pictures) > PICTURES_BYTES:
            raise FileRefused(FileProblem.PICTURES_BYTES)
        lost = await self._add_quoted(found, pictures)
        return FilesRead(tuple(found), schema, name, pictures=tuple(pictures), lost=lost)

    async def _content_of(self, file: AttachedFile, limit_chars: int) -> Picture | AttachedText:
        content = await self._reading.fetch(file, limit_bytes=PDF_FILE_BYTES)
        if is_picture(content):
            return (await checked_picture(file.filename, content))[0]
        kind, text, cut = await self._reading.text(content, limit_chars)
        return AttachedText(safe_file_name(file.filename), kind.value, len(content), text, cut)

    async def _add_quoted(self, found: list[Attachment], pictures: list[Picture]) -> tuple[str, ...]:
        """Add the pictures of the quoted message, as many as fit; return the names of those that could not be read."""
        lost: list[str] = []
        problem: FileRefused | None = None
        for number, (file, source) in enumerate(self._quoted, 1):
            if len(pictures) == PICTURES:
                break
            try:
                picture = await self._reading.picture(file)
            except FileRefused as refused:
                log.info("a quoted picture was not read", extra={"problem": refused.problem.value})
                lost.append(safe_file_name(file.filename))
                problem = problem or FileRefused(refused.problem, number=number)
                continue
            if sum(len(one.content) for one in (*pictures, picture)) > PICTURES_BYTES:
                lost.append(picture.name)
                continue
            pictures.append(picture)
            found.append(described(picture, source, quoted=True))
        if self._about_quoted and not pictures and problem is not None:
            raise problem
        return tuple(lost)


def _text(content: bytes, limit_chars: int) -> tuple[str, bool]:
    return taken(decoded(content) or "", limit_chars)


def safe_path(path: str) -> str:
    """Return a JSON path for people: its keys are somebody's words, and break out of no code span."""
    return "".join(c if c.isalnum() or c in "$.[]'_- " else "_" for c in path)
