"""Draws the stand-in's pictures with Pillow: each prompt its own, with the words on it, so that a person sees the loop.

Nothing here is art; for a thread, because drawing takes some ten milliseconds.
"""

from __future__ import annotations

import hashlib
import io
import random
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image

SHAPES: Final = 14
WORDS_CHARS: Final = 400
LINE_CHARS: Final = 46
FORMS: Final = {"png": "PNG", "webp": "WEBP", "jpeg": "JPEG"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What to draw. ``seed`` makes it one of its kind; ``on`` is what it is drawn on, ``mask`` where."""

    words: str
    width: int
    height: int
    form: str
    seed: str
    transparent: bool = False
    on: bytes | None = None
    mask: bytes | None = None


def paint(wish: Wish, *, partials: int = 0) -> tuple[list[bytes], bytes]:
    """Return the unfinished pictures, coarse ones first, and the finished one."""
    from PIL import Image  # noqa: PLC0415 - imported only where a picture is drawn

    dice = random.Random(hashlib.sha256(wish.seed.encode()).digest())  # noqa: S311 - the same seed, the same picture
    size = (wish.width, wish.height)
    if wish.on is not None:
        below = _read(wish.on).resize(size)
        picture = Image.blend(below, Image.new("RGBA", size, (*_colour(dice), 255)), 0.25)
    elif wish.transparent:
        below = picture = Image.new("RGBA", size, (0, 0, 0, 0))
    else:
        below = picture = _gradient(size, _colour(dice), _colour(dice))
    picture = picture.copy()
    _draw_shapes(picture, dice)
    if wish.mask is not None:
        kept = _read(wish.mask).resize(size).getchannel("A")  # what is transparent there is to be changed
        picture.paste(below, (0, 0), kept)
    _write(picture, wish.words)
    coarse = []
    for step in range(1, partials + 1):
        edge = 4 ** (step + 1)
        small = picture.resize((max(1, edge * wish.width // max(size)), max(1, edge * wish.height // max(size))))
        coarse.append(_saved(small.resize(size, Image.Resampling.NEAREST), wish.form))
    return coarse, _saved(picture, wish.form)


def edges(content: bytes) -> tuple[int, int, str]:
    """Return width, height and format of a picture; raises ``ValueError`` for none."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP")) as picture:
            return picture.width, picture.height, str(picture.format)
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError("not a picture") from error


def padded(png: bytes, size_bytes: int) -> bytes:
    """Return a PNG as a file of a given size: the rest is a chunk that nobody reads."""
    fill = bytes(max(0, size_bytes - len(png) - 12))
    chunk = struct.pack(">I", len(fill)) + b"prVt" + fill + struct.pack(">I", zlib.crc32(b"prVt" + fill))
    return png[:-12] + chunk + png[-12:]


def _read(content: bytes) -> Image:
    from PIL import Image  # noqa: PLC0415

    return Image.open(io.BytesIO(content)).convert("RGBA")


def _colour(dice: random.Random) -> tuple[int, int, int]:
    import colorsys  # noqa: PLC0415

    red, green, blue = colorsys.hsv_to_rgb(dice.random(), dice.uniform(0.4, 0.9), dice.uniform(0.5, 1.0))
    return int(red * 255), int(green * 255), int(blue * 255)


def _gradient(size: tuple[int, int], top: Sequence[int], bottom: Sequence[int]) -> Image:
    from PIL import Image  # noqa: PLC0415

    column = Image.new("RGBA", (1, 2))
    column.putdata([(*top, 255), (*bottom, 255)])
    return column.resize(size, Image.Resampling.BICUBIC)


def _draw_shapes(picture: Image, dice: random.Random) -> None:
    from PIL import Image, ImageDraw  # noqa: PLC0415

    layer = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    for _ in range(SHAPES):
        x, y = dice.randrange(picture.width), dice.randrange(picture.height)
        reach = dice.randint(min(picture.size) // 16 + 1, min(picture.size) // 4 + 2)
        fill = (*_colour(dice), dice.randint(90, 220))
        if dice.random() < 0.5:
            pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=fill)
        else:
            pen.regular_polygon((x, y, reach), dice.randint(3, 7), rotation=dice.randrange(360), fill=fill)
    picture.alpha_composite(layer)


def _write(picture: Image, words: str) -> None:
    import textwrap  # noqa: PLC0415

    from PIL import ImageDraw, ImageFont  # noqa: PLC0415

    lines = "\n".join(textwrap.wrap(words[:WORDS_CHARS], LINE_CHARS)[:8])
    font = ImageFont.load_default(max(10, min(picture.size) // 32))
    pen = ImageDraw.Draw(picture)
    pen.multiline_text(
        (picture.width // 24, picture.height // 24), lines, fill="white", font=font, stroke_width=2, stroke_fill="black"
    )


def _saved(picture: Image, form: str) -> bytes:
    saved = io.BytesIO()
    (picture.convert("RGB") if form == "jpeg" else picture).save(saved, FORMS[form])
    return saved.getvalue()
