"""What goes wrong on the wire, by the names of the fault catalogue (D1-D13)."""

import pytest

from bot.core.conversation import EndReason
from bot.core.errors.provider import (
    ContentRefused,
    ContextOverflow,
    EmptyAnswer,
    InvalidReply,
    KeyRejected,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
)
from bot.provider.chat import OpenAIChatModel
from bot.provider.completion import Deadlines
from bot.sandbox.standin import Cut, Drip, Html, Raw, Refuse, Say, Stall, StandIn
from bot.sandbox.standin.behaviours import CutStyle
from tests.clock import FakeClock
from tests.provider.conftest import MakeModel, answered, ask

WORDS = tuple(f"word{number} " for number in range(6))
TEXT = "".join(WORDS)
DELTAS = Say(TEXT, delta_chars=len(WORDS[0]))

QUOTA_CODES = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
]


def busy(**headers: str) -> Refuse:
    return Refuse(429, code="rate_limit_exceeded", headers={name.replace("_", "-"): v for name, v in headers.items()})


class TestRateLimit:  # D1
    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"retry_after": "1"}, 1.0),
            ({"retry_after": "20"}, 20.0),
            ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
            ({"retry_after": "Sun, 01 Mar 2026 12:00:07 GMT"}, 7.0),
        ],
    )
    async def test_a_short_wait_is_kept_to(
        self,
        standin: StandIn,
        chat_model: OpenAIChatModel,
        clock: FakeClock,
        headers: dict[str, str],
        seconds: float,
    ) -> None:
        standin.script(busy(**headers), Say("At last"))
        assert (await answered(chat_model, ask()))[0] == "At last"
        assert clock.perf_seconds() == seconds
        assert len(standin.requests) == 2

    async def test_without_a_hint_the_wait_grows(
        self, standin: StandIn, chat_model: OpenAIChatModel, clock: FakeClock
    ) -> None:
        standin.script(busy(), busy(), Say("At last"))
        assert (await answered(chat_model, ask()))[0] == "At last"
        assert (0.5 + 1.0) * 0.75 <= clock.perf_seconds() <= (0.5 + 1.0) * 1.25

    @pytest.mark.parametrize("retry_after", ["21", "120"])
    async def test_a_long_wait_is_for_the_member_to_decide(
        self, standin: StandIn, chat_model: OpenAIChatModel, retry_after: str
    ) -> None:
        standin.script(busy(retry_after=retry_after))
        with pytest.raises(RateLimited) as caught:
            await answered(chat_model, ask())
        assert caught.value.retry_after_seconds == float(retry_after)
        assert len(standin.requests) == 1

    async def test_the_server_may_say_not_to_ask_again(self, standin: StandIn, chat_model: OpenAIChatModel) -> None:
        standin.script(busy(x_should_retry="false"))
        with pytest.raises(RateLimited):
            await answered(chat_model, ask())
        assert len(standin.requests) == 1

    async def test_the_server_may_say_to_ask_again(self, standin: StandIn, chat_model: OpenAIChatModel) -> None:
        standin.script(Refuse(400, headers={"x-should-retry": "true"}), Say("At last"))
        assert (await answered(chat_model, ask()))[0] == "At last"

    async def test_two_retries_are_the_most(self, standin: StandIn, chat_model: OpenAIChatModel) -> None:
        standin.script(*[busy(retry_after="1")] * 3)
        with pytest.raises(RateLimited):
            await answered(chat_model, ask())
        assert len(standin.requests) == 3

    async def test_a_wait_beyond_the_deadline_is_not_begun(
        self, standin: StandIn, make_model: MakeModel, clock: FakeClock
    ) -> None:
        standin.script(busy(retry_after="10"))
        with pytest.raises(RateLimited):
            await answered(make_model(deadlines=Deadlines(total_seconds=10)), ask())
        assert clock.perf_seconds() == 0


