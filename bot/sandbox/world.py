"""The small Discord server of the sandbox: its people, its places, and what was said there before.

Every object is made at a moment of its own, counted from the simulated clock's beginning. Its id comes from that
moment, so it is the same in every run and the conversations in the data folder still belong to their channels.
Nothing may be moved to another moment; what is added gets a new one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import discord
import simcord
from simcord.backend.models import Message

from bot.core.conversation import ChatRole, ConversationKey, Question, TriggerKind, Turn
from bot.core.drawing import parted
from bot.core.limits import MESSAGE_CHARS, REPLY_PAGES
from bot.core.pages import lay_out
from bot.store.turns import SqliteTurnStore

BOT_NAME = "Parley"
SERVER_NAME = "Harbour"
BEGINNING = datetime(2026, 1, 1, 1, tzinfo=UTC)  # the simulated clock's first hour is for making things
MOMENT = timedelta(minutes=1)
WELCOME = (
    "👋 Three things to try here: type a question, and I answer it; ask for something long and press **Stop**; "
    "say `draw me a red boat`."
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to look and speak as. ``actor`` is the member of the server, ``user`` the person in direct messages."""

    key: str
    name: str
    rights: str
    user: simcord.UserHandle
    actor: simcord.MemberActor


@dataclass(frozen=True, slots=True)
class Place:
    """A channel, a thread or somebody's direct messages with the bot. ``only_for``: whose direct messages."""

    key: str
    name: str
    purpose: str
    channel: simcord.ChannelHandle
    only_for: Person | None = None

    @property
    def conversation(self) -> ConversationKey:
        """Where the store keeps what is said here."""
        guild = self.channel.guild
        return ConversationKey(channel_id=self.channel.id, guild_id=guild.id if guild is not None else None)


