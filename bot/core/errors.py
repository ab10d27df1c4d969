"""Everything that can end a turn, as one tree. Each class has one sentence in the locales, under its code.

ParleyError
├── Busy                    too many questions wait in this conversation
├── LimitReached            something is used up until a moment that is known
│   ├── BudgetExhausted     a cap on spending: the bot's, the server's or the member's, for a day or a month
│   └── MemberLimitReached  the member's questions of the last hour
├── ModelNotAllowed         the owner keeps to other models
├── ModelUnpriced           what it costs is not known, and the server takes money
├── StoreUnavailable        the database cannot record, so nothing may be spent
├── Stopped                 a member pressed Stop before the first word
│   └── StoppedDrawing      or before the first picture was finished
├── Interrupted             a restart cut the work too often, or too long ago
├── TaskInterrupted         a restart cut a task that is paid for once
├── ModelCannotEdit         the model makes pictures, and changes none
├── PictureTooLarge         made and paid for, and larger than Discord takes, however it is encoded
├── FileRefused             a file that came along is not read: its problem has the sentence
├── NothingToRead           no words to read aloud
├── TooLongToRead           more words than are read aloud at once
├── DeliveryFailed          Discord did not take the reply; it will be tried again
├── DeliveryRefused         Discord will never take the reply (no permission, channel gone)
│   ├── ReplyBlocked        the server's AutoMod lets it not pass
│   ├── ReplyTooLarge       a file is larger than Discord takes there
│   └── MayNotAttach        the bot may not send files there
├── Refusal                 what a member may not do, or not any more, with a conversation
│   ├── NotYours            somebody else's turns
│   ├── NotLatest           only the latest turn can be answered again or gone on with
│   ├── UnknownTurn         too old, deleted, forgotten, or never kept
│   ├── NothingKept         the conversation has no turns
│   ├── BeingAnswered       another press was faster
│   ├── NoThreadsHere       not a channel that threads can be made in
│   ├── MayNotMakeThreads   the member lacks the permission
│   ├── CannotMakeThreads   the bot lacks the permission
│   ├── PrivateStaysPrivate a private conversation is not shown to others
│   └── MayNotReadHistory   the member lacks the permission
└── ProviderError           anything about the OpenAI-compatible server
    ├── KeyRejected         401, 403
    ├── QuotaExhausted      429 with a quota code: never retried
    ├── RateLimited         429: wait
    ├── ModelNotFound       404 for the model
    ├── EndpointMissing     404/405 for the whole capability
    │   └── PicturesMissing the server makes no pictures
    ├── NoVision            the model sees no pictures
    ├── PictureRefused      the server refuses a picture, or pictures at all
    ├── OrganisationUnverified  403: OpenAI wants to know the owner first
    ├── RequestRefused      400 that no change of ours repairs
    │   └── OptionRefused   400 that names one of the member's options
    ├── ContentRefused      the request was blocked by a content policy
    ├── ContextOverflow     the conversation does not fit
    ├── ProviderUnavailable 5xx, no connection, breaker open
    ├── ProviderTimeout     a deadline of ours passed
    ├── EmptyAnswer         no text came
    ├── NothingHeard        a transcript without a word
    └── InvalidReply        something that is not an answer (HTML, half a JSON line)
"""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from bot.core.caps import CapPeriod, CapScope


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
    may_be_billed = False  # the call may have cost money although nothing came of it
    billed_micro_usd: int | None = None  # what may have to be paid for, where that is less than all that was reserved

    def __init__(self, detail: str = "", **fields: str | int) -> None:
        super().__init__(detail or self.code)
        self.detail = detail
        self.fields = fields

    @property
    def sentence_key(self) -> str:
        """The key of the sentence in the locales."""
        return f"errors.{self.code}"


class Busy(ParleyError):
    """Too many questions wait in this conversation."""

    code = "busy"
    retryable = True


class LimitReached(ParleyError):
    """Something is used up until ``resets_at``; nothing has been paid for."""

    code = "limit_reached"

    def __init__(self, resets_at: datetime, **fields: str | int) -> None:
        super().__init__(f"resets at {resets_at:%Y-%m-%d %H:%M} UTC", resets_at=int(resets_at.timestamp()), **fields)
        self.resets_at = resets_at

    @property
    def topic(self) -> str:
        """What a member is told of once until it resets."""
        return self.code