class TestQuota:  # D2
    @pytest.mark.parametrize("code", QUOTA_CODES)
    async def test_one_request_then_none_for_ten_minutes(
        self, standin: StandIn, chat_model: OpenAIChatModel, clock: FakeClock, code: str
    ) -> None:
        # The server says to ask again, as some proxies do for every 429; nobody does.
        headers = {"Retry-After": "1", "x-should-retry": "true"}
        standin.script(Refuse(429, code=code, type="insufficient_quota", headers=headers))
        with pytest.raises(QuotaExhausted):
            await answered(chat_model, ask())
        await clock.sleep(599)
        with pytest.raises(QuotaExhausted):
            await answered(chat_model, ask())
        assert len(standin.requests) == 1
        await clock.sleep(1)
        assert (await answered(chat_model, ask()))[1].end_reason is EndReason.STOP


class TestKey:  # D3
    async def test_a_rejected_key_is_tried_once_a_minute_until_it_works(
        self, standin: StandIn, make_model: MakeModel, clock: FakeClock
    ) -> None:
        chat_model = make_model(api_key="sk-somebody-elses-key")
        for _ in range(3):
            with pytest.raises(KeyRejected):
                await answered(chat_model, ask())
        assert len(standin.requests) == 1
        standin.key = "sk-somebody-elses-key"
        await clock.sleep(60)
        await answered(chat_model, ask())
        await answered(chat_model, ask())
        assert len(standin.requests) == 3

    async def test_nothing_of_the_key_or_of_the_servers_prose_is_in_the_error(
        self, standin: StandIn, make_model: MakeModel
    ) -> None:
        with pytest.raises(KeyRejected) as caught:
            await answered(make_model(api_key="sk-somebody-elses-key"), ask())
        error = caught.value
        assert error.detail == (
            "AuthenticationError status=401 code=invalid_api_key type=invalid_request_error request_id=req_standin_1"
        )
        assert error.__cause__ is None
        assert error.__context__ is None


async def test_a_conversation_that_does_not_fit_is_told_apart(  # D4
    standin: StandIn, chat_model: OpenAIChatModel
) -> None:
    with pytest.raises(ContextOverflow):
        await answered(chat_model, ask("many words " * 3000, model="standin-small"))
    assert len(standin.requests) == 1


class TestOutage:  # D6
    @pytest.mark.parametrize(
        "fault",
        [
            Refuse(500),
            Refuse(502, body="<html><body>Bad gateway</body></html>"),
            Refuse(503, code="server_is_overloaded", type="service_unavailable_error"),
            Refuse(529, body=""),
            Cut(None, "close"),
            Cut(None, "reset"),
            Cut(0, "close"),
            Cut(0, "reset"),
            Cut(0, "error_event"),
        ],
    )
    async def test_text_is_asked_for_again_before_its_first_byte(
        self, standin: StandIn, chat_model: OpenAIChatModel, fault: Refuse | Cut
    ) -> None:
        standin.script(fault, fault, Say("At last"))
        assert (await answered(chat_model, ask()))[0] == "At last"
        assert len(standin.requests) == 3

    async def test_after_five_failures_nobody_asks_until_a_probe_is_answered(
        self, standin: StandIn, chat_model: OpenAIChatModel, clock: FakeClock
    ) -> None:
        standin.script(*[Refuse(500)] * 6)
        for _ in range(2):
            with pytest.raises(ProviderUnavailable):
                await answered(chat_model, ask())
        assert len(standin.requests) == 5
        with pytest.raises(ProviderUnavailable, match="breaker"):
            await answered(chat_model, ask())
        assert len(standin.requests) == 5
        await clock.sleep(15)
        with pytest.raises(ProviderUnavailable, match="breaker"):
            await answered(chat_model, ask())  # the probe fails, and is not repeated
        assert len(standin.requests) == 6
        await clock.sleep(15)
        await answered(chat_model, ask())
        await answered(chat_model, ask())
        assert len(standin.requests) == 8

    async def test_an_answer_without_words_shows_that_the_server_is_well(
        self, standin: StandIn, chat_model: OpenAIChatModel
    ) -> None:
        standin.script(Refuse(500), Refuse(500), Say(""), *[Refuse(500)] * 3, Say("Still here"))
        with pytest.raises(EmptyAnswer):
            await answered(chat_model, ask())
        with pytest.raises(ProviderUnavailable):
            await answered(chat_model, ask())
        assert (await answered(chat_model, ask()))[0] == "Still here"

    async def test_nobody_there_is_an_outage(self, make_model: MakeModel, unused_tcp_port: int) -> None:
        with pytest.raises(ProviderUnavailable):
            await answered(make_model(base_url=f"http://127.0.0.1:{unused_tcp_port}/v1"), ask())


