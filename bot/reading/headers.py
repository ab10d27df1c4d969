"""What a picture is, by its first bytes and the outline of its file: nothing is ever decoded here.

A file of 48 kB can declare 400 million pixels; only whoever decodes it pays for them. The formats' outlines are read
as their specifications have them: PNG (W3C, third edition), JPEG (ITU-T T.81), GIF89a, WebP (RFC 9649).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bot.core.errors.files import FileProblem, FileRefused
from bot.core.limits import PICTURE_PIXELS

STEPS: Final = 100_000  # of walking through a file; a picture of 20 MiB needs some ten thousand, more is mischief

_FTYP: Final = re.compile(rb"....ftyp", re.DOTALL)
_HEIF_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"}
)
_WEB_PAGE: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s{0,200}(?:<!--.{0,2000}?-->\s{0,200})?<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
# Start-of-frame markers of JPEG: C0 to CF without C4 (Huffman tables), C8 (reserved) and CC (arithmetic conditioning).
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """What a picture's file says of it. ``has_alpha``: it can be transparent in places."""

    mime: str
    width: int
    height: int
    has_alpha: bool = False


def read_header(content: bytes) -> PictureHeader:
    """Return what a still picture is that may be sent; raise ``FileRefused`` for everything else.

    Takes PNG, JPEG, WebP and GIF that are whole, do not move, have their colours in RGB, and up to 40 megapixels.
    """
    if not content.strip(b"\x00\t\n\r "):
        raise FileRefused(FileProblem.EMPTY)
    read = next((read for signature, read in _READERS if content.startswith(signature)), None)
    if read is None:
        raise FileRefused(_what_else(content))
    try:
        header = read(content)
    except (struct.error, IndexError):  # it ends in the middle
        raise FileRefused(FileProblem.PICTURE_BROKEN) from None
    if not header.width or not header.height:
        raise FileRefused(FileProblem.PICTURE_BROKEN)
    if header.width * header.height > PICTURE_PIXELS:
        raise FileRefused(FileProblem.PICTURE_PIXELS)
    return header


def is_picture(content: bytes) -> bool:
    """Whether the bytes are meant to be a picture, of any kind that people attach."""
    if content.startswith(b"RIFF"):
        return content[8:12] == b"WEBP"
    return any(content.startswith(signature) for signature, _ in _READERS) or _is_heif(content)


def _what_else(content: bytes) -> FileProblem:
    if _is_heif(content):
        return FileProblem.PICTURE_HEIC
    return FileProblem.PICTURE_WEB_PAGE if _WEB_PAGE.match(content) else FileProblem.PICTURE_TYPE


def _is_heif(content: bytes) -> bool:
    if not _FTYP.match(content):
        return False
    length = min(int.from_bytes(content[:4], "big"), 256)
    brands = {content[8:12], *(content[at : at + 4] for at in range(16, length, 4))}
    return bool(brands & _HEIF_BRANDS)


def _steps() -> Iterator[None]:
    yield from (None for _ in range(STEPS))
    raise FileRefused(FileProblem.PICTURE_BROKEN)


def _read_png(content: bytes) -> PictureHeader:
    length, kind, width, height, _, colour = struct.unpack_from(">I4sIIBB", content, 8)
    if kind != b"IHDR" or length != 13:
        raise FileRefused(FileProblem.PICTURE_BROKEN)
    has_alpha, has_pixels, at = colour in (4, 6), False, 8
    for _step in _steps():
        length, kind = struct.unpack_from(">I4s", content, at)
        at += 12 + length
        if at > len(content):
            raise FileRefused(FileProblem.PICTURE_BROKEN)
        if kind == b"acTL":
            raise FileRefused(FileProblem.PICTURE_ANIMATED)
        has_alpha = has_alpha or kind == b"tRNS"
        has_pixels = has_pixels or kind == b"IDAT"
        if kind == b"IEND":
            break
    if not has_pixels:
        raise FileRefused(FileProblem.PICTURE_BROKEN)
    return PictureHeader("image/png", width, height, has_alpha)


