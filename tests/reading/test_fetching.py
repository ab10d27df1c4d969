"""Attachments are fetched from listed hosts only: real requests to a server on loopback."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.core.errors.files import FileProblem, FileRefused
from bot.reading.fetching import CappedFetch

LIMIT_BYTES = 1000


@dataclass(frozen=True)
class LinkedFile:
    url: str
    filename: str = "a.txt"
    size: int = 1

    async def read(self) -> bytes:
        raise AssertionError("only the capped client fetches")


async def _file(_: web.Request) -> web.Response:
    return web.Response(body=b"hello")


async def _gone(_: web.Request) -> web.Response:
    return web.Response(status=404, text="This content is no longer available.")


async def _moved(_: web.Request) -> web.Response:
    raise web.HTTPFound("/file")


async def _large(_: web.Request) -> web.Response:
    return web.Response(body=b"a" * (LIMIT_BYTES + 1))


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()  # without a length
    await response.prepare(request)
    while True:
        await response.write(b"a" * 512)


async def _stuck(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"a")
    await asyncio.Event().wait()
    return response


async def _packed(_: web.Request) -> web.Response:
    return web.Response(body=gzip.compress(b"a" * 100_000), headers={"Content-Encoding": "gzip"})


async def _cookies(request: web.Request) -> web.Response:
    response = web.Response(text=request.headers.get("Cookie", "none"))
    response.set_cookie("seen", "yes")
    return response


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    app = web.Application()
    for path, handle in {
        "/file": _file, "/gone": _gone, "/moved": _moved, "/large": _large, "/endless": _endless, "/stuck": _stuck,
        "/packed": _packed, "/cookies": _cookies,
    }.items():  # fmt: skip
        app.router.add_get(path, handle)
    running = TestServer(app, host="127.0.0.1")
    async with running:
        yield running


@pytest.fixture
async def fetch() -> AsyncIterator[CappedFetch]:
    capped = CappedFetch(["127.0.0.1", "cdn.discordapp.com"])
    yield capped
    await capped.aclose()


async def problem_of(fetch: CappedFetch, url: str) -> FileProblem:
    with pytest.raises(FileRefused) as caught:
        await fetch(LinkedFile(url), limit_bytes=LIMIT_BYTES)
    return caught.value.problem


async def test_a_file_is_fetched(server: TestServer, fetch: CappedFetch) -> None:
    assert await fetch(LinkedFile(str(server.make_url("/file"))), limit_bytes=LIMIT_BYTES) == b"hello"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/gone", FileProblem.GONE),
        ("/moved", FileProblem.GONE),
        ("/packed", FileProblem.GONE),
        ("/large", FileProblem.TOO_LARGE),
        ("/endless", FileProblem.TOO_LARGE),
    ],
)
async def test_what_is_not(server: TestServer, fetch: CappedFetch, path: str, problem: FileProblem) -> None:
    assert await problem_of(fetch, str(server.make_url(path))) is problem


async def test_a_stuck_server_is_given_up(server: TestServer) -> None:
    fetch = CappedFetch(["127.0.0.1"], total_seconds=0.3)
    try:
        assert await problem_of(fetch, str(server.make_url("/stuck"))) is FileProblem.GONE
    finally:
        await fetch.aclose()


async def test_a_server_that_is_down(fetch: CappedFetch, unused_tcp_port: int) -> None:
    assert await problem_of(fetch, f"http://127.0.0.1:{unused_tcp_port}/file") is FileProblem.GONE


async def test_no_cookie_is_remembered(server: TestServer, fetch: CappedFetch) -> None:
    for _ in range(2):
        assert await fetch(LinkedFile(str(server.make_url("/cookies"))), limit_bytes=LIMIT_BYTES) == b"none"


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.discordapp.com/attachments/1/2/a.txt",
        "https://cdn.discordapp.com:8443/attachments/1/2/a.txt",
        "https://user@cdn.discordapp.com/a.txt",
        "https://cdn.discordapp.com@127.0.0.1/a.txt",
        "https://cdn.discordapp.com.example.org/a.txt",
        "https://evil-cdn.discordapp.com/a.txt",
        "https://localhost/a.txt",
        "http://127.1/a.txt",
        "http://[::1]/a.txt",
        "http://2130706433/a.txt",
        "http://0x7f000001/a.txt",
        "http://0177.0.0.1/a.txt",
        "https://127.1/a.txt",
        "https://0/a.txt",
        "https://[::]/a.txt",
        "https://[::ffff:127.0.0.1]/a.txt",
        "https://10.0.0.1/a.txt",
        "https://cdn.discordapp.com%2f@localhost/a.txt",
        "https://cdn.discordapp.com\\@localhost/a.txt",
        "https://localhost#@cdn.discordapp.com/a.txt",
        "https://localhost?@cdn.discordapp.com/a.txt",
        "//cdn.discordapp.com/a.txt",
        "https://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "ftp://cdn.discordapp.com/a.txt",
        "https:///a.txt",
        "https://cdn.discordapp.com:x/a.txt",
        "",
    ],
)
async def test_nothing_is_asked_of_other_hosts(fetch: CappedFetch, url: str) -> None:
    assert await problem_of(fetch, url) is FileProblem.GONE
