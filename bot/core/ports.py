"""What the core needs from outside, as protocols. The store, the provider and the cogs implement them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from bot.core.caps import SpendingCaps
from bot.core.conversation import (
    Answer,
    Attachment,
    Claim,
    ConversationKey,
    EndReason,
    History,
    Page,
    PictureSource,
    Question,
    Reply,
    Turn,
    Usage,
)
from bot.core.tasks import KeptTask


class Clock(Protocol):
    """The injected clock."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        ...

    def perf_seconds(self) -> float:
        """Return a monotonic reading for pacing and durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Sleep for a while of real time."""
        ...


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture whose header was checked. ``mime`` is what the bytes are, whatever the file's name says."""

    name: str
    mime: str
    width: int
    height: int
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a prompt, ready to be sent."""

    chat_role: str
    text: str
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """The JSON Schema of an answer. ``strict``: it keeps to what the API's strict mode takes.

    ``instructions`` says the same in words, for a server that takes no schema.
    """

    name: str
    schema: Mapping[str, object]
    strict: bool
    instructions: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One chat completion. Sampling parameters are sent only when they are not ``None``."""

    model: str
    messages: tuple[ChatMessage, ...]
    max_tokens: int
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    json: bool = False
    json_schema: JsonSchema | None = None
    picture_detail: str | None = None  # how closely the model looks at the messages' pictures
    conversation_hash: str | None = None  # groups requests for the provider's prompt cache
    member_hash: str | None = None  # a stable pseudonym of the asker, for the provider's abuse checks


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer's text, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """The last event of every stream that gave text.

    ``ignored_options``: the member's options that the server refused and that were left out, by their public names.
    ``end_reason`` BROKEN or TIMEOUT: what came so far is all there is.
    """

    end_reason: EndReason
    model: str
    usage: Usage | None = None
    ignored_options: tuple[str, ...] = ()
    request_id: str | None = None


class Draft(Protocol):
    """An answer that is still growing."""

    def pages(self) -> tuple[str | Page, ...]:
        """Return what to show of it now, one string per Discord message, marked unfinished; a page may have files."""
        ...


class Screen(Protocol):
    """Where one reply is shown: the Discord side of a turn."""

    def show(self, draft: Draft) -> None:
        """Show the draft as it is whenever the channel's pace allows the next edit. Cheap: called for every delta."""
        ...

    async def deliver(self, reply: Reply) -> None:
        """Replace what is shown with the finished reply, at once.

        Safe to repeat. Raises ``DeliveryFailed`` (try again later) or ``DeliveryRefused`` (never).
        """
        ...

    def abandon(self) -> None:
        """Show nothing more, and leave what is shown: its place is gone."""
        ...


BeforeRepeat: TypeAlias = Callable[[], Awaitable[None]]


class ChatModel(Protocol):
    """Streams chat completions."""

    def stream(
        self, request: ChatRequest, *, before_repeat: BeforeRepeat
    ) -> AsyncGenerator[TextDelta | StreamEnd, None]:
        """Yield text deltas, then exactly one ``StreamEnd``.

        A request may be sent again before the first text. ``before_repeat`` is awaited each time when the one before
        it may have been billed; what it raises ends the stream, and nothing is sent.
        Raises a ``ProviderError`` only while no text has been yielded; afterwards the end reason says what happened.
        Closing the iterator (``aclose``) aborts the request on the wire.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reservation:
    """The worst case of one call, reserved before it is made, in millionths of a US dollar."""

    capability: str
    model: str
    micro_usd: int


@dataclass(frozen=True, slots=True)
class MediaUsage:
    """What a call about pictures or sound used, as the provider returned it or as it was measured here."""

    input_tokens: int = 0
    input_image_tokens: int = 0
    input_audio_tokens: int = 0
    output_tokens: int = 0
    output_audio_tokens: int = 0
    pictures: int = 0
    seconds: float = 0.0
    characters: int = 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a call really cost. ``micro_usd`` is the reservation where the server returned no usage."""

    micro_usd: int
    usage: Usage | MediaUsage | None
    price_version: str


