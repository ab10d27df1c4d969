"""Everything that can end a turn, as one tree. Each class has one sentence in the locales, under its code.

The root and what concerns every part stand here, the branches in the modules of this package.

ParleyError
├── Busy                    too many questions wait in this conversation
├── Paused                  the operator has switched answering off for a while
├── LimitReached            something is used up until a moment that is known
│   ├── BudgetExhausted     a cap on spending: the bot's, the server's or the member's, for a day or a month
│   ├── MemberLimitReached  the member's questions of the last hour
│   └── AccountTooNew       the member's account is newer than the operator wants
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

    @property
    def topic(self) -> str:
        """What a member is told of once for as long as it lasts."""
        return self.code


class StoreUnavailable(ParleyError):
    """The database cannot record (disk full, locked, read-only): nothing may be spent."""

    code = "store_unavailable"
    retryable = True


class ResultUnsaved(StoreUnavailable):
    """A result of a task was paid for, and the database cannot record it: it is lost."""

    code = "result_unsaved"
    may_be_billed = True
