"""The error table: from anything that the client raises to the core's errors."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any

import aiohttp
import httpx2
import openai

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
from bot.provider.chunks import ErrorObject
from bot.provider.watchdog import DeadlinePassed

# Everything that a call on the client may raise; anything else is a mistake of ours and is not disguised.
CLIENT_ERRORS = (
    openai.OpenAIError,
    httpx2.HTTPError,
    httpx2.StreamError,
    aiohttp.ClientError,  # some pass the SDK's transport unmapped
    OSError,
    ValueError,  # JSON, UTF-8, sizes
    ErrorObject,
)

QUOTA = {
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
}
CONTENT = {"content_policy_violation", "content_filter", "moderation_blocked"}
CONTEXT = {"context_length_exceeded", "exceed_context_size_error"}
RATE = {"rate_limit_exceeded", "rate_limit_error", "slow_down"}
KEY = {"invalid_api_key", "authentication_error"}

# How servers without codes put it. Only recognised, never shown or logged.
CONTEXT_PROSE = re.compile(r"context.(length|window|size)|(prompt|messages).{0,20}too long", re.IGNORECASE)
MODEL_PROSE = re.compile(
    r"(invalid|unknown|no such) model\b|\bmodel\b.{0,200}\b(not exist|not found|not available|no longer)",
    re.IGNORECASE | re.DOTALL,
)
UNVERIFIED_PROSE = re.compile(r"organi[sz]ation must be verified", re.IGNORECASE)
PICTURE_PROSE = re.compile(r"image|vision|multi-?modal|content part", re.IGNORECASE)
UNSUPPORTED_PROSE = re.compile(r"not support|unsupported|does ?n[o']t support", re.IGNORECASE)
WORD = re.compile(r"[\w.:/\[\]-]{1,64}", re.ASCII)


def loggable(word: str) -> str:
    """Return a server's word, or "?" for what may be prose."""
    return word if WORD.fullmatch(word) else "?"


class Kind(Enum):
    """How far the request came."""

    ANSWERED = auto()  # with an error
    UNREACHABLE = auto()  # not sent
    LOST = auto()  # sent, but no answer came back: it may have been billed
    TIMEOUT = auto()
    UNREADABLE = auto()


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known about a failed request. ``message`` is the server's prose: to recognise, never to log or show."""

    kind: Kind
    name: str
    status: int | None = None
    code: str | None = None
    type: str | None = None
    param: str | None = None
    message: str = ""
    request_id: str | None = None
    retry_after_seconds: float | None = None
    should_retry: bool | None = None

    @property
    def words(self) -> set[str | None]:
        """Code and type: servers put the same words in either."""
        return {self.code, self.type}

    @property
    def detail(self) -> str:
        """What the log may say: words and numbers, no prose."""
        known = {
            "status": None if self.status is None else str(self.status),
            "code": self.code,
            "type": self.type,
            "param": self.param,
            "request_id": self.request_id,
        }
        parts = [f"{name}={loggable(value)}" for name, value in known.items() if value]
        return " ".join([self.name, *parts])


NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    ConnectionRefusedError,
)

# First match wins.
TABLE: tuple[tuple[Callable[[Failure], object], type[ProviderError]], ...] = (
    (lambda f: f.kind is Kind.TIMEOUT, ProviderTimeout),
    (lambda f: f.kind in (Kind.UNREACHABLE, Kind.LOST), ProviderUnavailable),
    (lambda f: f.kind is Kind.UNREADABLE, InvalidReply),
    (lambda f: f.words & QUOTA or f.status == 402, QuotaExhausted),
    (lambda f: f.words & CONTENT, ContentRefused),
    (lambda f: f.words & CONTEXT or f.status == 413, ContextOverflow),
    (lambda f: f.status in (None, 400, 422) and CONTEXT_PROSE.search(f.message), ContextOverflow),
    (lambda f: "model_not_found" in f.words, ModelNotFound),
    (lambda f: f.status in (None, 400, 404) and f.param in (None, "model") and _names_model(f), ModelNotFound),
    (lambda f: f.status == 403 and UNVERIFIED_PROSE.search(f.message), OrganisationUnverified),
    # A key that works, but not for this model: nothing that should stop everybody else's questions.
    (lambda f: f.status in (401, 403) and any("model" in (word or "") for word in f.words), ModelNotFound),
    (lambda f: f.status in (401, 403) or f.words & KEY, KeyRejected),
    (lambda f: f.status in (404, 405, 501), EndpointMissing),
    (lambda f: f.status == 429 or f.words & RATE, RateLimited),
    (lambda f: f.status is None and "invalid_request_error" in f.words, RequestRefused),
    (lambda f: f.status is None or f.status >= 500 or f.status in (408, 409), ProviderUnavailable),
    (lambda f: (f.status or 0) >= 400, RequestRefused),
    (lambda _: True, InvalidReply),  # a redirection without a target
)


