"""Anything about the OpenAI-compatible server."""

from __future__ import annotations

from bot.core.errors import ParleyError


class ProviderError(ParleyError):
    """Anything about the OpenAI-compatible server. One whose answer was lost on the way says that it may be billed."""

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


class PicturesMissing(EndpointMissing):
    """The server makes no pictures."""

    code = "pictures_missing"


class OrganisationUnverified(ProviderError):
    """OpenAI lets only verified organisations use the model."""

    code = "organisation_unverified"
    retryable = True  # once the owner has mended it

    def __init__(self, detail: str = "", *, model: str = "") -> None:
        super().__init__(detail, model=model)


class NoVision(ProviderError):
    """The model does not see pictures, and there is nothing else to answer."""

    code = "no_vision"
    retryable = True  # once the owner has chosen another model

    def __init__(self, detail: str = "", *, model: str) -> None:
        super().__init__(detail, model=model)


class PictureRefused(ProviderError):
    """The server refuses a picture, or pictures at all."""

    code = "picture_refused"


class RequestRefused(ProviderError):
    """The server refuses the request, and no change of ours repairs it."""

    code = "request_refused"


class OptionRefused(RequestRefused):
    """The server refuses what a member chose for ``option``."""

    code = "option_refused"

    def __init__(self, detail: str = "", *, option: str = "", model: str = "") -> None:
        super().__init__(detail, option=option, model=model)


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


class NothingHeard(ProviderError):
    """The transcript of a sound has no word in it."""

    code = "nothing_heard"
    may_be_billed = True


class InvalidReply(ProviderError):
    """What came is not an answer: HTML, a broken line, no choices."""

    code = "invalid_reply"
    may_be_billed = True
    retryable = True
