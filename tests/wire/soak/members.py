"""Members who ask, by every way there is, in rooms whose words must never meet."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tests.pictures import a_picture
from tests.wire.asking import Asked, Way
from tests.wire.discord_standin import Channel, DiscordStandIn, Interaction, Upload, User
from tests.wire.discord_standin.commands import PickerRefusal, ids
from tests.wire.talking import MEMBER_CANARY, WRITING

ROOMS = 12
MEMBERS = 6
PICTURE = Upload("picture.png", "image/png", a_picture(size=(64, 64)))
REMEMBERED = 40  # questions that may be delivered once more
PRESSED = ("regen:", "more:", "again:", "delete:", "vary:", "redraw:", "describe:", "unpicture:", "aloud:",
           "heard_answer:", "heard_translate:", "heard_summarise:")  # fmt: skip
KINDS = ("mention", "mention", "chat", "private", "ask", "dm", "draw", "vary", "aloud", "transcribe", "voice")


@dataclass(frozen=True, slots=True)
class Doing:
    """One thing that a member did. ``connected``: the bot was, at that moment.

    ``asked``: a question. ``shows``: how many files show the result of a task. A button is neither. ``private``: nobody
    else may see what comes of it.
    """

    at: float
    connected: bool
    trigger_id: int
    text: str
    interaction: Interaction | None
    asked: Asked | None = None
    shows: int | None = None
    pressed: str | None = None
    private: bool = False


class Members:
    """Everybody who asks. ``conversation-…`` in each question says which request may hold it.

    ``sound_of`` returns a file in which a text is said.
    """

    def __init__(self, discord: DiscordStandIn, rng: random.Random, sound_of: Callable[[str], bytes]) -> None:
        self.discord = discord
        self.rng = rng
        world = discord.world
        self.people = [world.member, world.other_member, *(world.add_user(f"member-{n}") for n in range(MEMBERS))]
        self.rooms = [world.add_channel(f"room-{n}") for n in range(ROOMS)]
        self.doings: list[Doing] = []
        self.latest: deque[Asked] = deque(maxlen=REMEMBERED)
        places = [*self.rooms, *(world.dm_with(person) for person in self.people)]
        self._sounds = {place: sound_of(_spoken_in(place)) for place in places}

    @property
    def is_connected(self) -> bool:
        return bool(self.discord.gateway.connected)

    def act(self) -> None:
        """Let somebody do something."""
        if self.rng.random() < 0.1 and self._press():
            return
        person = self.rng.choice(self.people)
        kind = self.rng.choice(KINDS)
        is_dm = kind in ("dm", "voice")
        room = self.discord.world.dm_with(person) if is_dm else self.rng.choice(self.rooms)
        number = len(self.doings)
        key = f"conversation-{room.channel_id}"
        if kind in ("ask", "draw", "vary", "aloud"):
            key = f"conversation-once{number}"
        elif kind == "private":
            key = f"conversation-{room.channel_id}x{person.user_id}"
        text = f"{MEMBER_CANARY} number {number} {key}" + (" as a long answer" if self.rng.random() < 0.1 else "")
        at, connected = self.discord.clock(), self.is_connected
        try:
            if kind in ("draw", "vary", "aloud", "transcribe"):
                interaction = self._command(kind, room, person, text)
                shows = 0 if kind == "transcribe" else 1
                said = _spoken_in(room) if kind == "transcribe" else text
                self.doings.append(Doing(at, connected, interaction.interaction_id, said, interaction, shows=shows))
            else:
                asked = self._ask(kind, room, person, text)
                event = asked.event if isinstance(asked.event, Interaction) else None
                self.latest.append(asked)
                private = kind in ("private", "ask")
                doing = Doing(at, connected, asked.trigger_id, asked.text, event, asked, private=private)
                self.doings.append(doing)
        except PickerRefusal:  # the commands are not synced yet
            return

    def again(self) -> None:
        """Deliver a few of the latest events once more."""
        for asked in self.rng.sample(list(self.latest), min(5, len(self.latest))):
            asked.again(self.discord)

    def _ask(self, kind: str, room: Channel, person: User, text: str) -> Asked:
        discord = self.discord
        if kind == "voice":
            message = discord.voice_message(room, person, self._sounds[room], seconds=1.0)
            return Asked(Way.VOICE, _spoken_in(room), message)
        if kind in ("mention", "dm"):
            mentions = [] if room.is_dm else [discord.world.bot]
            return Asked(Way.MENTION, text, discord.say(room, person, text, mentions=mentions))
        if kind == "ask":
            return Asked(Way.ASK, text, discord.slash(room, person, "ask", prompt=text))
        private = kind == "private"
        return Asked(Way.CHAT, text, discord.slash(room, person, "chat", message=text, private=private))

    def _command(self, kind: str, room: Channel, person: User, text: str) -> Interaction:
        slash = self.discord.slash
        match kind:
            case "draw":
                return slash(room, person, "image generate", prompt=text, quality="low")
            case "vary":
                return slash(room, person, "image variation", image=PICTURE, change=text)
            case "aloud":
                return slash(room, person, "audio speak", text=text)
            case _:
                return slash(room, person, "audio transcribe", file=Upload("talk.ogg", "", self._sounds[room]))

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
                self.doings.append(Doing(at, self.is_connected, click.interaction_id, "", click, pressed=pressed))
                return True
        return False


def _spoken_in(place: Channel) -> str:
    return f"{MEMBER_CANARY} spoken conversation-{place.channel_id}"