class World:
    """The server with its people and places. Made before the bot comes online."""

    def __init__(self, env: simcord.Env) -> None:
        self._env = env
        env.backend.edit_bot_profile(BOT_NAME)
        users = [self._user(moment, name) for moment, name in ((1, "Owner"), (2, "Moderator"), (3, "Member"))]
        with self._moment(10):
            guild = env.create_guild(SERVER_NAME, owner=users[0])
        with self._moment(11):
            moderators = guild.create_role("moderator", permissions=discord.Permissions(manage_messages=True))
        actors = [
            simcord.MemberActor(env, guild, users[0]),  # the owner is a member already
            guild.add_member(users[1], roles=[moderators]),
            guild.add_member(users[2]),
        ]
        rights = ("may change settings", "may stop anybody's answer", "may ask")
        self.people = tuple(
            Person(user.name, user.global_name or user.name, may, user, actor)
            for user, actor, may in zip(users, actors, rights, strict=True)
        )
        self.guild = guild
        self.lounge = self._lounge(guild)
        self._channels = (self.lounge, self._help(guild), self._thread(guild))
        self.direct_messages = tuple(self._direct_messages())

    @property
    def channels(self) -> tuple[Place, ...]:
        """The channels, and the threads: the one of the beginning and those that have been opened since."""
        return (*self._channels, *self._opened())

    @property
    def threads(self) -> str:
        """The threads that have been opened since the beginning, as text for ``reopen``."""
        opened = [self._env.backend.get_channel(place.channel.id) for place in self._opened()]
        return json.dumps([[thread.id, thread.parent_id, thread.owner_id, thread.name] for thread in opened])

    def reopen(self, threads: str) -> None:
        """Open the threads of earlier runs again. A thread keeps its id: what was said there belongs to it."""
        for thread_id, parent_id, owner_id, name in json.loads(threads):
            self._env.backend.create_thread(parent_id, name, owner_id, message_id=thread_id, broadcast=False)

    @property
    def mention(self) -> str:
        """The bot's mention, as Discord writes it."""
        return f"<@{self._env.backend.bot_user.id}>"

    def person(self, key: str) -> Person:
        """Return a person. Raises ``KeyError``."""
        return {person.key: person for person in self.people}[key]

    def places_of(self, person: Person) -> tuple[Place, ...]:
        """Return where somebody can be: the channels, the threads and their own direct messages."""
        return (*self.channels, *(place for place in self.direct_messages if place.only_for == person))

    def place(self, key: str, person: Person) -> Place:
        """Return one of somebody's places. Raises ``KeyError``."""
        return {place.key: place for place in self.places_of(person)}[key]

    def place_of_link(self, person: Person, *, channel_id: str = "", name: str = "") -> Place | None:
        """Return where a link to a channel leads: by its id, or by its name, the newest of that name."""
        leads_here = (
            place
            for place in reversed(self.places_of(person))
            if channel_id == str(place.channel.id) or (name and name == place.name.removeprefix("#"))
        )
        return next(leads_here, None)

    def people_in(self, place: Place) -> tuple[Person, ...]:
        """Return who can be in a place."""
        return self.people if place.only_for is None else (place.only_for,)

    async def remember(self, store: SqliteTurnStore) -> None:
        """Show what was said in earlier runs, at the time it was said, and come to the present."""
        places = (*self.channels, *self.direct_messages)
        said = [(turn, place) for place in places for turn in (await store.history(place.conversation)).turns]
        said.sort(key=lambda pair: pair[0].turn_id)
        last_question: dict[str, int] = {}
        for turn, place in said:
            self._move_to(max(turn.asked_at or self._env.now(), self._env.now() + timedelta(seconds=1)))
            if turn.chat_role is ChatRole.USER:
                last_question[place.key] = self._said_by_member(turn, place)
            else:
                self._said_by_bot(turn, place, last_question.get(place.key))
        for claim in await store.unfinished():  # the bot is about to answer these
            self._asked(claim.question, places)
        self._move_to(datetime.now(UTC))

    def welcome(self) -> None:
        """Say in the lounge what can be tried there."""
        self._say(self.lounge, self._env.backend.bot_user.id, WELCOME)

    # Making things

    @contextmanager
    def _moment(self, number: int) -> Iterator[None]:
        clock = self._env.backend.clock
        self._env.backend.advance_clock(number * MOMENT.total_seconds() - clock.elapsed)
        yield

    def _move_to(self, when: datetime) -> None:
        self._env.backend.advance_clock(max(0.0, (when - self._env.now()).total_seconds()))

    def _user(self, moment: int, name: str) -> simcord.UserHandle:
        with self._moment(moment):
            return self._env.create_user(name.lower(), global_name=name)

    def _lounge(self, guild: simcord.GuildHandle) -> Place:
        topic = f"{BOT_NAME} answers every message here. Just type."
        with self._moment(20):
            channel = guild.create_text_channel("lounge", topic=topic)
        return Place("lounge", "#lounge", "Every message is answered. Start here.", channel)

    def _help(self, guild: simcord.GuildHandle) -> Place:
        topic = f"{BOT_NAME} answers when it is mentioned or replied to: @{BOT_NAME} how do I …"
        with self._moment(21):
            channel = guild.create_text_channel("help", topic=topic)
        purpose = f"Answered when mentioned (type @{BOT_NAME}) or replied to."
        return Place("help", "#help", purpose, channel)

    def _thread(self, guild: simcord.GuildHandle) -> Place:
        backend = self._env.backend
        parent = self.lounge.channel
        with self._moment(22):
            thread = backend.create_thread(parent.id, "boat trip", self.people[0].user.id, broadcast=False)
        for person in self.people[1:]:
            backend.add_thread_member(thread.id, person.user.id)
        channel = simcord.ChannelHandle(self._env, guild, thread)
        purpose = "A thread of #lounge: a conversation of its own."
        return Place("thread", "boat trip", purpose, channel)

    def _opened(self) -> Iterator[Place]:
        backend, known = self._env.backend, {place.channel.id for place in self._channels}
        for thread_id in backend.get_guild(self.guild.id).thread_ids:
            thread = backend.channels.get(thread_id)
            if thread is not None and thread_id not in known:
                by = BOT_NAME if thread.owner_id == backend.bot_user.id else "somebody"
                purpose = f"A thread that {by} opened: a conversation of its own."
                channel = simcord.ChannelHandle(self._env, self.guild, thread)
                yield Place(f"thread-{thread_id}", thread.name or "thread", purpose, channel)

    def _direct_messages(self) -> Iterator[Place]:
        for moment, person in enumerate(self.people, start=30):
            with self._moment(moment):
                channel = person.user.dm_channel
            purpose = f"Alone with {BOT_NAME}, as whoever you chose."
            yield Place("direct", "Direct messages", purpose, channel, only_for=person)

    # What was said before

    def _asked(self, question: Question, places: Sequence[Place]) -> None:
        place = next((place for place in places if place.conversation == question.conversation), None)
        if place is not None and question.kind is TriggerKind.MESSAGE:
            self._move_to(max(question.asked_at, self._env.now() + timedelta(seconds=1)))
            self._say(place, question.author_id, question.text[:MESSAGE_CHARS])

    def _said_by_member(self, turn: Turn, place: Place) -> int:
        author = next((p for p in self.people_in(place) if p.name == turn.author_name), self.people_in(place)[0])
        return self._say(place, author.user.id, turn.text[:MESSAGE_CHARS]).id

    def _said_by_bot(self, turn: Turn, place: Place, question_id: int | None) -> None:
        reference = (
            None if question_id is None else {"channel_id": str(place.channel.id), "message_id": str(question_id)}
        )
        for page in lay_out(parted(turn.text)[0] or turn.text, max_pages=REPLY_PAGES):
            files = [(file.name, file.content) for file in page.files]
            self._say(place, self._env.backend.bot_user.id, page.content, files, reference)
            reference = None

    def _say(
        self,
        place: Place,
        author_id: int,
        text: str,
        files: Sequence[tuple[str, bytes]] = (),
        reference: dict[str, str] | None = None,
    ) -> Message:
        backend = self._env.backend
        attachments = backend.store_attachments(place.channel.id, files)
        return backend.create_message(place.channel.id, author_id, text, attachments=attachments, reference=reference)
