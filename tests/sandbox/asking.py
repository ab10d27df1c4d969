"""Questions to the stand-in through the real SDK, for its tests."""

from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from bot.sandbox.standin import StandIn

HELLO: Any = [{"role": "user", "content": "hello there"}]
LUNA: dict[str, Any] = {"model": "gpt-6-luna", "reasoning_effort": "none"}


def client_of(server: StandIn, key: str | None = None) -> AsyncOpenAI:
    return AsyncOpenAI(api_key=key or server.key, base_url=server.base_url, max_retries=0)


async def ask(server: StandIn, **body: Any) -> ChatCompletion:
    async with client_of(server) as client:
        answer = await client.chat.completions.create(**{**LUNA, "messages": HELLO, **body})
        assert isinstance(answer, ChatCompletion)
        return answer


async def say(server: StandIn, *texts: str, **body: Any) -> str:
    """Ask with user turns, and an answer between each two."""
    messages = [{"role": "assistant" if index % 2 else "user", "content": text} for index, text in enumerate(texts)]
    return (await ask(server, messages=messages, **body)).choices[0].message.content or ""


async def refused(server: StandIn, **body: Any) -> dict[str, Any]:
    with pytest.raises(openai.APIStatusError) as caught:
        await ask(server, **body)
    error = caught.value
    assert isinstance(error.body, dict)
    assert set(error.body) == {"message", "type", "param", "code"}
    assert error.request_id
    return {"status": error.status_code, "class": type(error), **error.body}
