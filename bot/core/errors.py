"""Everything that can end a turn, as one tree. Each class has one sentence in the locales, under its code.

ParleyError
├── Busy                    too many questions wait in this conversation
├── BudgetExhausted         the bot's spending cap for today is reached
├── StoreUnavailable        the database cannot record, so nothing may be spent
├── Stopped                 a member pressed Stop before the first word
├── Interrupted             a restart cut the work too often, or too long ago
├── DeliveryFailed          Discord did not take the reply; it will be tried again
├── DeliveryRefused         Discord will never take the reply (no permission, channel gone)
└── ProviderError           anything about the OpenAI-compatible server
    ├── KeyRejected         401, 403
    ├── QuotaExhausted      429 with a quota code: never retried
    ├── RateLimited         429: wait
    ├── ModelNotFound       404 for the model
    ├── EndpointMissing     404/405 for the whole capability
    ├── RequestRefused      400 that no change of ours repairs
    ├── ContentRefused      the request was blocked by a content policy
    ├── ContextOverflow     the conversation does not fit
    ├── ProviderUnavailable 5xx, no connection, breaker open
    ├── ProviderTimeout     a deadline of ours passed
    ├── EmptyAnswer         no text came
    └── InvalidReply        something that is not an answer (HTML, half a JSON line)
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import ClassVar


def new_error_id() -> str:
    """Return the id that joins what a member was told with what the log says."""
    return secrets.token_hex(4)


class ParleyError(Exception):
    """A failure that has a sentence for the member.

    ``code`` names the sentence (``[errors]`` in the locales); ``fields`` fill its gaps and hold no member's words and
    no secret. ``detail`` is for the log: status, request id, the server's error code; never the server's prose.
    """

    code: ClassVar[str] = "unexpected"
    retryable: ClassVar[bool] = False  # asking the same again may help
    may_be_billed: ClassVar[bool] = False  # the call may have cost money although nothing came of it

    def __init__(self, detail: str = "", **fields: str | int) -> None:
        super().__init__(detail or self.code)
        self.detail = detail
        self.fields = fields


class Busy(ParleyError):
    """Too many questions wait in this conversation."""

    code = "busy"
    retryable = True


class BudgetExhausted(ParleyError):
    """The cap on spending does not allow the call."""

    code = "budget_exhausted"

    def __init__(self, resets_at: datetime) -> None:
        super().__init__(f"resets at {resets_at:%Y-%m-%d %H:%M} UTC", resets_at=int(resets_at.timestamp()))


class StoreUnavailable(ParleyError):
    """The database cannot record (disk full, locked, read-only): nothing may be spent."""

    code = "store_unavailable"
    retryable = True


class Stopped(ParleyError):
    """A member pressed Stop before the first word."""

    code = "stopped"
    retryable = True


class Interrupted(ParleyError):
    """A restart cut the work too often, or too long ago."""

    code = "interrupted"
    retryable = True


class DeliveryFailed(ParleyError):
    """Discord did not take the reply now: it stays in the outbox and is tried again."""

    code = "delivery_failed"


class DeliveryRefused(ParleyError):
    """Discord will never take the reply: no permission, channel gone, token expired."""

    code = "delivery_refused"


class ProviderError(ParleyError):
    """Anything about the OpenAI-compatible server."""

    code = "provider_error"


class KeyRejected(ProviderError):
    """The server refuses the API key, or what it may use."""

    code = "key_rejected"
    retryable = True  # once the owner has mended it


class QuotaExhausted(ProviderError):
    """The owner's account has no quota or credit left."""

    code = "quota_exhausted"
    retryable = True  # once the owner has mended it


class RateLimited(ProviderError):
    """The server asks to wait."""

    code = "rate_limited"
    retryable = True

    def __init__(self, detail: str = "", *, retry_after_seconds: float | None = None) -> None:
        super().__init__(detail, seconds=max(1, round(retry_after_seconds or 20)))
        self.retry_after_seconds = retry_after_seconds


class ModelNotFound(ProviderError):
    """The server has no such model, or not any more."""

    code = "model_not_found"
    retryable = True  # once the owner has mended it

    def __init__(self, detail: str = "", *, model: str) -> None:
        super().__init__(detail, model=model)


class EndpointMissing(ProviderError):
    """The server does not offer the capability at all."""

    code = "endpoint_missing"
    retryable = True  # once the owner has mended it


class RequestRefused(ProviderError):
    """The server refuses the request, and no change of ours repairs it."""

    code = "request_refused"


class ContentRefused(ProviderError):
    """A content policy blocked the question or the whole answer."""

    code = "content_refused"
    may_be_billed = True


class ContextOverflow(ProviderError):
    """The conversation is longer than the model takes."""

    code = "context_overflow"


class ProviderUnavailable(ProviderError):
    """The server cannot be reached, answers 5xx, or failed so often that it is left alone for a while."""

    code = "provider_unavailable"
    retryable = True


class ProviderTimeout(ProviderError):
    """No (further) answer came in time, and there is nothing to show."""

    code = "provider_timeout"
    may_be_billed = True
    retryable = True


class EmptyAnswer(ProviderError):
    """The model gave no text."""

    code = "empty_answer"
    may_be_billed = True
    retryable = True


class InvalidReply(ProviderError):
    """What came is not an answer: HTML, a broken line, no choices."""

    code = "invalid_reply"
    may_be_billed = True
    retryable = True
