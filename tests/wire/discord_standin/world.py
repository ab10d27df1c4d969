"""What exists in the stand-in's Discord: one guild, its channels, users, messages and interactions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum

from tests.wire.discord_standin.journal import Json, Upload

DISCORD_EPOCH_MS = 1_420_070_400_000  # the first second of 2015: where snowflakes begin
EPHEMERAL = 1 << 6
LOADING = 1 << 7
VOICE_MESSAGE = 1 << 13


class ChannelKind(IntEnum):
    TEXT = 0
    DM = 1
    PUBLIC_THREAD = 11


class MessageKind(IntEnum):
    DEFAULT = 0
    THREAD_CREATED = 18
    REPLY = 19
    CHAT_INPUT_COMMAND = 20
    THREAD_STARTER = 21


@dataclass(frozen=True, slots=True)
class User:
    user_id: int
    name: str
    bot: bool = False

    @property
    def mention(self) -> str:
        return f"<@{self.user_id}>"


@dataclass(frozen=True, slots=True)
class Channel:
    """A text channel, a thread in one (``parent_id``), or the bot's DM with a user (``recipient``)."""

    channel_id: int
    kind: ChannelKind
    name: str = ""
    parent_id: int | None = None
    recipient: User | None = None

    @property
    def is_dm(self) -> bool:
        return self.kind is ChannelKind.DM


@dataclass(frozen=True, slots=True)
class Attachment:
    attachment_id: int
    upload: Upload
    declared: Json  # what the sender said about it: description, duration, waveform


@dataclass(frozen=True, slots=True)
class Shown:
    """What a message showed from ``at`` (``time.perf_counter``) until its next edit."""

    at: float
    content: str
    components: list[Json]


@dataclass(slots=True, eq=False)
class Message:
    """A message, with everything it ever showed in ``versions``, oldest first."""

    message_id: int
    channel: Channel
    author: User
    kind: MessageKind
    content: str = ""
    nonce: str | int | None = None
    reply_to: Message | None = None
    mentions: tuple[User, ...] = ()
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    flags: int = 0
    edited_at: datetime | None = None
    interaction: Interaction | None = None  # the interaction whose response this is
    deleted: bool = False
    versions: list[Shown] = field(default_factory=list)

    @property
    def sent_at(self) -> datetime:
        return snowflake_time(self.message_id)

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)

    @property
    def loading(self) -> bool:
        return bool(self.flags & LOADING)

    def note_version(self) -> None:
        self.versions.append(Shown(time.perf_counter(), self.content, self.components))


@dataclass(slots=True, eq=False)
class Interaction:
    """A command (kind 2), a click (kind 3) or a submitted modal (kind 5).

    ``created_at`` and ``acked_at`` are readings of the clock.
    """

    interaction_id: int
    token: str = field(repr=False)
    kind: int
    channel: Channel
    user: User
    options: Json  # the ``data`` part of the payload
    created_at: float
    message: Message | None = None  # the message whose component was clicked
    opened_by: Interaction | None = None  # what a submitted modal answers
    acked_at: float | None = None
    callback_type: int | None = None
    callback: Json | None = None  # the data of the first response, for modals and autocomplete
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)


def snowflake_time(snowflake: int) -> datetime:
    return datetime.fromtimestamp(((snowflake >> 22) + DISCORD_EPOCH_MS) / 1000, UTC)


class World:
    """One guild with a text channel, two members and the bot; tests add what else they need."""

    def __init__(self) -> None:
        self._last_id = 0
        self.users: dict[int, User] = {}
        self.channels: dict[int, Channel] = {}
        self.messages: dict[int, Message] = {}
        self.options: dict[int, Attachment] = {}  # files that came with commands: no message shows them
        self.interactions: dict[str, Interaction] = {}
        self.commands: list[Json] = []
        self.guild_id = self.new_id()
        self.bot = self.add_user("Parley", bot=True)
        self.owner = self.add_user("owner")
        self.member = self.add_user("member")
        self.other_member = self.add_user("other-member")
        self.general = self.add_channel("general")

    def new_id(self) -> int:
        """Return a snowflake of now, larger than all before it."""
        now_ms = time.time_ns() // 1_000_000 - DISCORD_EPOCH_MS
        self._last_id = max(self._last_id + 1, now_ms << 22)
        return self._last_id

    def add_user(self, name: str, *, bot: bool = False) -> User:
        user = User(self.new_id(), name, bot)
        self.users[user.user_id] = user
        return user

    def add_channel(self, name: str) -> Channel:
        return self._keep(Channel(self.new_id(), ChannelKind.TEXT, name))

    def add_thread(self, parent: Channel, name: str, *, thread_id: int | None = None) -> Channel:
        return self._keep(Channel(thread_id or self.new_id(), ChannelKind.PUBLIC_THREAD, name, parent.channel_id))

    def dm_with(self, user: User) -> Channel:
        """Return the DM channel with a user, made at the first call."""
        known = (channel for channel in self.channels.values() if channel.recipient == user)
        return next(known, None) or self._keep(Channel(self.new_id(), ChannelKind.DM, recipient=user))

    def history(self, channel: Channel) -> Iterator[Message]:
        """Yield the messages that everybody in the channel sees, newest first."""
        for message in reversed(self.messages.values()):
            if message.channel == channel and not message.deleted and not message.ephemeral:
                yield message

    def shown_by_bot(self, channel: Channel) -> list[Message]:
        """Return the bot's messages that can be seen in the channel by anybody, oldest first."""
        return [
            message
            for message in self.messages.values()
            if message.channel == channel and message.author == self.bot and not message.deleted
        ]

    def add_message(self, message: Message) -> None:
        message.note_version()
        self.messages[message.message_id] = message

    def attachment(self, attachment_id: int) -> Attachment | None:
        """Return a file of any message or command."""
        of_messages = (file for message in self.messages.values() for file in message.attachments)
        found = (file for file in of_messages if file.attachment_id == attachment_id)
        return self.options.get(attachment_id) or next(found, None)

    def mentioned_users(self, content: str) -> tuple[User, ...]:
        plain = content.replace("<@!", "<@")
        return tuple(user for user in self.users.values() if user.mention in plain)

    def _keep(self, channel: Channel) -> Channel:
        self.channels[channel.channel_id] = channel
        return channel
