"""The stand-in as a client sees it: what it says, what it refuses, what it counts."""

import asyncio
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from jsonschema import Draft202012Validator
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.model import Model

from bot.sandbox.standin import Pace, Say, StandIn
from tests.contract import NO_SPEC, OPENAI_SPEC, assert_fits, check_request
from tests.sandbox.asking import HELLO, LUNA, ask, client_of, refused, say


async def events_of(server: StandIn, **body: Any) -> list[dict[str, Any]]:
    """Return the events of a streamed answer as they are on the wire."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {server.key}"}) as session:
        request = {**LUNA, "messages": HELLO, "stream": True, **body}
        async with session.post(f"{server.base_url}/chat/completions", json=request) as response:
            assert response.status == 200
            assert response.content_type == "text/event-stream"
            assert response.headers["x-request-id"]
            blocks = (await response.text()).split("\n\n")
    assert blocks[-2:] == ["data: [DONE]", ""]
    return [json.loads(block.removeprefix("data: ")) for block in blocks[:-2]]


async def test_a_stream_has_the_wire_format_of_the_api(standin: StandIn) -> None:
    plain = {"stream_options": {"include_usage": True, "include_obfuscation": False}}
    events = await events_of(standin, **plain)
    first, *deltas, last, usage = events
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert all(set(event["choices"][0]["delta"]) == {"content"} for event in deltas)
    assert last["choices"][0]["delta"] == {}
    assert last["choices"][0]["finish_reason"] == "stop"
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == len(deltas)
    assert all(event["usage"] is None for event in [first, *deltas, last])
    assert len({event["id"] for event in events}) == 1
    assert not any("obfuscation" in event for event in events)
    for event in events:
        ChatCompletionChunk.model_validate(event)


async def test_without_stream_options_there_is_no_usage_and_deltas_are_padded(standin: StandIn) -> None:
    events = await events_of(standin)
    assert not any("usage" in event for event in events)
    assert all(
        event["obfuscation"] for event in events if "content" in event["choices"][0]["delta"] and event is not events[0]
    )


async def test_streamed_and_whole_answers_are_the_same_text(standin: StandIn) -> None:
    streamed = "".join(event["choices"][0]["delta"].get("content", "") for event in await events_of(standin))
    assert streamed == await say(standin, "hello there")


async def test_a_whole_answer_fits_the_model_of_the_sdk(standin: StandIn) -> None:
    async with client_of(standin) as client:
        raw = await client.chat.completions.with_raw_response.create(messages=HELLO, **LUNA)
    answer = ChatCompletion.model_validate(json.loads(raw.text))
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert raw.headers["x-request-id"]


async def test_answers_fit_the_spec(standin: StandIn) -> None:
    if not OPENAI_SPEC.exists():
        pytest.skip(NO_SPEC)
    for event in await events_of(standin, stream_options={"include_usage": True}):
        assert_fits("CreateChatCompletionStreamResponse", event)
    assert_fits("CreateChatCompletionResponse", (await ask(standin)).model_dump(exclude_unset=True))
    async with client_of(standin) as client:
        models = await client.models.with_raw_response.list()
    assert_fits("ListModelsResponse", json.loads(models.text))


async def test_the_first_turn_says_what_it_is_and_what_it_was_given(standin: StandIn) -> None:
    messages = [{"role": "system", "content": "Be kind."}, *HELLO]
    answer = await ask(standin, messages=messages, temperature=0.4, max_completion_tokens=900)
    text = answer.choices[0].message.content or ""
    for fact in ("not an AI model", "OPENAI_API_KEY", "OPENAI_BASE_URL", "“hello there”", "8 characters"):
        assert fact in text
    for fact in ("no earlier turns", "`temperature` 0.4", "900 tokens", "`long code`", "`count to 20`", "[break]"):
        assert fact in text
    assert len(text) <= 2000, "the first thing a newcomer sees fits one message"


async def test_later_turns_prove_that_the_history_came_along(standin: StandIn) -> None:
    text = await say(standin, "my dog is Rex", "fine", "and my cat is Tom", "fine", "who are they?")
    assert "Stand-in here, turn 3" in text
    assert "First you said: “my dog is Rex”" in text
    assert "Then you said: “and my cat is Tom”" in text
    assert "who are they?" in text
    assert "OPENAI_API_KEY" not in text, "said once is enough"


async def test_it_reads_the_frame_that_the_bot_puts_around_a_message(standin: StandIn) -> None:
    text = await say(
        standin,
        "[Ada, 2026-11-22 12:00]\nI like trains",
        "fine",
        "[Bob, 2026-11-22 12:01]\nContext: the message of Ada that this replies to\n> I like\n> trains\n\nso do I",
    )
    assert "You now say: “so do I”" in text
    assert "a message that came along: “I like trains”" in text
    assert "Ada said: “I like trains”" in text
    assert "2026" not in text


@pytest.mark.parametrize(
    ("question", "pattern"),
    [
        ("give me some code", r"```python\n[^`]+\n```"),
        ("a list please", r"^1\. .*\n2\. "),
        ("a table", r"^\|.*\|\n\|---"),
        ("please count to 12", r"^1 .*\n2 (.*\n){10}12 "),
        ("long", r"^## 8\. "),
        ("long code", r"^def bar_to_psi"),
    ],
)
async def test_skills_show_what_delivery_has_to_do(standin: StandIn, question: str, pattern: str) -> None:
    text = await say(standin, question)
    assert re.search(pattern, text, re.MULTILINE)
    assert (len(text) > 4000) == question.startswith("long")
    assert await say(standin, question) == text, "the same question gets the same answer"


async def test_the_cap_on_tokens_is_kept(standin: StandIn) -> None:
    async def counted(cap: int) -> tuple[str, int, str]:
        answer = await ask(standin, max_completion_tokens=cap, messages=[{"role": "user", "content": "hello"}])
        assert answer.usage is not None
        return answer.choices[0].finish_reason, answer.usage.completion_tokens, answer.choices[0].message.content or ""

    reason, tokens, start = await counted(7)
    assert (reason, tokens) == ("length", 7)
    # A cap of three digits is one token wherever the answer names it.
    _, whole, text = await counted(999)
    assert text.startswith(start)
    assert (await counted(whole))[:2] == ("stop", whole)
    assert (await counted(whole - 1))[:2] == ("length", whole - 1)


async def test_stop_words_end_the_answer(standin: StandIn) -> None:
    text = await say(standin, "count to 9", stop=["5 ▰", "7 ▰"])
    assert "4 ▰" in text
    assert "5 ▰" not in text


async def test_json_mode_gives_an_object_and_needs_the_word(standin: StandIn) -> None:
    mode = {"response_format": {"type": "json_object"}}
    report = json.loads(await say(standin, "as JSON please", "{}", "again", **mode))
    assert report["stand_in"] is True
    assert report["turn"] == 2
    assert report["earlier"] == ["as JSON please"]
    error = await refused(standin, **mode)
    assert (error["status"], error["param"]) == (400, "messages")


SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "size", "tags", "next", "kind", "ratio"],
    "properties": {
        "name": {"type": "string", "minLength": 12},
        "size": {"type": "integer", "minimum": 3.5, "maximum": 9},
        "ratio": {"type": "number", "maximum": 0.25},
        "kind": {"enum": ["a", "b"]},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        "next": {"anyOf": [{"$ref": "#/$defs/inner"}, {"type": "null"}]},
    },
    "$defs": {"inner": {"type": "object", "properties": {"yes": {"type": ["boolean", "null"]}}, "required": ["yes"]}},
}


async def test_a_schema_gets_a_value_that_fits_it(standin: StandIn) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "thing", "strict": True, "schema": SCHEMA}}
    Draft202012Validator(SCHEMA).validate(json.loads(await say(standin, "go", response_format=wanted)))


@pytest.mark.parametrize(
    "inner",
    [
        {"type": "string", "pattern": "^a+$"},
        {"$ref": "#/$defs/none"},
        {"$ref": "#"},
        {"type": "integer", "minimum": 2, "maximum": 1},
        {"type": "object", "required": ["x"]},
    ],
)
async def test_a_schema_that_it_cannot_fill_is_refused(standin: StandIn, inner: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"x": inner}, "required": ["x"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "thing", "schema": schema}}
    error = await refused(standin, response_format=wanted)
    assert (error["status"], error["code"]) == (400, "invalid_json_schema")
    assert standin.billed == 0


async def test_models_are_listed_with_their_shutdown_dates(standin: StandIn) -> None:
    async with client_of(standin) as client:
        models = {model.id: model async for model in client.models.list()}
        one = await client.models.retrieve("gpt-4o-mini")
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("gpt-4")
    assert isinstance(one, Model)
    assert one.shutdown_date == models["gpt-4o-mini"].shutdown_date == "2027-01-14"
    assert models["gpt-6-luna"].shutdown_date is None


async def test_a_long_prefix_is_cached_from_the_second_request_on(standin: StandIn) -> None:
    def usage(answer: ChatCompletion) -> tuple[int | None, int | None]:
        assert answer.usage is not None
        assert answer.usage.prompt_tokens_details is not None
        details = answer.usage.prompt_tokens_details
        return details.cached_tokens, details.cache_write_tokens

    start = [{"role": "system", "content": "word " * 1300}]
    assert usage(await ask(standin, messages=[*start, *HELLO])) == (0, 1280)
    grown = [*start, *HELLO, {"role": "assistant", "content": "a " * 250}, *HELLO]
    assert usage(await ask(standin, messages=grown)) == (1280, 256)
    other = [{"role": "system", "content": "another " + "word " * 1300}, *HELLO]
    assert usage(await ask(standin, messages=other))[0] == 0
    short = [{"role": "user", "content": "word " * 900}]
    assert [usage(await ask(standin, messages=short)) for _ in range(2)] == [(0, 0), (0, 0)], "below 1,024 tokens"


async def test_requests_are_recorded_and_answers_counted(standin: StandIn) -> None:
    await ask(standin, user="u1")
    record = await standin.arrived(1)
    assert standin.requests == [record]
    assert (record.method, record.path, record.status, record.aborted) == ("POST", "/v1/chat/completions", 200, False)
    assert record.body["user"] == "u1"
    assert record.headers["authorization"] == "Bearer sk-stand-in"
    assert record.first_text_at is not None
    assert record.usage is not None
    assert standin.billed == 1


async def test_a_request_against_the_contract_fails_the_test() -> None:
    async def break_it() -> None:
        async with StandIn(check=check_request) as server:
            await refused(server, extra_body={"invented": True})
            if OPENAI_SPEC.exists():
                await refused(server, temperature=99)

    with pytest.raises(ExceptionGroup) as caught:
        await break_it()
    assert "unknown keys ['invented']" in str(caught.value.exceptions[0])
    assert len(caught.value.exceptions) == (2 if OPENAI_SPEC.exists() else 1)


def test_the_pace_is_a_schedule() -> None:
    pace = Pace(first_token_seconds=0.5, tokens_per_second=100, tokens_per_chunk=2)
    assert [pace.due_seconds(chunk) for chunk in (0, 1, 50)] == [0.5, 0.52, 1.5]


async def test_the_stamps_keep_the_schedule() -> None:
    async with StandIn(pace=Pace(0.02, 1000)) as server:
        server.script(Say("word " * 60))
        await events_of(server)
        record = server.requests[0]
    assert record.first_text_at is not None
    assert record.last_text_at is not None
    # The clock that wakes a sleeper and the one that stamps are the same; nothing is ever early.
    assert record.first_text_at - record.came_at >= 0.02
    assert record.last_text_at - record.first_text_at >= 0.05


async def test_it_runs_alone_and_logs_numbers_only(tmp_path: Path) -> None:
    log = tmp_path / "stamps.jsonl"
    arguments = ("-m", "bot.sandbox.standin", "--first-token-seconds", "0", "--tokens-per-second", "0", "--log", log)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().strip()
        async with AsyncOpenAI(api_key="sk-stand-in", base_url=url, max_retries=0) as client:
            await client.chat.completions.create(messages=HELLO, **LUNA)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    (line,) = log.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["completion_tokens"] > 100
    assert "hello" not in line


async def test_it_says_which_files_came_along(standin: StandIn) -> None:
    quote = "Context: the message of Asker that this replies to\n> earlier words\n"
    files = (
        'Context: attached file 1 of 2, "a.txt" (text, 3 bytes)\n> one\n> \n> two\n'
        'Context: attached file 2 of 2, "b.pdf" (PDF, 9 bytes; cut here after 5 characters)\n> three\n'
    )
    for frame in ("[Asker, 2026-11-22 12:00]\n", ""):
        said = await say(standin, f"{frame}{quote}{files}\nWhat is it?")
        assert "“What is it?”" in said
        assert "“earlier words”" in said
        assert "A file came along: a.txt (text, 3 bytes)." in said
        assert "b.pdf (PDF, 9 bytes; cut here after 5 characters)" in said
