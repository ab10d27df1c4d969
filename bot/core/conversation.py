"""The values of a conversation: who asks what, where, and what was answered."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from bot.core.tasks import Task


class ChatRole(StrEnum):
    """Who speaks in a prompt. Comes from a column or from code, never from anybody's text."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class TriggerKind(StrEnum):
    """What made the bot answer."""

    MESSAGE = "message"
    INTERACTION = "interaction"


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """Where a conversation lives: a channel, thread or DM, or one member's own part of it.

    ``member_id`` is set for a conversation that only this member sees (private turns).
    """

    channel_id: int
    guild_id: int | None = None
    member_id: int | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """The message that a member replies to: context for the model, never the member's own words."""

    author_name: str
    text: str


@dataclass(frozen=True, slots=True)
class AttachedText:
    """The text of a file that came along with a question: context for the model, never the member's own words.

    ``name`` is safe to show; ``kind`` says in words what the file is; ``cut``: the file goes on after ``text``. Where
    the file lies is never kept.
    """

    name: str
    kind: str
    size_bytes: int
    text: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class PictureSource:
    """Where a picture is found again: links expire and are never kept."""

    channel_id: int
    message_id: int
    attachment_id: int


@dataclass(frozen=True, slots=True)
class AttachedPicture:
    """A picture that came along with a question, described: its bytes are never kept.

    ``source`` is ``None`` for one that no message holds, such as a command's. ``quoted``: it belongs to the message
    that the question replies to.
    """

    name: str
    kind: str
    size_bytes: int
    width: int
    height: int
    source: PictureSource | None = None
    quoted: bool = False


Attachment: TypeAlias = AttachedText | AttachedPicture


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """What a member set for one question. ``None`` means not set: nothing is sent for it.

    ``schema`` is the text of a JSON Schema that was checked (``bot.core.schemas``); ``json`` is set with it.
    ``detail``: how closely the model looks at pictures.
    """

    model: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    max_tokens: int | None = None
    json: bool = False
    system_prompt: str | None = None
    schema: str | None = None
    schema_name: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class ReplyRoute:
    """How the answer gets back to Discord.

    A message is answered in its channel, as a reply to it. An interaction is answered by editing its original
    response (message ``response_id``) with the application id and the interaction's token, a secret for 15 minutes.
    ``single_page``: no further message can follow the first one (it is private, or the bot may not send here).
    ``reply_to``: the message that an answer in the channel replies to, where it is not the question's own.
    ``upload_bytes``: the largest file that Discord takes there, where it said so.
    """

    channel_id: int
    application_id: int | None = None
    interaction_token: str | None = field(default=None, repr=False)
    response_id: int | None = None
    ephemeral: bool = False
    single_page: bool = False
    reply_to: int | None = None
    upload_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A member's question as it was triggered.

    ``conversation`` is ``None`` for a one-shot question: no history is read and nothing is kept.
    ``show_question``: the reply quotes the question above the answer (a public slash answer shows it nowhere else).
    ``unread_files``: files came along that are not read yet; only the process that took the question can read them.
    ``message_id``: the message that holds the words, where the trigger is another one (a button asked again).
    ``replaces``: the trigger of the turn whose pair goes when this answer is stored; the prompt leaves it out.
    ``continues``: the trigger of the turn whose cut answer this one goes on with.
    ``restores``: the answer that is shown where this one will be, and comes back when this one fails.
    ``restores_cut``: that answer had been cut.
    ``payer_id``: for whom it counts, where that is not the author: a moderator who had it answered again.
    ``hears_others``: what others said earlier goes along; not for a member who may not read the channel's history.
    ``task``: what is wanted instead of an answer in words; ``text`` is then what it is made of.
    ``is_voice``: it is asked by a voice message, or has a sound as context, which is to be listened to first.
    ``heard``: that was paid for, and what was said is kept, as ``text`` or as the text of the attachment.
    """

    trigger_id: int
    kind: TriggerKind
    author_id: int
    author_name: str
    text: str
    route: ReplyRoute
    asked_at: datetime
    guild_id: int | None = None
    conversation: ConversationKey | None = None
    quote: Quote | None = None
    options: ChatOptions = ChatOptions()
    show_question: bool = False
    attachments: tuple[Attachment, ...] = ()
    unread_files: bool = False
    message_id: int | None = None
    replaces: int | None = None
    continues: int | None = None
    restores: str | None = None
    restores_cut: bool = False
    payer_id: int | None = None
    hears_others: bool = True
    task: Task | None = None
    is_voice: bool = False
    heard: bool = False

    @property
    def is_spoken(self) -> bool:
        """Whether its text is a transcript."""
        return self.heard and not self.attachments

    @property
    def counts_for(self) -> int:
        """The member whose limits it counts against."""
        return self.author_id if self.payer_id is None else self.payer_id

    @property
    def is_private(self) -> bool:
        """Whether it belongs to one member's own conversation."""
        return self.conversation is not None and self.conversation.member_id is not None

    @property
    def source_message_id(self) -> int | None:
        """The message that holds the question's words, if one does."""
        if self.message_id is not None:
            return self.message_id
        return self.trigger_id if self.kind is TriggerKind.MESSAGE else None

    @property
    def is_found_again(self) -> bool:
        """Whether its files can be fetched once more: a message holds them, and a task's are looked for nowhere."""
        return self.source_message_id is not None and (self.task is None or self.is_voice)


