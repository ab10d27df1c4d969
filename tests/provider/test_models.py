from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.core.catalogue import OfferedModel
from bot.core.errors.provider import InvalidReply, KeyRejected, ProviderTimeout, ProviderUnavailable
from bot.provider.models import OpenAIModelList, read_models
from bot.sandbox.standin import StandIn
from tests.clock import FakeClock


@asynccontextmanager
async def lister(standin: StandIn, **changes: Any) -> AsyncIterator[OpenAIModelList]:
    given = {"base_url": standin.base_url, "api_key": standin.key, "clock": FakeClock(), **changes}
    made = OpenAIModelList(**given)
    try:
        yield made
    finally:
        await made.aclose()


async def test_the_list_says_which_models_go(standin: StandIn) -> None:
    async with lister(standin) as models:
        offered = await models.list_models()
    assert OfferedModel("gpt-6-luna") in offered
    assert OfferedModel("gpt-4o-mini", date(2027, 1, 14)) in offered


async def test_a_server_without_the_list_offers_nothing(standin: StandIn) -> None:
    async with lister(standin, base_url=f"{standin.base_url}/elsewhere") as models:
        assert await models.list_models() == []


async def test_a_wrong_key_is_told(standin: StandIn) -> None:
    async with lister(standin, api_key="sk-somebody-elses-key") as models:
        with pytest.raises(KeyRejected) as caught:
            await models.list_models()
    assert caught.value.__context__ is None  # it would quote the key


async def test_nobody_there_is_told(standin: StandIn, unused_tcp_port: int) -> None:
    async with lister(standin, base_url=f"http://127.0.0.1:{unused_tcp_port}/v1") as models:
        with pytest.raises(ProviderUnavailable):
            await models.list_models()


async def test_a_server_that_sends_something_else_is_told(standin: StandIn) -> None:
    async def no_list(_: web.Request) -> web.Response:
        return web.json_response({"models": []})

    app = web.Application()
    app.router.add_get("/v1/models", no_list)
    async with TestServer(app) as server, lister(standin, base_url=str(server.make_url("/v1"))) as models:
        with pytest.raises(InvalidReply):
            await models.list_models()


async def test_it_has_a_deadline(standin: StandIn) -> None:
    async with lister(standin, list_seconds=0) as models:
        with pytest.raises(ProviderTimeout):
            await models.list_models()


def test_entries_of_other_servers_are_read_as_far_as_they_go() -> None:
    body = b"""{"data": [{"id": "a"}, {"id": "b", "shutdown_date": "soon"}, {"id": "c", "shutdown_date": "2027-01-06"},
        {"id": 7}, {"name": "d"}, "e", null]}"""
    assert read_models(body) == [OfferedModel("a"), OfferedModel("b"), OfferedModel("c", date(2027, 1, 6))]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"models": []}', b'{"data": {}}', b'"data"'])
def test_anything_else_is_no_list(body: bytes) -> None:
    with pytest.raises(InvalidReply):
        read_models(body)
