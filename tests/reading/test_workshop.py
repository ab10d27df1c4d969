"""Pictures made square or smaller in a child process, whatever they are."""

from __future__ import annotations

import asyncio
import io
import random
import signal
import subprocess
import sys
from typing import Any

import pytest
from PIL import Image

from bot.core.errors.files import FileRefused
from bot.core.ports.files import Picture
from bot.reading.workshop import SQUARE_BYTES, PictureWorkshop
from tests.pictures import a_picture, heavy_png, pixel_flood


def noise(size: tuple[int, int], form: str = "PNG") -> bytes:
    """Return a picture that no format makes small."""
    saved = io.BytesIO()
    Image.frombytes("RGB", size, random.Random(7).randbytes(size[0] * size[1] * 3)).save(saved, form)
    return saved.getvalue()


def given(content: bytes, mime: str = "image/png") -> Picture:
    return Picture("mine", mime, 0, 0, content)


@pytest.mark.parametrize(("form", "size"), [("JPEG", (300, 900)), ("WEBP", (640, 480)), ("GIF", (10, 10))])
async def test_a_square_keeps_the_whole_picture(form: str, size: tuple[int, int]) -> None:
    made = await PictureWorkshop().as_png(given(a_picture(form, size)), square=True)
    image = Image.open(io.BytesIO(made.content))
    assert (image.format, made.mime) == ("PNG", "image/png")
    assert (made.width, made.height) == image.size == (1024, 1024)
    drawn = image.convert("RGBA").getchannel("A").getbbox()
    assert drawn is not None
    width, height = drawn[2] - drawn[0], drawn[3] - drawn[1]
    assert width / height == pytest.approx(size[0] / size[1], rel=0.02), "nothing is cut off or stretched"


async def test_a_square_of_noise_becomes_smaller_until_it_fits() -> None:
    made = await PictureWorkshop().as_png(given(noise((1400, 1400))), square=True)
    assert len(made.content) < SQUARE_BYTES
    assert made.width == made.height


async def test_a_picture_that_was_taken_sideways_is_turned() -> None:
    image = Image.new("RGB", (40, 20), "red")
    exif = image.getexif()
    exif[0x0112] = 6
    saved = io.BytesIO()
    image.save(saved, "JPEG", exif=exif)
    made = await PictureWorkshop().as_png(given(saved.getvalue(), "image/jpeg"), square=False)
    assert (made.width, made.height) == (20, 40)


@pytest.mark.parametrize("content", [pixel_flood(), b"\x89PNG\r\n\x1a\n", b"<html>", b""])
async def test_what_cannot_be_decoded_is_refused(content: bytes) -> None:
    with pytest.raises(FileRefused):
        await PictureWorkshop().as_png(given(content), square=True)
    assert await PictureWorkshop().smaller(content, limit_bytes=10_000) is None


async def test_a_picture_is_made_smaller_by_quality_first() -> None:
    content = heavy_png(3_000_000, (640, 480))
    made = await PictureWorkshop().smaller(content, limit_bytes=1_000_000)
    assert made is not None
    assert made.kind == "webp"
    assert Image.open(io.BytesIO(made.content)).size == (640, 480)


async def test_and_by_its_edges_then() -> None:
    made = await PictureWorkshop().smaller(noise((800, 800)), limit_bytes=60_000)
    assert made is not None
    assert len(made.content) <= 60_000
    assert Image.open(io.BytesIO(made.content)).width < 800


async def test_what_takes_too_long_is_given_up() -> None:
    assert await PictureWorkshop(job_seconds=0.01).smaller(a_picture(), limit_bytes=10_000) is None


async def test_whoever_gives_up_ends_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[subprocess.Popen[bytes]] = []
    original = subprocess.Popen

    def watched(command: list[str], **options: Any) -> Any:
        begun.append(original([sys.executable, "-c", "import time; time.sleep(600)"], **options))
        return begun[-1]

    monkeypatch.setattr(subprocess, "Popen", watched)
    job = asyncio.create_task(PictureWorkshop().smaller(a_picture(), limit_bytes=10_000))
    while not begun:  # noqa: ASYNC110 - the thread tells nobody
        await asyncio.sleep(0)
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    assert await asyncio.to_thread(begun[0].wait, 10) == -signal.SIGKILL