def _read_jpeg(content: bytes) -> PictureHeader:
    size: tuple[int, int] | None = None
    at = 2
    for _step in _steps():
        if content[at] != 0xFF:
            raise FileRefused(FileProblem.PICTURE_BROKEN)
        marker = content[at + 1]
        if marker == 0xFF:  # fill
            at += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # stand alone
            at += 2
            continue
        if marker in (0xDA, 0xD9):
            break
        (length,) = struct.unpack_from(">H", content, at + 2)
        if length < 2:
            raise FileRefused(FileProblem.PICTURE_BROKEN)
        if marker in _JPEG_FRAMES:
            height, width, components = struct.unpack_from(">HHB", content, at + 5)
            if components == 4:
                raise FileRefused(FileProblem.PICTURE_CMYK)
            size = width, height
        at += 2 + length
    # In the pixels that follow, FF is never followed by D9; a thumbnail with an end of its own came before them.
    if size is None or marker == 0xD9 or content.find(b"\xff\xd9", at) < 0:
        raise FileRefused(FileProblem.PICTURE_BROKEN)
    return PictureHeader("image/jpeg", *size)


def _read_gif(content: bytes) -> PictureHeader:
    width, height, flags = struct.unpack_from("<HHB", content, 6)
    at = 13 + _gif_table_bytes(flags)
    frames = 0
    for _step in _steps():
        block = content[at]
        if block == 0x3B:
            break
        if block == 0x2C:
            left, top, frame_width, frame_height, flags = struct.unpack_from("<HHHHB", content, at + 1)
            width, height = max(width, left + frame_width), max(height, top + frame_height)
            frames += 1
            if frames > 1:
                raise FileRefused(FileProblem.PICTURE_ANIMATED)
            at = _after_gif_blocks(content, at + 11 + _gif_table_bytes(flags))
        elif block == 0x21:
            at = _after_gif_blocks(content, at + 2)
        else:
            raise FileRefused(FileProblem.PICTURE_BROKEN)
    if not frames:
        raise FileRefused(FileProblem.PICTURE_BROKEN)
    return PictureHeader("image/gif", width, height)


def _gif_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_gif_blocks(content: bytes, at: int) -> int:
    for _step in _steps():
        length = content[at]
        at += 1 + length
        if not length:
            break
    return at


def _read_webp(content: bytes) -> PictureHeader:
    (riff_bytes,) = struct.unpack_from("<I", content, 4)
    if content[8:12] != b"WEBP":
        raise FileRefused(FileProblem.PICTURE_TYPE)  # a sound or a film in the same wrapping
    end = 8 + riff_bytes
    if end > len(content):
        raise FileRefused(FileProblem.PICTURE_BROKEN)
    width = height = at = 0
    has_alpha = has_pixels = False
    at = 12
    for _step in _steps():
        if at + 8 > end:
            break
        kind, length = struct.unpack_from("<4sI", content, at)
        if at + 8 + length > end:
            raise FileRefused(FileProblem.PICTURE_BROKEN)
        size = 0, 0
        if kind == b"VP8X":
            flags, low, high = struct.unpack_from("<B3xHB", content, at + 8)
            rows_low, rows_high = struct.unpack_from("<HB", content, at + 15)
            if flags & 0x02:
                raise FileRefused(FileProblem.PICTURE_ANIMATED)
            has_alpha = has_alpha or bool(flags & 0x10)
            size = (high << 16 | low) + 1, (rows_high << 16 | rows_low) + 1
        elif kind == b"VP8L":
            has_pixels = True
            _, bits = struct.unpack_from("<BI", content, at + 8)
            has_alpha = has_alpha or bool(bits >> 28 & 1)
            size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        elif kind == b"VP8 ":
            has_pixels = True
            columns, rows = struct.unpack_from("<HH", content, at + 14)
            size = columns & 0x3FFF, rows & 0x3FFF
        elif kind in (b"ANIM", b"ANMF"):
            raise FileRefused(FileProblem.PICTURE_ANIMATED)
        width, height = max(width, size[0]), max(height, size[1])
        at += 8 + length + (length & 1)
    if not has_pixels:
        raise FileRefused(FileProblem.PICTURE_BROKEN)
    return PictureHeader("image/webp", width, height, has_alpha)


_READERS: Final[tuple[tuple[bytes, Callable[[bytes], PictureHeader]], ...]] = (
    (b"\x89PNG\r\n\x1a\n", _read_png),
    (b"\xff\xd8\xff", _read_jpeg),
    (b"GIF87a", _read_gif),
    (b"GIF89a", _read_gif),
    (b"RIFF", _read_webp),
)
