"""The error table, through the real SDK: what a server answers, and what the core is told."""

import json
import ssl

import aiohttp
import httpx2
import pytest

from bot.core.errors.provider import (
    ContentRefused,
    ContextOverflow,
    EndpointMissing,
    InvalidReply,
    KeyRejected,
    ModelNotFound,
    OrganisationUnverified,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
)
from bot.provider.chat import OpenAIChatModel
from bot.provider.translate import CLIENT_ERRORS, classify, failure_of
from bot.provider.watchdog import DeadlinePassed
from bot.sandbox.standin import Raw, Refuse, StandIn
from tests.clock import FakeClock
from tests.provider.conftest import MakeModel, answered, ask

PAGE = "<html><body><h1>Not here</h1></body></html>"


def body(**error: object) -> str:
    return json.dumps({"error": {"message": "", "type": None, "param": None, "code": None, **error}})


TABLE: list[tuple[int, str, type[ProviderError]]] = [
    # OpenAI's own
    (400, body(code="context_length_exceeded", type="invalid_request_error"), ContextOverflow),
    (400, body(code="content_policy_violation"), ContentRefused),
    (400, body(code="moderation_blocked", type="image_generation_user_error"), ContentRefused),
    (400, body(code="invalid_value", param="temperature"), RequestRefused),
    (401, body(code="invalid_api_key"), KeyRejected),
    (401, body(message="You didn't provide an API key"), KeyRejected),
    (403, body(code="unsupported_country_region_territory"), KeyRejected),
    (403, body(message="Your organization must be verified to use the model `gpt-x`."), OrganisationUnverified),
    (403, body(code="model_not_found", message="Project does not have access to model"), ModelNotFound),
    (404, body(code="model_not_found"), ModelNotFound),
    (404, body(message="Invalid URL (POST /v1/chat/completions)"), EndpointMissing),
    (405, body(), EndpointMissing),
    (409, body(), ProviderUnavailable),
    (422, body(), RequestRefused),
    (429, body(code="rate_limit_exceeded", type="requests"), RateLimited),
    (429, body(code="slow_down", type="rate_limit_error"), RateLimited),
    (429, body(type="insufficient_quota"), QuotaExhausted),
    (429, body(code="project_spend_limit_exceeded"), QuotaExhausted),
    (500, body(type="server_error"), ProviderUnavailable),
    (503, body(code="server_is_overloaded", type="service_unavailable_error"), ProviderUnavailable),
    # Other servers
    (400, body(code="content_filter", message="Azure's filter"), ContentRefused),
    (400, body(code=400, type="BadRequestError", message="maximum context length is 2048 tokens"), ContextOverflow),
    (400, body(code=400, type="exceed_context_size_error"), ContextOverflow),
    (413, PAGE, ContextOverflow),
    (400, json.dumps({"error": "Invalid model name passed in model=x"}), ModelNotFound),
    (404, body(type="api_error", message='model "x" not found, try pulling it first'), ModelNotFound),
    (404, body(type="NotFoundError", message="The model `x` does not exist.", code=404), ModelNotFound),
    (404, json.dumps({"detail": "Not Found"}), EndpointMissing),
    (404, PAGE, EndpointMissing),
    (402, json.dumps({"error": {"message": "Insufficient Balance"}}), QuotaExhausted),
    (422, json.dumps({"detail": [{"loc": ["body", "messages"], "msg": "field required"}]}), RequestRefused),
    (400, json.dumps({"detail": {"reason": "no"}}), RequestRefused),
    (400, "[]", RequestRefused),
    (400, '"no"', RequestRefused),
    (400, "", RequestRefused),
    (401, PAGE, KeyRejected),
    (429, PAGE, RateLimited),
    (451, PAGE, RequestRefused),
    (500, PAGE, ProviderUnavailable),
    (529, "", ProviderUnavailable),
]


@pytest.mark.parametrize(("status", "reply", "error"), TABLE)
async def test_an_error_answer(
    standin: StandIn, chat_model: OpenAIChatModel, status: int, reply: str, error: type[ProviderError]
) -> None:
    standin.script(Refuse(status, body=reply, headers={"x-should-retry": "false"}))
    with pytest.raises(ProviderError) as caught:
        await answered(chat_model, ask())
    assert type(caught.value) is error
    assert f"status={status}" in caught.value.detail
    assert len(standin.requests) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ({"code": "context_length_exceeded"}, ContextOverflow),
        ({"code": "invalid_prompt", "type": "invalid_request_error"}, RequestRefused),
        ({"code": 401, "message": "No auth credentials found"}, KeyRejected),
        ({"type": "insufficient_quota"}, QuotaExhausted),
        ({"code": 404, "message": "No such model"}, ModelNotFound),
    ],
)
async def test_an_error_inside_of_a_stream(
    standin: StandIn, chat_model: OpenAIChatModel, reply: dict[str, object], error: type[ProviderError]
) -> None:
    event = f"data: {json.dumps({'error': reply})}\n\n"
    standin.script(Raw(event, content_type="text/event-stream"))
    with pytest.raises(ProviderError) as caught:
        await answered(chat_model, ask())
    assert type(caught.value) is error
    assert len(standin.requests) == 1


@pytest.mark.parametrize("reply", [{"code": 429}, {"type": "rate_limit_error"}, {"code": 502}, "overloaded", {"x": 1}])
async def test_an_error_inside_of_a_stream_that_may_pass(
    standin: StandIn, chat_model: OpenAIChatModel, reply: object
) -> None:
    event = f"data: {json.dumps({'error': reply})}\n\n"
    standin.script(Raw(event, content_type="text/event-stream"))
    assert (await answered(chat_model, ask()))[0]
    assert len(standin.requests) == 2


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (DeadlinePassed(), ProviderTimeout),
        (httpx2.ReadError("reset"), ProviderUnavailable),
        (httpx2.ConnectTimeout("slow"), ProviderUnavailable),
        (httpx2.DecodingError("bad gzip"), InvalidReply),
        (aiohttp.ServerDisconnectedError(), ProviderUnavailable),
        (ssl.SSLError("certificate"), ProviderUnavailable),
        (ConnectionResetError(), ProviderUnavailable),
        (json.JSONDecodeError("no", "doc", 0), InvalidReply),
        (UnicodeDecodeError("utf-8", b"", 0, 1, "no"), InvalidReply),
    ],
)
def test_what_is_raised_before_an_answer_is_read(
    clock: FakeClock, raised: Exception, error: type[ProviderError]
) -> None:
    assert isinstance(raised, CLIENT_ERRORS)
    assert type(classify(failure_of(raised, now=clock.now()), model="m")) is error


def test_a_mistake_of_ours_is_not_disguised() -> None:
    for mistake in (TypeError(), AttributeError(), KeyError(), AssertionError()):
        assert not isinstance(mistake, CLIENT_ERRORS)


async def test_a_redirection_to_nowhere_is_no_answer(standin: StandIn, chat_model: OpenAIChatModel) -> None:
    standin.script(Refuse(302, body=""))
    with pytest.raises(InvalidReply):
        await answered(chat_model, ask())


async def test_an_encoding_that_is_none_is_no_answer(standin: StandIn, make_model: MakeModel) -> None:
    standin.script(Refuse(200, body="not gzip", headers={"Content-Encoding": "gzip"}))
    with pytest.raises(InvalidReply):
        await answered(make_model(), ask())
