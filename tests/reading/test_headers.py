"""Pictures are judged by their bytes, and never decoded."""

import struct
import tracemalloc

import pytest

from bot.core.errors.files import FileProblem, FileRefused
from bot.reading.headers import STEPS, PictureHeader, is_picture, read_header
from tests.pictures import SVG, WEB_PAGE, a_picture, animated, chunk, heavy_png, pixel_flood, png_header


def problem_of(content: bytes) -> FileProblem:
    with pytest.raises(FileRefused) as caught:
        read_header(content)
    return caught.value.problem


@pytest.mark.parametrize(
    ("content", "header"),
    [
        (a_picture("PNG"), PictureHeader("image/png", 8, 6)),
        (a_picture("PNG", mode="RGBA"), PictureHeader("image/png", 8, 6, True)),
        (a_picture("PNG", mode="L", colour=0, transparency=0), PictureHeader("image/png", 8, 6, True)),
        (a_picture("JPEG"), PictureHeader("image/jpeg", 8, 6)),
        (a_picture("JPEG", (3000, 1000), progressive=True), PictureHeader("image/jpeg", 3000, 1000)),
        (a_picture("JPEG", mode="L", colour=0), PictureHeader("image/jpeg", 8, 6)),
        (a_picture("JPEG", comment=b"x\xff\xd9x"), PictureHeader("image/jpeg", 8, 6)),
        (a_picture("GIF"), PictureHeader("image/gif", 8, 6)),
        (a_picture("WEBP"), PictureHeader("image/webp", 8, 6)),
        (a_picture("WEBP", lossless=True), PictureHeader("image/webp", 8, 6)),
        (a_picture("WEBP", mode="RGBA", colour=(1, 2, 3, 4)), PictureHeader("image/webp", 8, 6, True)),
        (a_picture("JPEG") + b"trailing bytes of a telephone", PictureHeader("image/jpeg", 8, 6)),
    ],
)
def test_a_still_picture(content: bytes, header: PictureHeader) -> None:
    assert read_header(content) == header
    assert is_picture(content)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", FileProblem.EMPTY),
        (b"\x00" * 100, FileProblem.EMPTY),
        (WEB_PAGE, FileProblem.PICTURE_WEB_PAGE),
        (b"\xef\xbb\xbf\n <!-- x --> <HTML lang=en>", FileProblem.PICTURE_WEB_PAGE),
        (SVG, FileProblem.PICTURE_TYPE),
        (b"a letter", FileProblem.PICTURE_TYPE),
        (b"%PDF-1.7", FileProblem.PICTURE_TYPE),
        (a_picture("BMP"), FileProblem.PICTURE_TYPE),
        (a_picture("TIFF"), FileProblem.PICTURE_TYPE),
        (a_picture("ICO"), FileProblem.PICTURE_TYPE),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", FileProblem.PICTURE_TYPE),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isomiso2", FileProblem.PICTURE_TYPE),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", FileProblem.PICTURE_HEIC),
        (b"\x00\x00\x00\x18ftypMiHE\x00\x00\x00\x00mif1heic", FileProblem.PICTURE_HEIC),
        (a_picture("AVIF"), FileProblem.PICTURE_HEIC),
        (a_picture("JPEG", mode="CMYK"), FileProblem.PICTURE_CMYK),
        (animated("GIF"), FileProblem.PICTURE_ANIMATED),
        (animated("PNG"), FileProblem.PICTURE_ANIMATED),
        (animated("WEBP"), FileProblem.PICTURE_ANIMATED),
        (pixel_flood(), FileProblem.PICTURE_PIXELS),
        (a_picture("PNG", (0x2000, 0x2000), mode="1", colour=0), FileProblem.PICTURE_PIXELS),
        (png_header(0, 5) + chunk(b"IDAT", b"x") + chunk(b"IEND", b""), FileProblem.PICTURE_BROKEN),
        (png_header(5, 5) + chunk(b"IEND", b""), FileProblem.PICTURE_BROKEN),
        (png_header(5, 5)[:20], FileProblem.PICTURE_BROKEN),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", b"x" * 13), FileProblem.PICTURE_BROKEN),
        (b"\xff\xd8\xff", FileProblem.PICTURE_BROKEN),
        (b"\xff\xd8\xff\xd9", FileProblem.PICTURE_BROKEN),
        (b"\xff\xd8\xff\xe0\x00\x00" + b"\xff" * 50, FileProblem.PICTURE_BROKEN),
        (b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", FileProblem.PICTURE_BROKEN),
        (b"GIF89a\x01\x00\x01\x00\x00\x00\x00x", FileProblem.PICTURE_BROKEN),
        (b"RIFF\x04\x00\x00\x00WEBP", FileProblem.PICTURE_BROKEN),
    ],
)
def test_what_is_refused(content: bytes, problem: FileProblem) -> None:
    assert problem_of(content) is problem


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_picture_that_was_cut_off(form: str) -> None:
    whole = a_picture(form, (300, 200))
    for length in range(12, len(whole) - 2):
        assert problem_of(whole[:length]) is FileProblem.PICTURE_BROKEN, length


def test_a_thumbnail_in_front_does_not_end_a_jpeg() -> None:
    whole = a_picture("JPEG", (300, 200))
    thumbnail = b"Exif\x00\x00" + a_picture("JPEG")
    with_thumbnail = whole[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(thumbnail)) + thumbnail + whole[2:]
    assert read_header(with_thumbnail).width == 300
    assert problem_of(with_thumbnail[:-20]) is FileProblem.PICTURE_BROKEN


def test_a_frame_that_is_larger_than_its_gif() -> None:
    whole = bytearray(a_picture("GIF"))
    frame = whole.index(b"\x2c", 13 + 3 * 2)
    struct.pack_into("<HH", whole, frame + 5, 20_000, 20_000)
    assert problem_of(bytes(whole)) is FileProblem.PICTURE_PIXELS


def test_pixels_that_a_webp_does_not_announce() -> None:
    large = a_picture("WEBP", (9000, 5000), lossless=True)
    body = large[12:]
    announced = b"VP8X" + struct.pack("<I", 10) + bytes(10)
    content = b"RIFF" + struct.pack("<I", 4 + len(announced) + len(body)) + b"WEBP" + announced + body
    assert problem_of(content) is FileProblem.PICTURE_PIXELS


def test_a_flood_of_pixels_costs_no_memory() -> None:
    flood = pixel_flood()
    assert len(flood) < 100_000
    tracemalloc.start()
    try:
        problem_of(flood)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "endless",
    [
        png_header(5, 5) + chunk(b"tEXt", b"") * (STEPS + 1),
        b"\xff\xd8" + b"\xff\xe0\x00\x02" * (STEPS + 1),
        b"GIF89a\x01\x00\x01\x00\x00\x00\x00" + b"\x21\xfe\x00" * (STEPS + 1),
        b"GIF89a\x01\x00\x01\x00\x00\x00\x00\x21\xfe" + b"\x01x" * (STEPS + 1),
        b"RIFF\x00\x00\x60\x00WEBP" + b"XXXX\x00\x00\x00\x00" * 8 * STEPS,
    ],
)
def test_a_walk_ends(endless: bytes) -> None:
    assert problem_of(endless) is FileProblem.PICTURE_BROKEN


def test_a_heavy_picture_is_walked_through() -> None:
    assert read_header(heavy_png(20 * 1024**2)).width == 8
