"""The pictures of a task: fetched with limits, named by what they are."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from bot.core.errors.files import FileProblem, FileRefused
from bot.core.limits import PICTURE_BYTES, PICTURES
from bot.core.ports.files import FilesRead
from bot.reading.fetching import CappedFetch
from bot.reading.reader import Reading
from tests.pictures import WEB_PAGE, a_picture, animated, heavy_png, pixel_flood
from tests.reading.test_fetching import LinkedFile
from tests.reading.test_reading import HeldFile, reading


async def read(*files: HeldFile, mask: HeldFile | None = None) -> FilesRead:
    reader = reading().pictures(files, mask)
    assert reader is not None
    return await reader.read()


async def refusal(*files: HeldFile, mask: HeldFile | None = None) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        await read(*files, mask=mask)
    return caught.value


async def test_they_are_named_by_what_they_are() -> None:
    one = a_picture("JPEG", (40, 30))
    found = await read(HeldFile(one, "../../holiday.png"), HeldFile(a_picture("WEBP"), "x"))
    assert [(p.name, p.mime, p.width, p.height) for p in found.pictures] == [
        ("holiday.jpg", "image/jpeg", 40, 30),
        ("x.webp", "image/webp", 8, 6),
    ]
    assert found.pictures[0].content == one


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (HeldFile(b"", "a.png"), FileProblem.EMPTY),
        (HeldFile(WEB_PAGE, "a.png"), FileProblem.PICTURE_WEB_PAGE),
        (HeldFile(pixel_flood(), "a.png"), FileProblem.PICTURE_PIXELS),
        (HeldFile(animated("GIF"), "a.gif"), FileProblem.PICTURE_ANIMATED),
        (HeldFile(b"a", declared=PICTURE_BYTES + 1), FileProblem.PICTURE_BYTES),
        (HeldFile(heavy_png(PICTURE_BYTES + 1), declared=1), FileProblem.PICTURE_BYTES),  # it lied about its size
    ],
)
async def test_what_is_refused_is_named_by_its_number(file: HeldFile, problem: FileProblem) -> None:
    refused = await refusal(HeldFile(a_picture()), file)
    assert (refused.problem, refused.fields) == (problem, {"number": 2})


async def test_too_many() -> None:
    refused = await refusal(*[HeldFile(a_picture())] * (PICTURES + 1))
    assert (refused.problem, refused.fields) == (FileProblem.PICTURE_TOO_MANY, {"limit": PICTURES})


def test_no_pictures_need_no_reader() -> None:
    assert reading().pictures([]) is None


class TestMask:
    async def test_it_is_a_png_of_the_same_size_with_transparency(self) -> None:
        mask = HeldFile(a_picture(mode="RGBA"), "mask.png")
        found = await read(HeldFile(a_picture("JPEG")), mask=mask)
        assert found.mask is not None
        assert found.mask.content == mask.content

    @pytest.mark.parametrize(
        ("mask", "problem", "fields"),
        [
            (a_picture("WEBP", mode="RGBA"), FileProblem.MASK_TYPE, {}),
            (a_picture("JPEG", mode="CMYK"), FileProblem.MASK_TYPE, {"number": 2}),
            (b"a letter", FileProblem.MASK_TYPE, {"number": 2}),
            (a_picture(mode="RGBA", size=(8, 7)), FileProblem.MASK_SIZE, {"width": 8, "height": 6}),
            (a_picture(), FileProblem.MASK_OPAQUE, {}),
            (a_picture(mode="RGBA", size=(1100, 1100), compress_level=0), FileProblem.MASK_BYTES, {}),
            (a_picture(mode="RGBA")[:-12], FileProblem.PICTURE_BROKEN, {"number": 2}),
        ],
    )
    async def test_what_is_none(self, mask: bytes, problem: FileProblem, fields: dict[str, int]) -> None:
        refused = await refusal(HeldFile(a_picture()), mask=HeldFile(mask))
        assert (refused.problem, refused.fields) == (problem, fields)


@dataclass(frozen=True)
class Places:
    """A host that is listed, and a reader that fetches from it."""

    server: BaseTestServer
    reading: Reading

    async def problem_of(self, url: str) -> FileProblem:
        reader = self.reading.pictures([LinkedFile(url, "a.png")])
        assert reader is not None
        with pytest.raises(FileRefused) as caught:
            await reader.read()
        return caught.value.problem


async def _moved(_: web.Request) -> web.Response:
    raise web.HTTPFound("/picture")


async def _picture(_: web.Request) -> web.Response:
    return web.Response(body=a_picture(), content_type="text/plain")


async def _page(_: web.Request) -> web.Response:
    return web.Response(body=WEB_PAGE, content_type="image/png")


async def _gone(_: web.Request) -> web.Response:
    return web.Response(status=404, body=WEB_PAGE, content_type="text/html")


async def _large(_: web.Request) -> web.Response:
    return web.Response(body=heavy_png(PICTURE_BYTES + 1), content_type="image/png")


@pytest.fixture
async def places() -> AsyncIterator[Places]:
    app = web.Application()
    handlers = {"/moved": _moved, "/picture": _picture, "/page": _page, "/gone": _gone, "/large": _large}
    for path, handle in handlers.items():
        app.router.add_get(path, handle)
    fetch = CappedFetch(["127.0.0.1"])
    async with TestServer(app, host="127.0.0.1") as server:
        yield Places(server, Reading(fetch))
    await fetch.aclose()


class TestHosts:
    async def test_the_bytes_tell_what_a_host_lies_about(self, places: Places) -> None:
        reader = places.reading.pictures([LinkedFile(str(places.server.make_url("/picture")), "a.txt")])
        assert reader is not None
        assert (await reader.read()).pictures[0].mime == "image/png"
        assert await places.problem_of(str(places.server.make_url("/page"))) is FileProblem.PICTURE_WEB_PAGE

    @pytest.mark.parametrize(
        ("path", "problem"),
        [("/gone", FileProblem.GONE), ("/moved", FileProblem.GONE), ("/large", FileProblem.PICTURE_BYTES)],
    )
    async def test_what_is_not_fetched(self, places: Places, path: str, problem: FileProblem) -> None:
        assert await places.problem_of(str(places.server.make_url(path))) is problem

    async def test_other_hosts_are_not_asked(self, places: Places) -> None:
        url = str(places.server.make_url("/picture")).replace("127.0.0.1", "localhost")
        assert await places.problem_of(url) is FileProblem.GONE