class BudgetExhausted(LimitReached):
    """A cap on spending does not allow the call, which could have cost ``micro_usd``.

    ``scope_id``: whose cap it is, the id of the server or of the member; 0 for the bot's own.
    """

    code = "budget_exhausted"

    def __init__(
        self, scope: CapScope, period: CapPeriod, resets_at: datetime, *, scope_id: int = 0, micro_usd: int = 0
    ) -> None:
        super().__init__(resets_at)
        self.scope = scope
        self.period = period
        self.scope_id = scope_id
        self.micro_usd = micro_usd

    @property
    def sentence_key(self) -> str:
        """The key of the sentence in the locales."""
        return f"errors.{self.code}_{self.scope}_{self.period}"

    @property
    def topic(self) -> str:
        """What a member is told of once until it resets."""
        return f"{self.sentence_key}:{self.scope_id}"


class MemberLimitReached(LimitReached):
    """The member has asked as often as one may within an hour."""

    code = "member_limit_reached"

    def __init__(self, resets_at: datetime, *, limit: int) -> None:
        super().__init__(resets_at, limit=limit)


class ModelNotAllowed(ParleyError):
    """The owner of the bot keeps to other models. ``allowed`` is what members read."""

    code = "model_not_allowed"

    def __init__(self, model: str, *, allowed: str) -> None:
        super().__init__(model=model, allowed=allowed)


class ModelUnpriced(ParleyError):
    """A member chose a model whose price nobody knows, on a server that takes money: the budget could not hold it."""

    code = "model_unpriced"

    def __init__(self, *, model: str) -> None:
        super().__init__(model=model)


class StoreUnavailable(ParleyError):
    """The database cannot record (disk full, locked, read-only): nothing may be spent."""

    code = "store_unavailable"
    retryable = True


class Stopped(ParleyError):
    """A member pressed Stop before the first word."""

    code = "stopped"
    may_be_billed = True  # where the model had been asked
    retryable = True


class StoppedDrawing(Stopped):
    """A member pressed Stop before the first picture was finished."""

    code = "stopped_drawing"


class Interrupted(ParleyError):
    """A restart cut the work too often, or too long ago."""

    code = "interrupted"
    retryable = True


class WaitedTooLong(ParleyError):
    """A turn's time was over before it was its turn: nothing was asked of the provider."""

    code = "waited_too_long"
    retryable = True


class TaskInterrupted(ParleyError):
    """A restart cut a task that had been sent to the provider: it may have cost money, so it is not done again."""

    code = "task_interrupted"
    may_be_billed = True
    retryable = True


class ModelCannotEdit(ParleyError):
    """The model makes pictures, and changes none."""

    code = "model_cannot_edit"

    def __init__(self, *, model: str = "") -> None:
        super().__init__(model=model)


class PictureTooLarge(ParleyError):
    """Pictures were made, and even made smaller they are larger than Discord takes."""

    code = "picture_too_large"
    may_be_billed = True


