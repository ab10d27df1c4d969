"""The child process that decodes pictures: ``python -m bot.reading.drawing JOB ARGUMENT``, bytes in, bytes out.

Like ``bot/reading/worker.py`` it gives up its own rights first, and whoever started it kills it when it is late.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from bot.core.limits import PICTURE_PIXELS
from bot.reading.worker import give_up_rights

if TYPE_CHECKING:
    from PIL.Image import Image

SQUARE_EDGES: Final = (1024, 768, 512, 256)  # pixels
WEBP_QUALITIES: Final = (92, 80, 60)
SMALLER_EDGES: Final = (1.0, 0.75, 0.5, 0.25)
WEBP_EDGE: Final = 16_383  # the format's own limit


def opened(content: bytes) -> Image:
    """Return a picture, turned as its camera was held; raises for what is none or has too many pixels."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - imported only where a picture is decoded

    picture = Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP", "GIF"))
    if picture.width * picture.height > PICTURE_PIXELS:
        raise ValueError("too many pixels")
    turned: Image.Image = ImageOps.exif_transpose(picture)
    return turned.convert("RGBA" if turned.has_transparency_data else "RGB")


def as_png(content: bytes) -> bytes:
    """Return a picture as a PNG."""
    return _saved(opened(content), "PNG")


def square_png(content: bytes, limit_bytes: int) -> bytes:
    """Return a picture whole on a transparent square, as a PNG within a size."""
    from PIL import Image, ImageOps  # noqa: PLC0415

    picture = opened(content).convert("RGBA")
    for edge in SQUARE_EDGES:
        square = ImageOps.pad(picture, (edge, edge), Image.Resampling.LANCZOS, color=(0, 0, 0, 0))
        saved = _saved(square, "PNG")
        if len(saved) < limit_bytes:
            return saved
    raise ValueError("too large")


def smaller(content: bytes, limit_bytes: int) -> bytes:
    """Return a picture as WebP within a size: by its quality as long as that helps, then by its edges."""
    picture = opened(content)
    for candidate in _candidates(picture):
        if len(candidate) <= limit_bytes:
            return candidate
    raise ValueError("too large")


def _candidates(picture: Image) -> Iterator[bytes]:
    for factor in SMALLER_EDGES:
        size = (max(1, int(picture.width * factor)), max(1, int(picture.height * factor)))
        if max(size) > WEBP_EDGE:
            continue
        scaled = picture if factor == 1 else picture.resize(size)
        for quality in WEBP_QUALITIES:
            yield _saved(scaled, "WEBP", quality=quality)


def _saved(picture: Image, form: str, **options: int) -> bytes:
    saved = io.BytesIO()
    picture.save(saved, form, **options)
    return saved.getvalue()


def main() -> None:
    """Do the job that the command line names. What goes wrong ends the process with a code that is not 0."""
    give_up_rights()
    warnings.simplefilter("ignore")
    job, limit = sys.argv[1], int(sys.argv[2])
    given = sys.stdin.buffer.read()
    if job == "png":
        result = as_png(given)
    elif job == "square":
        result = square_png(given, limit)
    elif job == "smaller":
        result = smaller(given, limit)
    else:
        raise SystemExit(2)
    sys.stdout.buffer.write(result)


if __name__ == "__main__":
    main()
