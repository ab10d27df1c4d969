"""What the stand-in sees in pictures: their size, their format, their colours. It looks at the pixels it was sent."""

from __future__ import annotations

import asyncio
import binascii
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from bot.sandbox.standin.refusals import Refusal, invalid

FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
DETAILS = ("auto", "low", "high", "original")
PICTURE_BYTES = 20 * 1024 * 1024
ALL_BYTES = 50 * 1000 * 1000  # of a whole request, in base64
SIDE_PIXELS = 64  # of the small copy whose colours are counted
COLOURS = {
    "black": (0, 0, 0), "white": (255, 255, 255), "grey": (128, 128, 128), "red": (220, 30, 30),
    "green": (30, 160, 50), "lime": (0, 255, 0), "blue": (30, 60, 220), "yellow": (250, 230, 40),
    "orange": (250, 140, 20), "purple": (130, 40, 160), "pink": (250, 160, 200), "brown": (120, 75, 35),
    "light blue": (140, 200, 250), "turquoise": (40, 200, 200), "beige": (235, 220, 185), "dark blue": (15, 25, 90),
}  # fmt: skip

_DATA_URL = re.compile(r"data:(?P<mime>image/[a-z+.-]+);base64,")


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """One picture as the stand-in sees it. ``colours``: names with their share, the largest first."""

    form: str
    width: int
    height: int
    colours: tuple[tuple[str, float], ...] = field(default=())

    def __str__(self) -> str:
        mostly = ", ".join(f"{name} ({share:.0%})" for name, share in self.colours)
        return f"a {self.form} of {self.width} x {self.height} pixels, mostly {mostly}"


async def look_at(messages: Sequence[Mapping[str, Any]]) -> list[SeenPicture]:
    """Return the pictures of the last message; refuse what the API refuses in any of them."""
    urls = [
        (f"messages[{at}].content[{number}].image_url", part["image_url"])
        for at, message in enumerate(messages)
        if isinstance(message["content"], list)
        for number, part in enumerate(message["content"])
        if part["type"] == "image_url"
    ]
    if not urls:
        return []
    if sum(len(image["url"]) for _, image in urls if _is_image(image)) > ALL_BYTES:
        raise Refusal("The request is larger than 50 MB.", status=413)
    last = f"messages[{len(messages) - 1}]."
    seen = []
    for where, image in urls:
        picture = await asyncio.to_thread(_look, where, image, count_colours=where.startswith(last))
        if where.startswith(last):
            seen.append(picture)
    return seen


def _is_image(image: object) -> bool:
    return isinstance(image, dict) and isinstance(image.get("url"), str)


def _look(where: str, image: Any, *, count_colours: bool) -> SeenPicture:
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - only where a picture comes

    if not _is_image(image):
        raise invalid(f"{where}.url", "expected a URL.", "invalid_type")
    if image.get("detail", "auto") not in DETAILS:
        raise invalid(f"{where}.detail", f"supported values are: {', '.join(DETAILS)}.")
    if image["url"].startswith(("http://", "https://")):
        raise Refusal("The stand-in fetches nothing.", code="failed_to_download_image", param=f"{where}.url")
    found = _DATA_URL.match(image["url"])
    try:
        content = b64decode(image["url"][found.end() :], validate=True) if found else b""
    except binascii.Error:
        content = b""
    if found is None or not content:
        raise Refusal("Invalid base64 image_url.", code="invalid_base64_image", param=f"{where}.url")
    if len(content) > PICTURE_BYTES:
        raise Refusal("The image is larger than 20 MB.", code="image_file_too_large", param=f"{where}.url")
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as picture:
            if getattr(picture, "is_animated", False) or found["mime"] != Image.MIME[picture.format or ""]:
                raise _unsupported(where)
            form, (width, height) = picture.format or "?", picture.size
            small = picture.convert("RGB").resize((SIDE_PIXELS, SIDE_PIXELS)) if count_colours else None
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError):
        raise _unsupported(where) from None
    return SeenPicture(form, width, height, () if small is None else _colours(small.tobytes()))


def _unsupported(where: str) -> Refusal:
    return Refusal(
        "You uploaded an unsupported image. Please make sure your image is valid and of one of the following formats: "
        "['png', 'jpeg', 'gif', 'webp'].",
        code="invalid_image_format",
        param=f"{where}.url",
    )


def _colours(pixels: bytes) -> tuple[tuple[str, float], ...]:
    counted = Counter(zip(pixels[::3], pixels[1::3], pixels[2::3], strict=True))
    named: Counter[str] = Counter()
    for pixel, count in counted.items():
        named[min(COLOURS, key=lambda name: _distance(COLOURS[name], pixel))] += count
    total = sum(named.values())
    return tuple((name, count / total) for name, count in named.most_common(3) if count / total >= 0.05)


def _distance(one: Sequence[int], other: Sequence[int]) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
