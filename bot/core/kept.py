"""What is kept of conversations, as members look at it and change it; and the store behind that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot.core.conversation import (
    Attachment,
    ChatOptions,
    ConversationKey,
    History,
    Question,
    Quote,
    ReplyRoute,
    TriggerKind,
)


@dataclass(frozen=True, slots=True)
class Member:
    """Who wants to change a conversation. ``is_moderator``: manages messages in the channel, or is alone in a DM."""

    member_id: int
    is_moderator: bool

    def may_change(self, author_id: int) -> bool:
        """Whether the turns of this author are theirs to change."""
        return self.is_moderator or self.member_id == author_id


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """A stored question with its answer. ``is_latest``: nothing was said in the conversation since.

    ``shown_ids``: the Discord messages that show the answer, page by page, as far as they are known.
    """

    trigger_id: int
    conversation_id: int
    key: ConversationKey
    author_id: int
    author_name: str
    text: str
    answer: str
    incomplete: bool
    is_latest: bool
    quote: Quote | None = None
    options: ChatOptions = field(default_factory=ChatOptions)
    attachments: tuple[Attachment, ...] = ()
    message_id: int | None = None
    shown_ids: tuple[int, ...] = ()

    @property
    def is_private(self) -> bool:
        """Whether it belongs to one member's own conversation."""
        return self.key.member_id is not None

    def asked_again(
        self,
        *,
        trigger_id: int,
        route: ReplyRoute,
        asked_at: datetime,
        by: int,
        options: ChatOptions | None = None,
        in_place: bool = False,
    ) -> Question:
        """Return the same question under a new trigger; its answer takes the place of this one.

        ``by``: the member who wants it, and for whom it counts. ``in_place``: it is shown where this answer is shown.
        """
        return Question(
            trigger_id=trigger_id,
            kind=TriggerKind.INTERACTION,
            author_id=self.author_id,
            author_name=self.author_name,
            text=self.text,
            route=route,
            asked_at=asked_at,
            guild_id=self.key.guild_id,
            conversation=self.key,
            quote=self.quote,
            options=self.options if options is None else options,
            show_question=not self.is_private and (self.message_id is None or not in_place),
            attachments=self.attachments,
            message_id=self.message_id,
            replaces=self.trigger_id,
            restores=self.answer if in_place else None,
            restores_cut=in_place and self.incomplete and not self.options.json,
            payer_id=None if by == self.author_id else by,
        )


@dataclass(frozen=True, slots=True)
class Overview:
    """What a conversation is. ``turns`` counts questions with their answers, ``micro_usd`` what these cost."""

    turns: int
    micro_usd: int
    summary: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Undone:
    """How many questions were taken back, and whether somebody else's stood in the way of more."""

    turns: int
    stopped_at_others: bool


class ConversationStore(Protocol):
    """Looks at conversations and changes them. Every method is one transaction; all raise ``StoreUnavailable``."""

    async def overview(self, key: ConversationKey) -> Overview | None:
        """Return what a conversation is, ``None`` when nothing is kept of it."""
        ...

    async def everything(self, key: ConversationKey) -> History | None:
        """Return all that is kept of a conversation, the turns before its summary too."""
        ...

    async def find(self, trigger_id: int, *, channel_id: int) -> KeptTurn | None:
        """Return a turn of a conversation in this channel."""
        ...

    async def latest(self, key: ConversationKey) -> KeptTurn | None:
        """Return the latest turn of a conversation."""
        ...

    async def is_owned(self, key: ConversationKey, *, by: Member) -> bool:
        """Whether all turns of a conversation are the member's to change."""
        ...

    async def reset(self, key: ConversationKey, *, by: Member) -> int:
        """Start a new epoch; return how many questions were forgotten.

        Raises ``NotYours`` when a turn, or an answer on its way, is somebody else's, unless the member is a moderator.
        """
        ...

    async def undo(self, key: ConversationKey, count: int, *, by: Member) -> Undone:
        """Take back the newest questions with their answers, up to the first that is not the member's to change."""
        ...

    async def delete(self, trigger_id: int, *, channel_id: int, by: Member) -> Sequence[int]:
        """Forget a turn wherever it was copied to; return the Discord messages that show its reply, page by page.

        Raises ``UnknownTurn`` (also for another channel's turn, and to others for a private one), ``NotYours``, or
        ``BeingAnswered`` while its answer is being written anew.
        """
        ...

    async def copy(self, turn: KeptTurn, into: ConversationKey) -> None:
        """Begin a conversation with a copy of another one up to a turn. Raises ``UnknownTurn`` when that is gone."""
        ...

    async def begin_anew(self, turn: KeptTurn) -> None:
        """Begin a new conversation in the place of a turn's, with a copy up to that turn.

        The old one is set aside: its turns are found and deleted as before, and can be branched from, but it does not
        go on. Raises ``UnknownTurn`` when the turn is gone.
        """
        ...

    async def revise(self, message_id: int, text: str) -> None:
        """Let the question that a message asked follow its new text, whether it is stored yet or not."""
        ...

    async def forget_message(self, message_id: int) -> None:
        """Forget the question that a message asked, with its answer, wherever it was copied to."""
        ...
