"""Files that come along with a question: what a file is, how much of it is taken, how it stands in the prompt.

What a file is, its bytes tell; its name and its declared type do not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from bot.core.conversation import AttachedPicture, Attachment
from bot.core.errors.files import FileProblem, FileRefused
from bot.core.limits import FILE_NAME_CHARS

# What is not text, by its first bytes: only to find the right words.
_BINARY: Final = (
    (
        rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP|BM|II\*\x00|MM\x00\*|....ftyp(?:heic|heix|mif1|avif)",
        FileProblem.PICTURE,
    ),
    (rb"ID3|\xff[\xe2-\xfd]|OggS|RIFF....(?:WAVE|AVI )|fLaC|....ftyp|\x1aE\xdf\xa3|#!AMR", FileProblem.SOUND),
    (
        rb"PK[\x03\x05]|\x1f\x8b|BZh|7z\xbc\xaf|\xfd7zXZ|Rar!|.{257}ustar|\(\xb5/\xfd|\xd0\xcf\x11\xe0",
        FileProblem.ARCHIVE,
    ),
)
_SIGNATURES: Final = tuple((re.compile(pattern, re.DOTALL), problem) for pattern, problem in _BINARY)
_BYTE_ORDER_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
# Controls that text has: tab, line ends, form feed, and the escape that colours a terminal's log.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")


class FileKind(StrEnum):
    """What can be read, in words for the prompt."""

    TEXT = "text"
    PDF = "PDF"


def kind_of(content: bytes) -> FileKind:
    """Return what the bytes are; raise ``FileRefused`` for anything but text and PDF."""
    if not content.strip():
        raise FileRefused(FileProblem.EMPTY)
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"%PDF-"):
        return FileKind.PDF
    if decoded(content) is not None:
        return FileKind.TEXT
    raise FileRefused(next((p for signature, p in _SIGNATURES if signature.match(content)), FileProblem.NOT_TEXT))


def decoded(content: bytes) -> str | None:
    """Return the text in the bytes, UTF-8 or marked as UTF-16; ``None`` when they are something else."""
    mark, encoding = next(((m, e) for m, e in _BYTE_ORDER_MARKS if content.startswith(m)), (b"", "utf-8"))
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


def taken(text: str, limit_chars: int) -> tuple[str, bool]:
    """Return what is taken of a file's text, and whether that is not all of it."""
    lines = [line.rstrip() for line in text.replace("\x1b", "").splitlines()]
    whole = "\n".join(lines).strip("\n")
    return whole[:limit_chars], len(whole) > limit_chars


def safe_file_name(name: str) -> str:
    """Return a file's name for the prompt and for people: it breaks out of no line, no quotes and no code span."""
    last = re.split(r"[/\\]", name[-1000:])[-1]
    stem, _, ending = last.rpartition(".")
    if not stem or not re.fullmatch(r"[A-Za-z0-9]{1,10}", ending):
        stem, ending = last, ""
    return f"{_safe(stem)[: FILE_NAME_CHARS - 11] or 'file'}{'.' if ending else ''}{ending}"


def _safe(text: str) -> str:
    kept = (
        c if c in " ._-+()" or unicodedata.category(c)[0] in "LN" else "_" for c in unicodedata.normalize("NFC", text)
    )
    return re.sub(r"([ ._])\1+", r"\1", "".join(kept)).strip(" .")


def context_lines(attachments: Sequence[Attachment]) -> list[str]:
    """Return the files as lines of a prompt. Every line of a file begins with "> ", so that none gets out of it.

    A picture is described: the same words whether it is sent along or no longer.
    """
    lines: list[str] = []
    for number, file in enumerate(attachments, 1):
        place = f'{number} of {len(attachments)}, "{file.name}"'
        size = f"{file.kind}, {file.size_bytes:,} bytes"
        if isinstance(file, AttachedPicture):
            whose = "; of the message that this replies to" if file.quoted else ""
            lines.append(f"Context: attached picture {place} ({size}, {file.width} x {file.height} pixels{whose})")
            continue
        cut = f"; cut here after {len(file.text):,} characters" if file.cut else ""
        lines.append(f"Context: attached file {place} ({size}{cut})")
        lines += [f"> {line}" for line in file.text.splitlines() or [""]]
    return lines