class TurnStore(Protocol):
    """The tables of a turn's life. Every method is one transaction and cannot be cancelled half-way.

    All raise ``StoreUnavailable`` when the database cannot record.
    """

    async def claim(self, question: Question) -> bool:
        """Record the trigger as CLAIMED; ``False`` when it was claimed before (by anybody, in any state).

        Raises ``BeingAnswered`` when another unfinished claim replaces or continues the same turn.
        """
        ...

    async def begin(
        self,
        trigger_id: int,
        reservation: Reservation,
        *,
        caps: SpendingCaps,
        member_requests_per_hour: int | None = None,
        payer_id: int | None = None,
    ) -> None:
        """Move CLAIMED or GENERATING to GENERATING, count the generation and reserve its worst case.

        ``payer_id``: for whom it counts, where that is not the question's author.

        Raises ``BudgetExhausted`` when what was spent and reserved in a cap's day or month, with this, passes it, and
        ``MemberLimitReached`` when so many other triggers of the member began within the last hour; then nothing is
        changed.
        """
        ...

    async def begin_again(
        self,
        trigger_id: int,
        settlement: Settlement,
        reservation: Reservation,
        *,
        caps: SpendingCaps,
        payer_id: int | None = None,
    ) -> None:
        """Settle the newest call of a GENERATING claim, and reserve another one within the same generation.

        Raises ``BudgetExhausted`` as ``begin`` does; the settlement stays.
        """
        ...

    async def reserve_more(
        self, trigger_id: int, micro_usd: int, *, caps: SpendingCaps, payer_id: int | None = None
    ) -> None:
        """Add to the worst case of the newest call of a GENERATING claim; raises ``BudgetExhausted`` as ``begin``."""
        ...

    async def history(self, key: ConversationKey) -> History:
        """Return the conversation's turns of the current epoch, oldest first; makes the conversation if it is new."""
        ...

    async def revise(self, question: Question) -> None:
        """Replace the kept question of a claim that has not ended, once its files are read."""
        ...

    async def hear(self, question: Question, settlement: Settlement | None = None) -> None:
        """Keep the transcript that a claim's sound has become, as its words; and settle what it cost."""
        ...

    async def move(self, question: Question) -> None:
        """Replace the kept question of a CLAIMED claim by the same one with its reply in another channel."""
        ...

    async def settle_attempt(self, trigger_id: int, settlement: Settlement) -> None:
        """Settle the newest call of a claim that goes on without it."""
        ...

    async def place(self, trigger_id: int, page: int, message_id: int) -> None:
        """Remember the Discord message that shows page ``page`` (0-based) of the reply."""
        ...

    async def complete(
        self,
        trigger_id: int,
        answer: Answer,
        reply: Reply,
        settlement: Settlement,
        *,
        history: History | None,
        unkept: Callable[[], Reply] | None = None,
    ) -> Reply:
        """Store the pair of turns, settle the cost and put the reply into the outbox (READY), in one transaction.

        With ``history`` the pair is appended to that conversation, in place of the one that the question replaces. It
        is not when the epoch has changed since (a reset), when the replaced pair is no longer the latest, or when the
        continued one is gone: then ``unkept`` makes the reply. Returns the reply that is in the outbox.
        """
        ...

    async def complete_task(
        self, question: Question, reply: Reply, settlement: Settlement, *, result_text: str | None = None
    ) -> None:
        """Settle a task's cost, put the reply into the outbox (READY) and keep the task, in one transaction."""
        ...

    async def kept_task(self, trigger_id: int) -> KeptTask | None:
        """Return a task that was done, for as long as it is kept."""
        ...

    async def forget_task(self, trigger_id: int) -> None:
        """Forget a task that was done."""
        ...

    async def park(self, trigger_id: int) -> None:
        """Leave a READY reply in the outbox until its author's next command."""
        ...

    async def keep_last_pages(self, trigger_id: int, count: int) -> None:
        """Forget all but the last pages of a parked reply: the others were shown."""
        ...

    async def parked_authors(self) -> frozenset[int]:
        """Return whose replies are parked."""
        ...

    async def parked(self, author_id: int) -> Sequence[Claim]:
        """Return a member's parked replies, oldest first."""
        ...

    async def fail(
        self,
        trigger_id: int,
        reason: str,
        error_id: str,
        reply: Reply,
        *,
        billed: int,
        most_micro_usd: int | None = None,
    ) -> None:
        """Put a notice into the outbox instead of an answer (READY).

        ``billed``: what is still reserved for the claim is settled, because the call may have cost that; in full or
        with ``most_micro_usd``. Otherwise it is released.
        """
        ...

    async def explain(self, trigger_id: int, reason: str, error_id: str, reply: Reply) -> None:
        """Put a notice into the outbox in place of the READY reply, which Discord refuses."""
        ...

    async def finish(self, trigger_id: int) -> None:
        """End the claim: DONE after an answer, FAILED after a notice. Wipes the token, the outbox and the question.

        A failed question is kept for ``take_failed`` when its notice is retryable.
        """
        ...

    async def expire(self, trigger_id: int, reason: str) -> None:
        """End the claim without a delivered reply: EXPIRED. Wipes like ``finish``; keeps the ledger's reservation."""
        ...

    async def cancel(self, trigger_id: int, *, billed: bool, reason: str) -> None:
        """End an unfinished claim as CANCELLED, and wipe it. ``billed`` as in ``fail``."""
        ...

    async def kept_question(self, trigger_id: int, author_id: int) -> Question | None:
        """Return the kept question of a FAILED claim to its author and leave it where it is."""
        ...

    async def take_failed(self, trigger_id: int, author_id: int) -> Question | None:
        """Return the kept question of a FAILED claim to its author, once; ``None`` when there is none for them."""
        ...

    async def unfinished(self) -> Sequence[Claim]:
        """Return every claim that has not ended, oldest first: the work that a restart left."""
        ...

    async def trim(self, conversation_id: int, first_turn_id: int) -> None:
        """Let ``history`` begin at ``first_turn_id`` from now on; older turns stay stored but are not sent."""
        ...

    async def reset(self, key: ConversationKey) -> None:
        """Start a new epoch of the conversation: its stored turns are deleted."""
        ...


