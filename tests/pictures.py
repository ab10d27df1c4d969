"""Pictures made for tests: real ones by Pillow, hostile ones by hand."""

import io
import struct
import zlib
from typing import Any

from PIL import Image

WEB_PAGE = b"<!DOCTYPE html>\n<html><head><title>404</title></head><body>no longer available</body></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>'


def a_picture(
    form: str = "PNG", size: tuple[int, int] = (8, 6), *, mode: str = "RGB", colour: Any = "red", **options: Any
) -> bytes:
    """Return a picture of one colour."""
    saved = io.BytesIO()
    Image.new(mode, size, colour).save(saved, form, **options)
    return saved.getvalue()


def animated(form: str) -> bytes:
    """Return a picture that moves."""
    saved = io.BytesIO()
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(saved, form, save_all=True, append_images=frames[1:], duration=100)
    return saved.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return one chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_header(width: int, height: int, colour: int = 2) -> bytes:
    """Return how a PNG begins."""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))


def pixel_flood(side: int = 20_000) -> bytes:
    """Return a whole PNG of under 100 kB that becomes 1.5 GiB for whoever decodes it."""
    rows = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    pixels = b"".join(rows.compress(row) for _ in range(side)) + rows.flush()
    header = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    return header + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def heavy_png(size_bytes: int, size: tuple[int, int] = (8, 6)) -> bytes:
    """Return a small picture in a file of a given size: the rest is a chunk that nobody reads."""
    plain = a_picture(size=size)
    return plain[:-12] + chunk(b"prVt", bytes(size_bytes - len(plain) - 12)) + plain[-12:]
