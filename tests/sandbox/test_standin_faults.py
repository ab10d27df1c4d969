"""What a test can make the stand-in do: each behaviour as the SDK sees it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from bot.sandbox.standin import Behaviour, Cut, Drip, Hold, Html, Raw, RecordedRequest, Refuse, Say, Stall, StandIn

REQUEST: dict[str, Any] = {
    "model": "gpt-6-luna",
    "reasoning_effort": "none",
    "messages": [{"role": "user", "content": "hello"}],
}


@pytest.fixture
async def client(standin: StandIn) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key=standin.key, base_url=standin.base_url, max_retries=0) as client:
        yield client


async def start(client: AsyncOpenAI, **more: Any) -> AsyncStream[ChatCompletionChunk]:
    body = {**REQUEST, "stream": True, "stream_options": {"include_usage": True}, **more}
    stream = await client.chat.completions.create(**body)
    assert isinstance(stream, AsyncStream)
    return stream


async def chunks(
    client: AsyncOpenAI, seen: list[ChatCompletionChunk] | None = None, **more: Any
) -> list[ChatCompletionChunk]:
    """Read a stream to its end; ``seen`` keeps what came before an error."""
    seen = [] if seen is None else seen
    async with await start(client, **more) as stream:
        async for chunk in stream:
            seen.append(chunk)
    return seen


def text_of(seen: list[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in seen if chunk.choices)


def finish_of(seen: list[ChatCompletionChunk]) -> list[str]:
    return [c.choices[0].finish_reason for c in seen if c.choices and c.choices[0].finish_reason]


async def end_of(record: RecordedRequest) -> None:
    """Wait until the server is done with a request; a server that never is would hang the test."""
    async with asyncio.timeout(30):
        await record.ended.wait()


async def whole(client: AsyncOpenAI) -> Any:
    return await client.chat.completions.create(**REQUEST)


async def test_say_replaces_text_finish_reason_and_usage(standin: StandIn, client: AsyncOpenAI) -> None:
    standin.script(Say("naïve 👩‍👩‍👧", finish_reason="content_filter", usage={"prompt_tokens": 7}, delta_chars=2))
    seen = await chunks(client)
    assert text_of(seen) == "naïve 👩‍👩‍👧"
    assert [chunk.choices[0].delta.content for chunk in seen[1:4]] == ["na", "ïv", "e "]
    assert finish_of(seen) == ["content_filter"]
    assert seen[-1].usage is not None
    assert seen[-1].usage.prompt_tokens == 7


async def test_say_without_usage_content_or_choices(standin: StandIn, client: AsyncOpenAI) -> None:
    standin.script(Say("hi", no_usage=True), Say(content_none=True), Say(no_choices=True), Say("", finish_reason=None))
    assert all(chunk.usage is None and chunk.choices for chunk in await chunks(client))
    assert (await whole(client)).choices[0].message.content is None
    assert (await whole(client)).choices == []
    assert finish_of(await chunks(client)) == []


async def test_a_refusal_is_streamed_as_one(standin: StandIn, client: AsyncOpenAI) -> None:
    standin.script(Say(refusal="I would rather not."), Say(refusal="I would rather not."))
    seen = await chunks(client)
    assert "".join(c.choices[0].delta.refusal or "" for c in seen if c.choices) == "I would rather not."
    assert text_of(seen) == ""
    message = (await whole(client)).choices[0].message
    assert (message.content, message.refusal) == (None, "I would rather not.")


@pytest.mark.parametrize(
    ("refuse", "error_class", "code"),
    [
        (Refuse(401, code="invalid_api_key"), openai.AuthenticationError, "invalid_api_key"),
        (Refuse(403), openai.PermissionDeniedError, None),
        (Refuse(404, code="model_not_found"), openai.NotFoundError, "model_not_found"),
        (Refuse(429, code="slow_down", headers={"Retry-After": "7"}), openai.RateLimitError, "slow_down"),
        (Refuse(429, code="insufficient_quota"), openai.RateLimitError, "insufficient_quota"),
        (Refuse(500), openai.InternalServerError, None),
        (Refuse(503, code="server_is_overloaded"), openai.InternalServerError, "server_is_overloaded"),
    ],
)  # fmt: skip
async def test_refuse_becomes_the_error_class(
    standin: StandIn, client: AsyncOpenAI, refuse: Refuse, error_class: type[openai.APIStatusError], code: str | None
) -> None:
    standin.script(refuse)
    with pytest.raises(error_class) as caught:
        await chunks(client)
    assert caught.value.code == code
    for name, value in refuse.headers.items():
        assert caught.value.response.headers[name] == value
    assert standin.billed == 0
    assert (await whole(client)).choices, "each behaviour is for one request"


@pytest.mark.parametrize(
    ("behaviour", "body"),
    [
        (Refuse(400, body='{"detail": [{"msg": "no"}]}'), {"detail": [{"msg": "no"}]}),
        (Refuse(400, body='{"error": "just text"}'), "just text"),
        (Refuse(502, body="<html>bad gateway</html>"), "<html>bad gateway</html>"),
    ],
)
async def test_refuse_with_a_body_of_its_own(
    standin: StandIn, client: AsyncOpenAI, behaviour: Refuse, body: object
) -> None:
    standin.script(behaviour)
    with pytest.raises(openai.APIStatusError) as caught:
        await whole(client)
    assert caught.value.body == body


async def test_a_web_page_instead_of_an_answer(standin: StandIn, client: AsyncOpenAI) -> None:
    standin.script(Html(), Html(502))
    assert isinstance(await whole(client), str), "the SDK hands it over unread"
    with pytest.raises(openai.InternalServerError):
        await whole(client)


async def test_raw_bytes_arrive_in_slices(standin: StandIn, client: AsyncOpenAI) -> None:
    events = (
        ': a comment\n\ndata: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","new":true,'
        '"choices":[{"index":0,"delta":{"content":"né"},"finish_reason":"new_reason"}]}\n\ndata: [DONE]\n\n'
    )
    standin.script(Raw(events, content_type="text/event-stream", slice_bytes=1))
    assert text_of(await chunks(client)) == "né"
    standin.script(Raw('{"choices": null}'))
    answer = await whole(client)
    assert isinstance(answer, ChatCompletion)
    assert answer.choices is None


@pytest.mark.parametrize("after", [0, 1, 3, 99])
@pytest.mark.parametrize(
    ("how", "error_class"),
    [
        ("close", openai.APIConnectionError),
        ("reset", openai.APIConnectionError),
        ("error_event", openai.APIError),
        ("bad_json", json.JSONDecodeError),
        ("no_finish", None),
        ("half_line", None),
    ],
)
async def test_a_cut_stream_gives_the_deltas_before_the_cut(
    standin: StandIn, client: AsyncOpenAI, how: Any, error_class: type[Exception] | None, after: int
) -> None:
    standin.script(Cut(after, how, "one two three four five"))
    seen: list[ChatCompletionChunk] = []
    if error_class is None:
        await chunks(client, seen)
    else:
        with pytest.raises(error_class):
            await chunks(client, seen)
    assert text_of(seen) == {0: "", 1: "one", 3: "one two three", 99: "one two three four five"}[after]
    assert finish_of(seen) == []
    await end_of(standin.requests[0])
    assert not standin.requests[0].aborted, "it was the server that cut"
    assert standin.billed == 1


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_connection_that_ends_before_the_headers(standin: StandIn, client: AsyncOpenAI, how: Any) -> None:
    standin.script(Cut(None, how), Cut(None, how))
    for call in (whole, chunks):
        with pytest.raises(openai.APIConnectionError):
            await call(client)


@pytest.mark.parametrize(
    ("how", "error_class"),
    [("close", openai.APIConnectionError), ("reset", openai.APIConnectionError), ("half_line", json.JSONDecodeError)],
)
async def test_a_cut_whole_answer(
    standin: StandIn, client: AsyncOpenAI, how: Any, error_class: type[Exception]
) -> None:
    standin.script(Cut(1, how), Cut(1, "error_event"), Cut(1, "no_finish"))
    with pytest.raises(error_class):
        await whole(client)
    assert (await whole(client)).choices is None
    assert (await whole(client)).choices[0].finish_reason is None


async def test_hold_goes_on_when_released(standin: StandIn, client: AsyncOpenAI) -> None:
    standin.script(Hold(2, "one two three"))
    async with await start(client) as stream:
        seen = [await anext(stream) for _ in range(3)]
        assert text_of(seen) == "one two"
        assert not standin.requests[0].ended.is_set()
        standin.release()
        seen += [chunk async for chunk in stream]
    assert text_of(seen) == "one two three"
    assert finish_of(seen) == ["stop"]


@pytest.mark.parametrize("behaviour", [Stall(), Stall(None), Stall(2), Hold(None)])
async def test_a_client_that_goes_away_is_noticed(standin: StandIn, client: AsyncOpenAI, behaviour: Behaviour) -> None:
    standin.script(behaviour)
    asking = asyncio.create_task(chunks(client))
    record = await standin.arrived(1)
    asking.cancel()
    await end_of(record)
    assert record.aborted
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_closing_the_stream_aborts_it(standin: StandIn, client: AsyncOpenAI) -> None:
    standin.script(Drip(0.01, "word " * 1000))
    async with await start(client) as stream:
        await anext(stream)
    await end_of(standin.requests[0])
    assert standin.requests[0].aborted


async def test_stall_ends_with_a_closed_connection_when_released(standin: StandIn, client: AsyncOpenAI) -> None:
    standin.script(Stall(1, "one two"))
    seen: list[ChatCompletionChunk] = []
    asking = asyncio.create_task(chunks(client, seen))
    await standin.arrived(1)
    standin.release()
    with pytest.raises(openai.APIConnectionError):
        await asking
    assert text_of(seen) == "one"


async def test_a_held_answer_does_not_keep_the_server_from_ending() -> None:
    async with StandIn() as server, AsyncOpenAI(api_key=server.key, base_url=server.base_url, max_retries=0) as client:
        server.script(Hold(None))
        asking = asyncio.create_task(whole(client))
        await server.arrived(1)
        await server.__aexit__(None, None, None)
        with pytest.raises(openai.APIConnectionError):
            await asking
        assert not server.requests[0].aborted


async def test_a_refused_request_leaves_the_script_alone(standin: StandIn, client: AsyncOpenAI) -> None:
    standin.script(Say("scripted"))
    with pytest.raises(openai.NotFoundError):
        await client.chat.completions.create(**{**REQUEST, "model": "gpt-4"})
    assert (await whole(client)).choices[0].message.content == "scripted"


@pytest.mark.parametrize(
    ("word", "error_class", "text"),
    [
        ("[block]", openai.BadRequestError, ""),
        ("[busy]", openai.RateLimitError, ""),
        ("[down]", openai.InternalServerError, ""),
        ("[break]", openai.APIConnectionError, "This answer breaks off"),
    ],
)
async def test_words_that_make_an_answer_fail(
    client: AsyncOpenAI, word: str, error_class: type[Exception], text: str
) -> None:
    seen: list[ChatCompletionChunk] = []
    with pytest.raises(error_class):
        await chunks(client, seen, messages=[{"role": "user", "content": f"please {word}"}])
    assert text_of(seen).startswith(text)
    assert bool(seen) == bool(text)


@pytest.mark.parametrize(
    ("word", "text", "finish_reason"),
    [("[refuse]", "", "stop"), ("[filter]", "This answer ends", "content_filter"), ("[empty]", "", "stop")],
)
async def test_words_that_make_an_answer_odd(client: AsyncOpenAI, word: str, text: str, finish_reason: str) -> None:
    seen: list[ChatCompletionChunk] = []
    await chunks(client, seen, messages=[{"role": "user", "content": f"please {word}"}])
    assert text_of(seen).startswith(text)
    assert bool(text_of(seen)) == bool(text)
    assert finish_of(seen) == [finish_reason]
