"""The stand-in refuses what the real API refuses, in the same words that a program reads: status, code, param."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest

from bot.sandbox.standin import StandIn
from tests.sandbox.asking import HELLO, LUNA, ask, client_of, refused


@pytest.fixture
async def unchecked() -> AsyncIterator[StandIn]:
    """For requests that are wrong on purpose."""
    async with StandIn() as server:
        yield server


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"model": "gpt-99"}, 404, "model_not_found", None),
        ({"model": "gpt-4"}, 404, "model_not_found", None),
        ({"max_tokens": 5}, 400, "unsupported_parameter", "max_tokens"),
        ({"reasoning_effort": "low", "temperature": 0.2}, 400, "unsupported_value", "temperature"),
        ({"reasoning_effort": "low", "top_p": 0.2}, 400, "unsupported_parameter", "top_p"),
        ({"reasoning_effort": openai.omit, "temperature": 0.2}, 400, "unsupported_value", "temperature"),
        ({"reasoning_effort": "minimal"}, 400, "unsupported_value", "reasoning_effort"),
        ({"model": "gpt-6.2-sol"}, 400, "unsupported_value", "reasoning_effort"),
        ({"model": "gpt-4o-mini"}, 400, "unsupported_parameter", "reasoning_effort"),
        ({"temperature": 2.5}, 400, "decimal_above_max_value", "temperature"),
        ({"presence_penalty": -3}, 400, "decimal_below_min_value", "presence_penalty"),
        ({"top_p": "much"}, 400, "invalid_type", "top_p"),
        ({"max_completion_tokens": 0}, 400, "integer_below_min_value", "max_completion_tokens"),
        ({"max_completion_tokens": 200_000}, 400, "invalid_value", "max_completion_tokens"),
        ({"safety_identifier": "x" * 65}, 400, "string_above_max_length", "safety_identifier"),
        ({"n": 2}, 400, "invalid_value", "n"),
        ({"stream_options": {"include_usage": True}}, 400, "invalid_value", "stream_options"),
        ({"tools": []}, 400, "unsupported_parameter", "tools"),
        ({"extra_body": {"top_k": 5}}, 400, "unknown_parameter", "top_k"),
        ({"messages": []}, 400, "empty_array", "messages"),
        ({"messages": [{"role": "boss", "content": "x"}]}, 400, "invalid_value", "messages[0].role"),
        ({"messages": [{"role": "user", "content": None}]}, 400, "invalid_value", "messages[0].content"),
        (
            {"messages": [{"role": "system", "content": [{"type": "image_url"}]}]},
            400,
            "invalid_value",
            "messages[0].content[0]",
        ),
    ],
)
async def test_what_the_api_refuses_is_refused(
    unchecked: StandIn, body: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    error = await refused(unchecked, **body)
    assert (error["status"], error["code"], error["param"]) == (status, code, param)
    assert error["class"] is (openai.NotFoundError if status == 404 else openai.BadRequestError)
    assert unchecked.billed == 0


async def test_the_classic_server_knows_only_the_oldest_parameters(standin: StandIn) -> None:
    old = {"model": "standin-classic", "reasoning_effort": openai.omit}
    for name, value in (("max_completion_tokens", 5), ("reasoning_effort", "none")):
        error = await refused(standin, **{**old, name: value})
        assert (error["code"], error["param"]) == ("unsupported_parameter", name)
    error = await refused(standin, stream=True, stream_options={"include_usage": True}, **old)
    assert error["param"] == "stream_options"
    answer = await ask(standin, max_tokens=5, **old)
    assert answer.choices[0].finish_reason == "length"


async def test_one_model_refuses_the_penalties(standin: StandIn) -> None:
    body = {"model": "standin-no-penalties", "reasoning_effort": openai.omit, "temperature": 0.1}
    error = await refused(standin, presence_penalty=0.5, **body)
    assert (error["code"], error["param"]) == ("unsupported_parameter", "presence_penalty")
    assert (await ask(standin, **body)).choices


async def test_a_conversation_beyond_the_context_is_refused(standin: StandIn) -> None:
    small = {"model": "standin-small", "reasoning_effort": openai.omit}
    error = await refused(standin, messages=[{"role": "user", "content": "word " * 2100}], **small)
    assert (error["status"], error["code"], error["param"]) == (400, "context_length_exceeded", "messages")
    nearly = await ask(standin, messages=[{"role": "user", "content": "word " * 1950}], max_tokens=4000, **small)
    assert nearly.choices[0].finish_reason == "length", "the answer ends where the context does"


async def test_a_wrong_key_is_refused_and_not_repeated_in_full(unchecked: StandIn) -> None:
    async with client_of(unchecked, "sk-wrong-and-rather-long") as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.chat.completions.create(messages=HELLO, **LUNA)
    assert caught.value.code == "invalid_api_key"
    assert "wrong-and" not in str(caught.value.body)


async def test_unknown_paths_methods_and_bodies_get_an_error_object(unchecked: StandIn) -> None:
    async with aiohttp.ClientSession() as session:
        base, signed = unchecked.base_url, {"Authorization": f"Bearer {unchecked.key}"}
        for method, path, headers, body, status in (
            ("GET", "/nothing", signed, None, 404),
            ("GET", "/chat/completions", signed, None, 405),
            ("POST", "/chat/completions", signed, "{no json", 400),
            ("POST", "/chat/completions", {}, "{}", 401),
        ):
            async with session.request(method, base + path, headers=headers, data=body) as response:
                assert response.status == status
                assert set((await response.json())["error"]) == {"message", "type", "param", "code"}
    assert [request.status for request in unchecked.requests] == [404, 405, 400, 401]
