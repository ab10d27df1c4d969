"""Bytes gather in the kernel between two reads, and nothing is lost by it."""

import asyncio

import pytest
from openai import AsyncOpenAI, DefaultAioHttpClient

from bot.core.conversation import EndReason
from bot.core.ports.chat import StreamEnd
from bot.provider.chat import OpenAIChatModel
from bot.provider.flow import Flow
from bot.sandbox.standin import Hold, Pace, Say, StandIn
from tests.contract import check_request
from tests.provider.conftest import MakeModel, ask, free


async def test_the_socket_is_where_the_sdk_keeps_it(standin: StandIn) -> None:
    standin.script(Hold(1, "One two"))
    async with (
        AsyncOpenAI(
            api_key=standin.key, base_url=standin.base_url, max_retries=0, http_client=DefaultAioHttpClient()
        ) as client,
        client.chat.completions.with_streaming_response.create(
            model="gpt-6-luna", messages=[{"role": "user", "content": "Hi"}], stream=True
        ) as response,
    ):
        flow = Flow(response.http_response)
        transport = flow.transport
        assert transport is not None
        assert transport.is_reading()
        await flow.gather(0)
        assert transport.is_reading()
        standin.release()
        await response.read()
        assert flow.transport is None  # it may be another response's by now
        await flow.gather(0)


@pytest.mark.parametrize("streams", [1, 12])
async def test_tokens_of_many_streams_are_read_together(make_model: MakeModel, streams: int) -> None:
    tokens = 100
    text = "".join(f"{number:03} " for number in range(tokens))

    async def read(chat_model: OpenAIChatModel) -> int:
        *deltas, end = [event async for event in chat_model.stream(ask(), before_repeat=free)]
        assert isinstance(end, StreamEnd)
        assert end.end_reason is EndReason.STOP
        assert "".join(delta.text for delta in deltas if not isinstance(delta, StreamEnd)) == text
        return len(deltas)

    async with StandIn(pace=Pace(0, tokens_per_second=500), check=check_request) as server:
        server.script(*[Say(text, delta_chars=4)] * streams)
        chat_model = make_model(base_url=server.base_url)
        reads = await asyncio.gather(*(read(chat_model) for _ in range(streams)))
    if streams > 1:
        assert max(reads) < tokens / 4
    assert chat_model._streams == 0
