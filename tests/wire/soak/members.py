"""Members who ask, by every way there is, in rooms whose words must never meet."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass

from tests.wire.asking import Asked, Way
from tests.wire.discord_standin import Channel, DiscordStandIn, Interaction, User
from tests.wire.discord_standin.commands import PickerRefusal, ids
from tests.wire.talking import MEMBER_CANARY, WRITING

ROOMS = 12
MEMBERS = 6
REMEMBERED = 40  # questions that may be delivered once more
PRESSED = ("regen:", "more:", "again:", "delete:")


@dataclass(frozen=True, slots=True)
class Doing:
    """One thing that a member did. ``asked`` is ``None`` for a button. ``connected``: the bot was, at that moment."""

    at: float
    connected: bool
    trigger_id: int
    conversation: str
    interaction: Interaction | None
    asked: Asked | None
    pressed: str | None = None


class Members:
    """Everybody who asks. ``conversation-…`` in each question says which request may hold it."""

    def __init__(self, discord: DiscordStandIn, rng: random.Random) -> None:
        self.discord = discord
        self.rng = rng
        world = discord.world
        self.people = [world.member, world.other_member, *(world.add_user(f"member-{n}") for n in range(MEMBERS))]
        self.rooms = [world.add_channel(f"room-{n}") for n in range(ROOMS)]
        self.doings: list[Doing] = []
        self.latest: deque[Asked] = deque(maxlen=REMEMBERED)

    @property
    def is_connected(self) -> bool:
        return bool(self.discord.gateway.connected)

    def act(self) -> None:
        """Let somebody do something."""
        if self.rng.random() < 0.1 and self._press():
            return
        person = self.rng.choice(self.people)
        kind = self.rng.choice(["mention", "mention", "chat", "private", "ask", "dm"])
        room = self.discord.world.dm_with(person) if kind == "dm" else self.rng.choice(self.rooms)
        number = len(self.doings)
        key = f"conversation-{room.channel_id}"
        if kind == "ask":
            key = f"conversation-once{number}"
        elif kind == "private":
            key = f"conversation-{room.channel_id}x{person.user_id}"
        text = f"{MEMBER_CANARY} number {number} {key}" + (" as a long answer" if self.rng.random() < 0.1 else "")
        self._ask(kind, room, person, text, key)

    def again(self) -> None:
        """Deliver a few of the latest events once more."""
        for asked in self.rng.sample(list(self.latest), min(5, len(self.latest))):
            asked.again(self.discord)

    def _ask(self, kind: str, room: Channel, person: User, text: str, key: str) -> None:
        discord, at, connected = self.discord, self.discord.clock(), self.is_connected
        try:
            if kind in ("mention", "dm"):
                mentions = [] if room.is_dm else [discord.world.bot]
                asked = Asked(Way.MENTION, text, discord.say(room, person, text, mentions=mentions))
            elif kind == "ask":
                asked = Asked(Way.ASK, text, discord.slash(room, person, "ask", prompt=text))
            else:
                private = kind == "private"
                asked = Asked(Way.CHAT, text, discord.slash(room, person, "chat", message=text, private=private))
        except PickerRefusal:  # the commands are not synced yet
            return
        interaction = asked.event if isinstance(asked.event, Interaction) else None
        self.latest.append(asked)
        self.doings.append(Doing(at, connected, asked.trigger_id, key, interaction, asked))

    def _press(self) -> bool:
        """Press a button under something that the bot shows; ``False`` where there is none."""
        room = self.rng.choice(self.rooms)
        finished = [m for m in self.discord.world.shown_by_bot(room) if not m.loading and WRITING not in m.content]
        for message in reversed(finished[-6:]):
            found = [i for part in message.components for i in ids(part) if i.startswith(PRESSED)]
            if found and not message.ephemeral:
                pressed = self.rng.choice(found)
                person = self.rng.choice(self.people)
                at = self.discord.clock()
                click = self.discord.click(message, pressed, person)
                self.doings.append(Doing(at, self.is_connected, click.interaction_id, "", click, None, pressed))
                return True
        return False