class AttachedFile(Protocol):
    """A file as Discord describes it, not read yet; what it says of its name and size may be wrong."""

    @property
    def filename(self) -> str:
        """The name that the member's machine gave it."""
        ...

    @property
    def size(self) -> int:
        """The size in bytes."""
        ...

    @property
    def url(self) -> str:
        """Where it lies, for a day."""
        ...

    async def read(self) -> bytes:
        """Fetch it through discord.py, without limits."""
        ...


class FetchFile(Protocol):
    """Fetches a file."""

    async def __call__(self, file: AttachedFile, *, limit_bytes: int) -> bytes:
        """Return the file's bytes; raises ``FileRefused`` when it is gone or larger than the limit."""
        ...


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound file that was decoded, or one part of it. ``name`` ends as the API wants it.

    ``start_seconds``: where it begins in the member's file.
    """

    name: str
    mime: str
    seconds: float
    content: bytes = field(repr=False)
    start_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class FilesRead:
    """What the files of a question hold. ``schema`` and its name come from a JSON Schema file that was checked.

    ``pictures`` has those that ``attachments`` describes, in the same order. ``lost``: the names of pictures that are
    not the question's own and could not be read. ``mask`` says where pictures are to be edited; ``sounds`` are the
    parts of the one sound that is to be heard.
    """

    attachments: tuple[Attachment, ...] = ()
    schema: str | None = None
    schema_name: str | None = None
    pictures: tuple[Picture, ...] = ()
    lost: tuple[str, ...] = ()
    mask: Picture | None = None
    sounds: tuple[Sound, ...] = ()


class FileReader(Protocol):
    """The files of one question, in the hands of the process that took it."""

    async def read(self) -> FilesRead:
        """Fetch, check and read them; raises ``FileRefused`` with the first file that cannot be read."""
        ...


class EarlierPictures(Protocol):
    """Pictures of messages, fetched again as long as the message has them; a few are kept in memory."""

    async def picture(self, source: PictureSource) -> Picture | None:
        """Return a picture; ``None`` when it is gone or cannot be used any more."""
        ...

    def keep(self, source: PictureSource, picture: Picture) -> None:
        """Keep one that was just read, for the next question."""
        ...


@dataclass(frozen=True, slots=True)
class Violation:
    """Where and how a JSON value breaks its schema. ``expected`` is the rule's own value, shortened."""

    path: str
    rule: str
    expected: str