class TestDeadlines:  # D7, D8
    @pytest.mark.parametrize("after_deltas", [None, 0])
    async def test_silence_before_the_first_text_is_a_timeout(
        self, standin: StandIn, make_model: MakeModel, after_deltas: int | None
    ) -> None:
        standin.script(Stall(after_deltas))
        with pytest.raises(ProviderTimeout):
            await answered(make_model(deadlines=Deadlines(first_token_seconds=0.1)), ask())
        await standin.requests[0].ended.wait()
        assert standin.requests[0].aborted
        assert len(standin.requests) == 1

    async def test_silence_after_text_ends_the_answer(self, standin: StandIn, make_model: MakeModel) -> None:
        standin.script(Stall(3, DELTAS))
        text, end = await answered(make_model(deadlines=Deadlines(between_tokens_seconds=0.1)), ask())
        assert (text, end.end_reason) == ("".join(WORDS[:3]), EndReason.TIMEOUT)
        await standin.requests[0].ended.wait()
        assert standin.requests[0].aborted

    async def test_a_drip_ends_at_the_total_deadline(self, standin: StandIn, make_model: MakeModel) -> None:
        standin.script(Drip(0.02, Say("x" * 1000, delta_chars=1)))
        deadlines = Deadlines(between_tokens_seconds=30, total_seconds=0.3)
        text, end = await answered(make_model(deadlines=deadlines), ask())
        assert end.end_reason is EndReason.TIMEOUT
        assert 0 < len(text) < 1000
        assert set(text) == {"x"}


class TestBroken:  # D9, D10, D11
    @pytest.mark.parametrize("how", ["close", "reset", "no_finish", "error_event", "half_line", "bad_json"])
    @pytest.mark.parametrize("after_deltas", range(1, len(WORDS) + 1))
    async def test_what_came_is_kept_and_marked_and_not_asked_for_again(
        self, standin: StandIn, chat_model: OpenAIChatModel, how: CutStyle, after_deltas: int
    ) -> None:
        standin.script(Cut(after_deltas, how, DELTAS))
        text, end = await answered(chat_model, ask())
        assert text == "".join(WORDS[:after_deltas])
        assert end.end_reason is EndReason.BROKEN
        assert len(standin.requests) == 1

    async def test_a_null_finish_reason_is_none(self, standin: StandIn, chat_model: OpenAIChatModel) -> None:
        standin.script(Say("Hello", finish_reason=None))
        text, end = await answered(chat_model, ask())
        assert (text, end.end_reason) == ("Hello", EndReason.BROKEN)

    @pytest.mark.parametrize("how", ["no_finish", "half_line", "bad_json"])
    async def test_without_any_text_it_is_no_answer(
        self, standin: StandIn, chat_model: OpenAIChatModel, how: CutStyle
    ) -> None:
        standin.script(Cut(0, how))
        with pytest.raises(InvalidReply):
            await answered(chat_model, ask())
        assert len(standin.requests) == 1

    async def test_any_slicing_of_the_bytes_gives_the_same_answer(
        self, standin: StandIn, chat_model: OpenAIChatModel
    ) -> None:
        body = (
            'data: {"choices":[{"delta":{"content":"Grüße, "}}]}\r\n\r\n'
            'data: {"choices":[{"delta":{"content":"世界 👋"},"finish_reason":"stop"}]}\r\n\r\n'
            "data: [DONE]\r\n\r\n"
        ).encode()
        for slice_bytes in (*range(1, 8), 60, len(body)):
            standin.script(Raw(body, content_type="text/event-stream", slice_bytes=slice_bytes))
            text, end = await answered(chat_model, ask())
            assert (text, end.end_reason) == ("Grüße, 世界 👋", EndReason.STOP)

    async def test_an_event_without_end_is_cut_off(self, standin: StandIn, chat_model: OpenAIChatModel) -> None:
        begun = b'data: {"choices":[{"delta":{"content":"Hello"}}]}\n\n'
        standin.script(Raw(begun + b"data: " + b"x" * 2_000_000, content_type="text/event-stream"))
        text, end = await answered(chat_model, ask())
        assert (text, end.end_reason) == ("Hello", EndReason.BROKEN)