def classify(failure: Failure, *, model: str) -> ProviderError:
    """Return the core's error for a failure of a request to a model."""
    error = next(error for matches, error in TABLE if matches(failure))
    if error is RateLimited:
        return RateLimited(failure.detail, retry_after_seconds=failure.retry_after_seconds)
    if error is ModelNotFound:
        return ModelNotFound(failure.detail, model=model)
    if error is OrganisationUnverified:
        return OrganisationUnverified(failure.detail, model=model)
    return error(failure.detail)


def is_about_pictures(error: ProviderError, failure: Failure) -> bool:
    """Whether a request that carried pictures was refused because of them; some servers say so with a 404 or a 500."""
    said = " ".join(filter(None, (failure.message, failure.code, failure.param)))
    if not PICTURE_PROSE.search(said):
        return False
    if isinstance(error, ProviderUnavailable):
        return failure.kind is Kind.ANSWERED and UNSUPPORTED_PROSE.search(said) is not None
    return isinstance(error, RequestRefused | EndpointMissing)


def failure_of(error: Exception, *, now: datetime | None = None) -> Failure:
    """Read what one of ``CLIENT_ERRORS`` says; ``now`` is for a Retry-After that names a time."""
    name = type(error).__name__
    match error:
        case openai.APIStatusError():
            return _answered(error.body, name=name, response=error.response, now=now)
        case ErrorObject():
            return _answered(error.body, name=name)
        case DeadlinePassed():
            return Failure(Kind.TIMEOUT, name)
        case openai.APIConnectionError() | httpx2.TransportError() | aiohttp.ClientError() | OSError():
            cause = error.__cause__
            kind = Kind.UNREACHABLE if isinstance(_root(error), NOT_SENT) else Kind.LOST
            return Failure(kind, name if cause is None else f"{name} {type(cause).__name__}")
        case openai.APIError(body=body) if body is not None:
            return _answered(body, name=name)
    return Failure(Kind.UNREADABLE, name)


def _answered(
    body: object, *, name: str, response: httpx2.Response | None = None, now: datetime | None = None
) -> Failure:
    fields = _fields(body)
    code = _word(fields.get("code"))
    status = response.status_code if response is not None else None
    if status is None and code is not None and re.fullmatch(r"[45]\d\d", code):
        status = int(code)  # inside a stream, where the real status has long been 200
    headers: Mapping[str, str] = response.headers if response is not None else {}
    return Failure(
        kind=Kind.ANSWERED,
        name=name,
        status=status,
        code=code,
        type=_word(fields.get("type")),
        param=_word(fields.get("param")),
        message=str(fields.get("message") or ""),
        request_id=headers.get("x-request-id"),
        retry_after_seconds=_retry_after_seconds(headers, now),
        should_retry={"true": True, "false": False}.get(headers.get("x-should-retry", "")),
    )


def _fields(body: object) -> Mapping[str, Any]:
    """Return OpenAI's fields from an error body of any shape: an object, FastAPI's ``detail``, a bare text, a page."""
    if not isinstance(body, dict):
        return {"message": body}
    if isinstance(inner := body.get("error"), dict):
        return inner
    detail = body.get("detail")
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        where = detail[0].get("loc")
        names = [part for part in where if isinstance(part, str) and part != "body"] if isinstance(where, list) else []
        return {
            "message": detail[0].get("msg"),
            "type": detail[0].get("type"),
            "param": names[0] if names else None,
        }
    if detail is not None:
        return {"message": detail}
    return {"message": inner, **body}


def _root(error: BaseException) -> BaseException:
    """Return what began it: the SDK's aiohttp transport calls every fault of the network a ConnectTimeout."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _word(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None


def _names_model(failure: Failure) -> bool:
    if failure.status == 404:
        return failure.param == "model" or re.search(r"\bmodel\b", failure.message, re.IGNORECASE) is not None
    return MODEL_PROSE.search(failure.message) is not None


def _retry_after_seconds(headers: Mapping[str, str], now: datetime | None) -> float | None:
    for name, per_second in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers.get(name, "")) / per_second
        except ValueError:
            continue
        return seconds if math.isfinite(seconds) and seconds >= 0 else None
    try:
        at = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    if now is None:
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())
