"""What is sent, and what a good answer becomes."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from bot.core.conversation import EndReason, Usage
from bot.core.ports.chat import ChatMessage, ChatRequest, TextDelta
from bot.provider.chat import OpenAIChatModel
from bot.sandbox.standin import Hold, Raw, Say, StandIn
from tests.provider.conftest import MakeModel, answered, ask, free

POEM = "Grüße, 世界! 👩‍👩‍👧 Ends with a family."


async def test_an_answer_is_its_text_then_its_end(standin: StandIn, chat_model: OpenAIChatModel) -> None:
    standin.script(Say(POEM, usage={"prompt_tokens": 12, "completion_tokens": 9}))
    text, end = await answered(chat_model, ask())
    assert text == POEM
    assert end.end_reason is EndReason.STOP
    assert end.model == "gpt-6-luna"
    assert end.usage is not None
    assert (end.usage.prompt_tokens, end.usage.completion_tokens) == (12, 9)
    assert end.request_id == "req_standin_1"
    assert end.ignored_options == ()


async def test_the_default_model_is_sent_what_it_takes_and_nothing_else(
    standin: StandIn, chat_model: OpenAIChatModel
) -> None:
    await answered(chat_model, replace(ask("Hi"), conversation_hash="c" * 64, member_hash="m" * 64))
    assert standin.requests[0].body == {
        "model": "gpt-6-luna",
        "messages": [{"role": "system", "content": "You are a test."}, {"role": "user", "content": "Hi"}],
        "max_completion_tokens": 500,
        "reasoning_effort": "none",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_options_are_sent_when_they_are_set(standin: StandIn, chat_model: OpenAIChatModel) -> None:
    request = replace(
        ask("Answer in JSON"), json=True, temperature=0.0, top_p=0.5, frequency_penalty=-1.0, presence_penalty=0.0
    )
    text, end = await answered(chat_model, request)
    assert text.startswith("{")
    assert end.ignored_options == ()
    body = standin.requests[0].body
    sent = [body[name] for name in ("temperature", "top_p", "frequency_penalty", "presence_penalty")]
    assert sent == [0.0, 0.5, -1.0, 0.0]
    assert body["response_format"] == {"type": "json_object"}


async def test_a_model_of_a_compatible_server_is_sent_max_tokens_and_no_effort(
    standin: StandIn, chat_model: OpenAIChatModel
) -> None:
    await answered(chat_model, ask(model="standin-no-penalties"))
    body = standin.requests[0].body
    assert body["max_tokens"] == 500
    assert not {"max_completion_tokens", "reasoning_effort"} & body.keys()


async def test_sampling_that_the_catalogue_rules_out_is_not_sent_but_told(
    standin: StandIn, chat_model: OpenAIChatModel
) -> None:
    _, end = await answered(chat_model, replace(ask(model="gpt-6.2-sol"), temperature=1.5, presence_penalty=1.0))
    assert end.ignored_options == ("temperature", "presence_penalty")
    assert len(standin.requests) == 1
    assert not {"temperature", "presence_penalty"} & standin.requests[0].body.keys()


async def test_nothing_of_the_operators_openai_account_goes_to_another_server(
    standin: StandIn, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://canary.invalid/v1")
    await answered(make_model(), ask())
    assert not [name for name, value in standin.requests[0].headers.items() if "canary" in value]


@pytest.mark.parametrize(
    ("finish_reason", "end_reason"),
    [
        ("length", EndReason.LENGTH),
        ("content_filter", EndReason.CONTENT_FILTER),
        ("tool_calls", EndReason.STOP),
        ("end_of_thought", EndReason.STOP),  # none that we know
    ],
)
async def test_the_finish_reason_is_told(
    standin: StandIn, chat_model: OpenAIChatModel, finish_reason: str, end_reason: EndReason
) -> None:
    standin.script(Say("Half of", finish_reason=finish_reason))
    text, end = await answered(chat_model, ask())
    assert (text, end.end_reason) == ("Half of", end_reason)


async def test_a_server_without_usage_is_fine(standin: StandIn, chat_model: OpenAIChatModel) -> None:
    standin.script(Say("Hello", no_usage=True))
    text, end = await answered(chat_model, ask())
    assert (text, end.end_reason, end.usage) == ("Hello", EndReason.STOP, None)


async def test_usage_says_what_came_from_the_cache(standin: StandIn, chat_model: OpenAIChatModel) -> None:
    details = {"cached_tokens": 1024, "cache_write_tokens": 64}
    usage = {
        "prompt_tokens": 2000,
        "completion_tokens": 7,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    standin.script(Say("Hello", usage=usage))
    _, end = await answered(chat_model, ask())
    assert end.usage == Usage(2000, 7, cached_tokens=1024, cache_write_tokens=64, reasoning_tokens=3)


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", "text/plain"])
async def test_a_server_that_does_not_stream_is_understood(
    standin: StandIn, chat_model: OpenAIChatModel, content_type: str
) -> None:
    body = """
    {"choices": [{"message": {"role": "assistant", "content": "All at once"}, "finish_reason": "stop"}],
     "usage": {"prompt_tokens": 3, "completion_tokens": 4}}"""
    standin.script(Raw(body, content_type=content_type, slice_bytes=50))
    text, end = await answered(chat_model, ask())
    assert (text, end.end_reason, end.usage) == ("All at once", EndReason.STOP, Usage(3, 4))


async def test_reasoning_that_a_server_sends_along_is_not_shown(standin: StandIn, chat_model: OpenAIChatModel) -> None:
    standin.script(
        Raw(
            ": OPENROUTER PROCESSING\r\n\r\n"
            'data: {"choices": [{"delta": {"role": "assistant"}}]}\r\n\r\n'
            'data: {"choices": [{"delta": {"content": null, "reasoning_content": "Hm."}}], "new_field": [1]}\r\n\r\n'
            'data: {"choices": [{"delta": {"content": "Yes."}, "finish_reason": ""}]}\r\n\r\n'
            'data: {"choices": [{"finish_reason": "stop", "delta": null}]}\r\n\r\n'
            "data: [DONE]\r\n\r\n",
            content_type="text/event-stream",
        )
    )
    text, end = await answered(chat_model, ask())
    assert (text, end.end_reason) == ("Yes.", EndReason.STOP)


class TestEarlyExit:
    async def test_closing_the_stream_aborts_the_request(self, standin: StandIn, chat_model: OpenAIChatModel) -> None:
        standin.script(Hold(2, "One two three four"))
        async with aclosing(chat_model.stream(ask(), before_repeat=free)) as events:
            assert isinstance(await anext(events), TextDelta)
        await standin.requests[0].ended.wait()
        assert standin.requests[0].aborted

    @pytest.mark.parametrize("after_deltas", [None, 0, 2])
    async def test_cancelling_the_reader_aborts_the_request(
        self, standin: StandIn, chat_model: OpenAIChatModel, after_deltas: int | None
    ) -> None:
        standin.script(Hold(after_deltas, "One two three four"))
        reader = asyncio.create_task(answered(chat_model, ask()))
        request = await standin.arrived(1)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        await request.ended.wait()
        assert request.aborted

    async def test_the_next_question_is_answered_all_the_same(
        self, standin: StandIn, chat_model: OpenAIChatModel
    ) -> None:
        standin.script(Hold(1, "One two"), Say("Three"))
        async with aclosing(chat_model.stream(ask(), before_repeat=free)) as events:
            await anext(events)
        assert (await answered(chat_model, ask()))[0] == "Three"


async def test_answers_side_by_side_do_not_mix(standin: StandIn, chat_model: OpenAIChatModel) -> None:
    def numbered(number: int) -> ChatRequest:
        return replace(ask(), messages=(ChatMessage("user", f"Question number {number}"),))

    answers = await asyncio.gather(*(answered(chat_model, numbered(number)) for number in range(20)))
    for number, (text, end) in enumerate(answers):
        assert f"Question number {number}”" in text
        assert end.end_reason is EndReason.STOP