class TestNoAnswer:  # D12, D13
    @pytest.mark.parametrize(
        ("reply", "error"),
        [
            (Html(), InvalidReply),
            (Raw("<!doctype html>", content_type="text/event-stream"), InvalidReply),
            (Raw(""), InvalidReply),
            (Raw("OK", content_type="text/plain"), InvalidReply),
            (Raw('{"choices": []}'), InvalidReply),
            (Raw('{"choices": [7]}'), InvalidReply),
            (Raw('{"choices": {"0": 1}}'), InvalidReply),
            (Raw('{"half": '), InvalidReply),
            (Raw(b"data: \xff\xfe\n\n", content_type="text/event-stream"), InvalidReply),
            (Raw("data: 7\n\n", content_type="text/event-stream"), InvalidReply),
            (Say(no_choices=True), InvalidReply),
            (Say(content_none=True), EmptyAnswer),
            (Say(""), EmptyAnswer),
            (Say("", finish_reason="length"), EmptyAnswer),
            (Say("", finish_reason="content_filter"), ContentRefused),
            (Say(refusal="I would rather not."), ContentRefused),
            (Raw('{"error": {"code": "content_filter", "message": "no"}}'), ContentRefused),
            (Raw('{"error": {"code": "insufficient_quota", "message": "no"}}'), QuotaExhausted),
        ],
    )
    async def test_it_is_told_what_came_instead(
        self, standin: StandIn, chat_model: OpenAIChatModel, reply: Html | Raw | Say, error: type[ProviderError]
    ) -> None:
        standin.script(reply)
        with pytest.raises(error):
            await answered(chat_model, ask())
        assert len(standin.requests) == 1

    async def test_a_refusal_after_text_ends_it_as_filtered(
        self, standin: StandIn, chat_model: OpenAIChatModel
    ) -> None:
        standin.script(
            Raw(
                'data: {"choices":[{"delta":{"content":"Well, "}}]}\n\n'
                'data: {"choices":[{"delta":{"refusal":"no."},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
                content_type="text/event-stream",
            )
        )
        text, end = await answered(chat_model, ask())
        assert (text, end.end_reason) == ("Well, ", EndReason.CONTENT_FILTER)


async def test_the_code_of_an_error_after_text_is_in_the_log(
    standin: StandIn, chat_model: OpenAIChatModel, caplog: pytest.LogCaptureFixture
) -> None:
    standin.script(Cut(1, "error_event"))
    await answered(chat_model, ask())
    (record,) = caplog.records
    assert vars(record)["detail"] == "ErrorObject code=server_error type=server_error"
    assert vars(record)["request_id"] == "req_standin_1"


async def test_no_words_and_no_secret_reach_the_log(
    standin: StandIn, chat_model: OpenAIChatModel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="bot")
    canary = "canary"
    standin.script(
        Refuse(
            500, code=f"{canary} {canary}", type=f"{canary}!", message=canary, headers={"x-request-id": canary * 40}
        ),
        Refuse(400, code="unsupported_parameter", param="reasoning_effort", message=canary),
        Cut(1, "bad_json", Say(canary)),
    )
    await answered(chat_model, ask(canary))
    standin.script(Refuse(403, message=canary, param=f"{canary} {canary}"))
    with pytest.raises(KeyRejected) as caught:
        await answered(chat_model, ask(canary))
    assert canary not in caught.value.detail
    written = [str(vars(record)) for record in caplog.records if record.name.startswith("bot.")]
    assert len(written) >= 4
    assert not [line for line in written if canary in line or standin.key in line]