@dataclass(frozen=True, slots=True)
class Turn:
    """One stored side of a question-and-answer pair. ``turn_id`` grows in the order of completion.

    ``asked_at`` of a user turn is its question's: a prompt shows it, so it must never change.
    """

    turn_id: int
    chat_role: ChatRole
    text: str
    author_name: str | None = None
    quote: Quote | None = None
    asked_at: datetime | None = None
    trigger_id: int = 0  # the same for a question and its answer
    attachments: tuple[Attachment, ...] = ()
    author_id: int | None = None  # of a question


@dataclass(frozen=True, slots=True)
class History:
    """A conversation's stored turns, oldest first, as of ``epoch`` (a reset starts a new one).

    ``summary``: notes on the turns before these, written by a model from members' words.
    """

    conversation_id: int
    epoch: int
    turns: tuple[Turn, ...]
    summary: str | None = None

    def only_of(self, author_id: int) -> History:
        """Return what one member said and was answered. Notes may hold anybody's words."""
        own = {turn.trigger_id for turn in self.turns if turn.author_id == author_id}
        return replace(self, turns=tuple(turn for turn in self.turns if turn.trigger_id in own), summary=None)

    def without(self, trigger_id: int | None) -> History:
        """Return the history as if one question had not been asked."""
        return (
            self
            if trigger_id is None
            else replace(self, turns=tuple(t for t in self.turns if t.trigger_id != trigger_id))
        )


class EndReason(StrEnum):
    """Why the text of an answer ended. Everything but STOP is told to the member."""

    STOP = "stop"
    LENGTH = "length"  # the token cap was reached
    CONTENT_FILTER = "content_filter"
    BROKEN = "broken"  # the stream ended without a finish reason, or broke
    TIMEOUT = "timeout"
    STOPPED = "stopped"  # a member pressed Stop


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider returned them; ``None`` where the server sends no usage."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer. ``text`` is the model's text, byte for byte."""

    text: str
    model: str
    end_reason: EndReason
    usage: Usage | None = None
    ignored_options: tuple[str, ...] = ()

    @property
    def incomplete(self) -> bool:
        """Whether the model had more to say."""
        return self.end_reason is not EndReason.STOP


@dataclass(frozen=True, slots=True)
class VoiceNote:
    """What Discord shows of a native voice message: its length, and up to 256 amplitudes of 0 to 255."""

    duration_seconds: float
    waveform: bytes


@dataclass(frozen=True, slots=True)
class ReplyFile:
    """One file of a reply. ``description`` is a picture's alt text. With ``voice`` it is a native voice message, which
    stands alone on its page."""

    name: str
    content: bytes = field(repr=False)
    description: str | None = None
    spoiler: bool = False
    voice: VoiceNote | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One Discord message of a reply: up to 2,000 characters, and up to ten files."""

    content: str
    files: tuple[ReplyFile, ...] = ()


class ReplyKind(StrEnum):
    """An answer and a notice about the same trigger have different nonces."""

    ANSWER = "answer"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Reply:
    """What is shown to the member in the end, page by page."""

    kind: ReplyKind
    pages: tuple[Page, ...]
    retryable: bool = False  # the notice offers "Try again"
    incomplete: bool = False  # the answer was cut: it offers "Continue"
    draws: bool = False  # the answer ends with a wish to draw (``bot.core.drawing``): it offers that


class ClaimState(StrEnum):
    """The states of a turn, in order. The last four are ends."""

    CLAIMED = "claimed"
    GENERATING = "generating"
    READY = "ready"  # the reply is stored in the outbox
    DONE = "done"
    FAILED = "failed"  # its notice was delivered
    EXPIRED = "expired"  # too old to be answered
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Claim:
    """An unfinished turn as the store remembers it, for the work after a restart.

    ``claimed_at``: by this host's clock, whatever Discord's says. ``message_ids``: the Discord messages that show the
    reply so far, page by page. ``reply``: set once the claim is READY.
    """

    question: Question
    state: ClaimState
    generations: int
    claimed_at: datetime
    message_ids: tuple[int, ...] = ()
    reply: Reply | None = None