class FileProblem(StrEnum):
    """Why a file is not read. Each has a sentence of its own."""

    UNREADABLE = "file_unreadable"
    TOO_MANY = "file_too_many"
    TOO_LARGE = "file_too_large"
    GONE = "file_gone"  # an expired link, a host that is not Discord's, no connection
    EMPTY = "file_empty"
    PICTURE = "file_picture"
    SOUND = "file_sound"
    ARCHIVE = "file_archive"
    NOT_TEXT = "file_not_text"
    PDF_LOCKED = "file_pdf_locked"
    PDF_WITHOUT_TEXT = "file_pdf_without_text"
    PDF_BROKEN = "file_pdf_broken"
    PICTURE_TYPE = "picture_type"
    PICTURE_WEB_PAGE = "picture_web_page"
    PICTURE_BYTES = "picture_bytes"
    PICTURE_PIXELS = "picture_pixels"
    PICTURE_BROKEN = "picture_broken"
    PICTURE_ANIMATED = "picture_animated"
    PICTURE_CMYK = "picture_cmyk"
    PICTURE_HEIC = "picture_heic"
    PICTURE_TOO_MANY = "picture_too_many"
    PICTURES_BYTES = "pictures_bytes"
    MASK_TYPE = "mask_type"
    MASK_SIZE = "mask_size"
    MASK_BYTES = "mask_bytes"
    MASK_OPAQUE = "mask_opaque"
    SOUND_NOT_SOUND = "sound_not_sound"
    SOUND_FORMAT = "sound_format"
    SOUND_BROKEN = "sound_broken"
    SOUND_EMPTY = "sound_empty"
    SOUND_SILENT = "sound_silent"
    SOUND_TOO_LONG = "sound_too_long"
    SOUND_TOO_LARGE = "sound_too_large"
    SCHEMA_NOT_JSON = "schema_not_json"
    SCHEMA_NOT_OBJECT = "schema_not_object"
    SCHEMA_TOO_LARGE = "schema_too_large"  # in what it means: nested, branched or repeated too much
    SCHEMA_REFERENCE = "schema_reference"
    SCHEMA_PATTERN = "schema_pattern"
    SCHEMA_INVALID = "schema_invalid"


class FileRefused(ParleyError):
    """A file is not read, and the question is not answered without it; nothing has been paid for."""

    code = "file_refused"

    def __init__(self, problem: FileProblem = FileProblem.UNREADABLE, **fields: str | int) -> None:
        super().__init__(problem.value, **fields)
        self.problem = problem

    @property
    def sentence_key(self) -> str:
        """The key of the problem's sentence."""
        return f"errors.{self.problem.value}"


class NothingToRead(ParleyError):
    """There are no words to read aloud."""

    code = "nothing_to_read"


class TooLongToRead(ParleyError):
    """More words than are read aloud at once; nothing has been paid for."""

    code = "too_long_to_read"

    def __init__(self, detail: str = "", *, limit: int = 0) -> None:
        super().__init__(detail, limit=f"{limit:,}")


class DeliveryFailed(ParleyError):
    """Discord did not take the reply now: it stays in the outbox and is tried again."""

    code = "delivery_failed"


class DeliveryRefused(ParleyError):
    """Discord will never take the reply: no permission, channel gone, token expired."""

    code = "delivery_refused"


class ReplyBlocked(DeliveryRefused):
    """The server's AutoMod does not let the reply pass; a sentence in its place may."""

    code = "reply_blocked"


class ReplyTooLarge(DeliveryRefused):
    """A file of the reply is larger than Discord takes there."""

    code = "reply_too_large"


class MayNotAttach(DeliveryRefused):
    """The reply needs a file, and the bot may send none there."""

    code = "may_not_attach"


class Refusal(ParleyError):
    """What a member may not do, or not any more. Nothing failed: told without an error id."""

    code = "refused"


class NotYours(Refusal):
    """Somebody else's turns, and the member manages no messages here."""

    code = "not_yours"


class NotLatest(Refusal):
    """The turn has been followed by another one."""

    code = "not_latest"


class UnknownTurn(Refusal):
    """The turn is not kept: too old, deleted, forgotten by a reset, or a one-shot question."""

    code = "unknown_turn"


class NothingKept(Refusal):
    """The conversation has no turns."""

    code = "nothing_kept"


class BeingAnswered(Refusal):
    """Another press about the same turn was faster."""

    code = "being_answered"


class NoThreadsHere(Refusal):
    """Not a channel that threads can be made in."""

    code = "no_threads_here"


class MayNotMakeThreads(Refusal):
    """The member lacks the permission to make public threads."""

    code = "may_not_make_threads"


class CannotMakeThreads(Refusal):
    """The bot lacks a permission that a thread needs, or Discord refuses."""

    code = "cannot_make_threads"


class PrivateStaysPrivate(Refusal):
    """A private conversation is not shown to others."""

    code = "private_stays_private"


class MayNotReadHistory(Refusal):
    """The member may not read what was said in the channel earlier."""

    code = "may_not_read_history"


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