class SchemaChecker(Protocol):
    """Checks JSON values, in bounded time."""

    async def violation(self, value: str, schema: str) -> Violation | None:
        """Return the first thing that is wrong; both are JSON texts. Raises ``TimeoutError`` when it takes too long."""
        ...


class FoldStore(Protocol):
    """Folds old turns of a conversation into its summary."""

    async def fold(self, history: History, turns: Sequence[Turn], summary: str) -> bool:
        """Let the summary stand in place of these turns, the oldest of ``history``; they stay stored.

        ``False`` and nothing changed when the conversation is not what it was: reset, folded or trimmed meanwhile, or
        one of these turns edited or deleted. Raises ``StoreUnavailable``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Payer:
    """For whom a call outside of a claim is made. ``trigger_id``: what made the bot call; it need not be claimed."""

    trigger_id: int
    author_id: int
    channel_id: int
    guild_id: int | None


class CallLedger(Protocol):
    """Reserves and settles calls that belong to no claim, against the same caps. All raise ``StoreUnavailable``."""

    async def reserve(
        self,
        payer: Payer,
        reservation: Reservation,
        *,
        caps: SpendingCaps,
        member_requests_per_hour: int | None = None,
    ) -> int:
        """Reserve a call's worst case and return the id of its entry; raises the ``LimitReached``."""
        ...

    async def settle(self, entry_id: int, settlement: Settlement | None) -> None:
        """Settle a reservation; ``None`` releases it: the call cost nothing."""
        ...


class TokenRatioStore(Protocol):
    """Remembers how a model's token counts compare with the estimate. Both raise ``StoreUnavailable``."""

    async def token_ratios(self) -> Mapping[str, float]:
        """Return every remembered ratio by model."""
        ...

    async def remember_token_ratio(self, model: str, ratio: float) -> None:
        """Remember a model's ratio in place of an earlier one."""
        ...


@dataclass(frozen=True, slots=True)
class Quirk:
    """A parameter that a server refuses for a model, and what to send instead (``None``: leave it out)."""

    base_url: str
    model: str
    parameter: str
    replacement: str | None


class QuirkStore(Protocol):
    """Remembers what servers refuse, so that each refusal is paid for once."""

    async def quirks(self) -> Sequence[Quirk]:
        """Return everything remembered."""
        ...

    async def remember(self, quirk: Quirk) -> None:
        """Remember one refusal; the newest replacement for the same parameter wins."""
        ...


class PreferenceScope(StrEnum):
    """What a preference is set for. The scope id of BOT is 0."""

    BOT = "bot"
    GUILD = "guild"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True)
class Preference:
    """One stored preference. ``name`` and ``value`` are the core's words, checked before they are stored."""

    scope: PreferenceScope
    scope_id: int
    name: str
    value: str


class PreferenceStore(Protocol):
    """Preferences of servers and channels: few, so all of them are kept in memory by the core."""

    async def preferences(self) -> Sequence[Preference]:
        """Return all stored preferences."""
        ...

    async def set_preference(self, preference: Preference, *, changed_by: int) -> None:
        """Store a preference and who changed it, replacing an earlier value."""
        ...

    async def clear_preference(self, scope: PreferenceScope, scope_id: int, name: str, *, changed_by: int) -> None:
        """Remove a preference, so that the default holds again."""
        ...
