from datetime import date

import pytest

from bot.core.catalogue import OfferedModel
from bot.core.errors import KeyRejected, ProviderTimeout, ProviderUnavailable
from bot.provider.chat import OpenAIChatModel
from bot.provider.completion import Deadlines
from bot.provider.models import read_models
from bot.sandbox.standin import StandIn
from tests.provider.conftest import MakeModel


async def test_the_list_says_which_models_go(chat_model: OpenAIChatModel) -> None:
    offered = await chat_model.list_models()
    assert OfferedModel("gpt-6-luna") in offered
    assert OfferedModel("gpt-4o-mini", date(2027, 1, 14)) in offered


async def test_a_server_without_the_list_offers_nothing(standin: StandIn, make_model: MakeModel) -> None:
    assert await make_model(base_url=f"{standin.base_url}/elsewhere").list_models() == []


async def test_a_wrong_key_is_told(make_model: MakeModel) -> None:
    with pytest.raises(KeyRejected) as caught:
        await make_model(api_key="sk-somebody-elses-key").list_models()
    assert caught.value.__context__ is None  # it would quote the key


async def test_nobody_there_is_told(make_model: MakeModel, unused_tcp_port: int) -> None:
    with pytest.raises(ProviderUnavailable):
        await make_model(base_url=f"http://127.0.0.1:{unused_tcp_port}/v1").list_models()


async def test_it_has_a_deadline(make_model: MakeModel) -> None:
    with pytest.raises(ProviderTimeout):
        await make_model(deadlines=Deadlines(models_seconds=0)).list_models()


def test_entries_of_other_servers_are_read_as_far_as_they_go() -> None:
    body = b"""{"data": [{"id": "a"}, {"id": "b", "shutdown_date": "soon"}, {"id": "c", "shutdown_date": "2027-01-06"},
        {"id": 7}, {"name": "d"}, "e", null]}"""
    assert read_models(body) == [OfferedModel("a"), OfferedModel("b"), OfferedModel("c", date(2027, 1, 6))]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"models": []}', b'{"data": {}}', b'"data"'])
def test_anything_else_is_no_list(body: bytes) -> None:
    with pytest.raises(ValueError):
        read_models(body)
