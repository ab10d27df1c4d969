"""Files that come with a question: fetched, read, looked at, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from bot.core.conversation import Attachment, PictureSource


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture whose header was checked. ``mime`` is what the bytes are, whatever the file's name says."""

    name: str
    mime: str
    width: int
    height: int
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound file that was decoded, or one part of it. ``name`` ends as the API wants it.

    ``start_seconds``: where it begins in the member's file.
    """

    name: str
    mime: str
    seconds: float
    content: bytes = field(repr=False)
    start_seconds: float = 0.0


class AttachedFile(Protocol):
    """A file as Discord describes it, not read yet; what it says of its name and size may be wrong."""

    @property
    def filename(self) -> str:
        """The name that the member's machine gave it."""
        ...

    @property
    def size(self) -> int:
        """The size in bytes."""
        ...

    @property
    def url(self) -> str:
        """Where it lies, for a day."""
        ...

    async def read(self) -> bytes:
        """Fetch it through discord.py, without limits."""
        ...


class FetchFile(Protocol):
    """Fetches a file."""

    async def __call__(self, file: AttachedFile, *, limit_bytes: int) -> bytes:
        """Return the file's bytes; raises ``FileRefused`` when it is gone or larger than the limit."""
        ...


@dataclass(frozen=True, slots=True)
class FilesRead:
    """What the files of a question hold. ``schema`` and its name come from a JSON Schema file that was checked.

    ``pictures`` has those that ``attachments`` describes, in the same order. ``lost``: the names of pictures that are
    not the question's own and could not be read. ``mask`` says where pictures are to be edited; ``sounds`` are the
    parts of the one sound that is to be heard.
    """

    attachments: tuple[Attachment, ...] = ()
    schema: str | None = None
    schema_name: str | None = None
    pictures: tuple[Picture, ...] = ()
    lost: tuple[str, ...] = ()
    mask: Picture | None = None
    sounds: tuple[Sound, ...] = ()


class FileReader(Protocol):
    """The files of one question, in the hands of the process that took it."""

    async def size_bytes(self) -> int:
        """Return how much room they need in memory, before they are fetched; raises ``FileRefused``.

        What is too large to be fetched needs none.
        """
        ...

    async def read(self) -> FilesRead:
        """Fetch, check and read them; raises ``FileRefused`` with the first file that cannot be read."""
        ...


class EarlierPictures(Protocol):
    """Pictures of messages, fetched again as long as the message has them; a few are kept in memory."""

    async def picture(self, source: PictureSource) -> Picture | None:
        """Return a picture; ``None`` when it is gone or cannot be used any more."""
        ...

    def keep(self, source: PictureSource, picture: Picture) -> None:
        """Keep one that was just read, for the next question."""
        ...


@dataclass(frozen=True, slots=True)
class Violation:
    """Where and how a JSON value breaks its schema. ``expected`` is the rule's own value, shortened."""

    path: str
    rule: str
    expected: str


class SchemaChecker(Protocol):
    """Checks JSON values, in bounded time."""

    async def violation(self, value: str, schema: str) -> Violation | None:
        """Return the first thing that is wrong; both are JSON texts. Raises ``TimeoutError`` when it takes too long."""
        ...
