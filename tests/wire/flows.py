"""What members do, one flow each, and the failpoints that lie on its way."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from bot.sandbox.standin import Refuse, Say, StandIn
from tests.pictures import a_picture
from tests.sounds import a_sound
from tests.wire.asking import Asked, Way, ask_by
from tests.wire.discord_standin import Channel, DiscordStandIn, Upload
from tests.wire.failpoints import AFTER, BEFORE
from tests.wire.judging import problems_of, shown_for, unpaid
from tests.wire.program import Bench, Program
from tests.wire.stored import Stored
from tests.wire.talking import ANSWER, MEMBER_CANARY, MODEL_CANARY

TWO_PAGES = "\n\n".join(f"Paragraph {number} about {MODEL_CANARY}. " + "It goes on. " * 20 for number in range(12))
TURNS_IN = "SELECT count(*) FROM turns JOIN conversations USING (conversation_id) WHERE channel_id = ?"
SETTLED_SECONDS = 40.0
SAID = f"Tell me about {MEMBER_CANARY} at nine."
PICTURE = Upload("picture.png", "image/png", a_picture(size=(64, 64)))
SOUND = Upload("talk.ogg", "audio/ogg", a_sound())
# Until then nobody has promised anything: Discord tells the member that a command was not answered.
UNCLAIMED = frozenset({"acknowledge.before", "acknowledge.after", "claim.before"})


@dataclass(slots=True)
class Stage:
    """The two stand-ins and what the program keeps. Every case has a channel of its own."""

    bench: Bench
    discord: DiscordStandIn
    openai: StandIn
    stored: Stored
    _rooms: itertools.count[int] = field(default_factory=itertools.count)

    def room(self) -> Channel:
        return self.discord.world.add_channel(f"room {next(self._rooms)}")

    def is_done(self, asked: Asked) -> bool:
        return self.stored.state(asked.trigger_id) == "done"

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that the database says, which tells nobody."""
        async with asyncio.timeout(SETTLED_SECONDS):
            while not condition():  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Case:
    """One member's doing. ``settled``: nothing more is to come. ``problems``: what is wrong in the end."""

    settled: Callable[[], bool]
    problems: Callable[[], list[str]]


@dataclass(frozen=True, slots=True)
class Flow:
    """``points``: on its way, in order. ``prepare`` brings about, once per case, what it starts from."""

    name: str
    points: tuple[str, ...]
    begin: Callable[[Stage, Channel, str], Case]
    prepare: Callable[[Stage, Program, Channel], Awaitable[None]] | None = None

    @property
    def places(self) -> list[str]:
        return [f"{point}.{phase}" for point in self.points for phase in (BEFORE, AFTER)]


def ask(stage: Stage, room: Channel, place: str, *, way: Way, answer: str = ANSWER) -> Case:
    """Ask a question; whatever happens it is answered exactly once, or was never taken."""
    stage.openai.forget_script()
    stage.openai.script(*[Say(answer)] * 3)
    asked = ask_by(way, stage.discord, room, stage.discord.world.member, f"{MEMBER_CANARY} in {room.name}.")

    def was_taken() -> bool:
        return place not in UNCLAIMED or stage.stored.state(asked.trigger_id) is not None

    def problems() -> list[str]:
        if not was_taken():
            return [m.content for m in shown_for(asked, stage.discord) if not m.loading]
        found = problems_of(asked, answer, stage.discord, stage.stored)
        return found + unpaid(asked, stage.openai, stage.stored)

    return Case(lambda: not was_taken() or _is_over(stage, asked), problems)


def fail(stage: Stage, room: Channel, _place: str) -> Case:
    """Ask what cannot be answered: told once, or answered by the process after this one."""
    stage.openai.forget_script()
    stage.openai.script(Refuse(400, code="content_policy_violation", message="Refused."), Say(ANSWER), Say(ANSWER))
    asked = ask_by(Way.CHAT, stage.discord, room, stage.discord.world.member, f"{MEMBER_CANARY} in {room.name}.")

    def problems() -> list[str]:
        shown = shown_for(asked, stage.discord)
        state = stage.stored.state(asked.trigger_id)
        if state == "failed" and [m for m in shown if "error id" in m.content] == shown and len(shown) == 1:
            return unpaid_if_answered(asked)
        return problems_of(asked, ANSWER, stage.discord, stage.stored)

    def unpaid_if_answered(asked: Asked) -> list[str]:
        left = stage.stored.rows("SELECT 1 FROM outbox WHERE trigger_id = ?", asked.trigger_id)
        return ["its outbox is not empty"] if left else []

    return Case(lambda: _is_over(stage, asked), problems)


async def two_questions(stage: Stage, program: Program, room: Channel) -> None:
    for number in range(2):
        stage.openai.script(Say(ANSWER))
        text = f"{MEMBER_CANARY} number {number}."
        asked = ask_by(Way.MENTION, stage.discord, room, stage.discord.world.member, text)
        await program.until(stage.until(partial(_is_over, stage, asked)))


def compact(stage: Stage, room: Channel, _place: str) -> Case:
    """Fold a conversation into notes: done or not, and the conversation stays whole."""
    stage.openai.forget_script()
    stage.discord.slash(room, stage.discord.world.owner, "conversation compact")

    def problems() -> list[str]:
        rows = stage.stored.rows(TURNS_IN, room.channel_id)
        return [] if rows == [(4,)] else [f"{rows} turns are left"]

    return Case(lambda: True, problems)


def do_task(
    stage: Stage, room: Channel, place: str, *, command: str, options: dict[str, object], messages: int, files: int
) -> Case:
    """Ask for pictures, for sound or for what is said: paid for once at most; shown once, or its loss is told.

    ``messages`` with ``files`` in all show the result.
    """
    billed = stage.openai.billed
    interaction = stage.discord.slash(room, stage.discord.world.member, command, **options)
    trigger_id = interaction.interaction_id

    def state() -> str | None:
        return stage.stored.state(trigger_id)

    def is_over() -> bool:
        shown = stage.discord.world.shown_by_bot(room)
        return state() in {"done", "failed"} and not any(message.loading for message in shown)

    def problems() -> list[str]:
        if state() is None:
            return []
        shown, paid = stage.discord.world.shown_by_bot(room), stage.openai.billed - billed
        with_file = any(isinstance(value, Upload) for value in options.values())
        found = lost_too_early(place, state(), with_file=with_file)
        expected = (messages, files) if state() == "done" else (1, 0)
        if (counted := (len(shown), sum(len(message.attachments) for message in shown))) != expected:
            found.append(f"{counted} messages and files are shown, and it is {state()}")
        return found + bill_problems(stage, trigger_id, paid)

    return Case(lambda: is_over() or (place in UNCLAIMED and state() is None), problems)


def speak_to(stage: Stage, _room: Channel, place: str) -> Case:
    """Send a voice message to the bot: what is said is paid for once, and answered once or its loss is told."""
    stage.openai.forget_script()
    stage.openai.forget_script(of="transcription")
    stage.openai.script(*[Say(ANSWER)] * 3)
    stage.openai.script(Say(SAID), of="transcription")
    billed = stage.openai.billed_of["transcription"]
    world = stage.discord.world
    member = world.add_user(f"member of {place}")
    message = stage.discord.voice_message(world.dm_with(member), member, a_sound(), seconds=1.0)
    asked = Asked(Way.MENTION, SAID, message)

    def was_taken() -> bool:
        return place not in UNCLAIMED or stage.stored.state(asked.trigger_id) is not None

    def problems() -> list[str]:
        state, replies = stage.stored.state(asked.trigger_id), stage.discord.replies_to(message)
        if not was_taken():
            return [m.content for m in replies]
        listened = stage.openai.billed_of["transcription"] - billed
        found = lost_too_early(place, state) + bill_problems(stage, asked.trigger_id, listened)
        if [m.content for m in replies] != [f"> {SAID}\n\n{ANSWER}"] and state == "done":
            found.append("it does not show what was said and the answer")
        if len(replies) != 1 or stage.discord.world.shown_by_bot(message.channel) != replies:
            found.append(f"{len(replies)} messages are shown")
        kept = [("user", SAID), ("assistant", ANSWER)] if state == "done" else []
        return found + (["the history is wrong"] if stage.stored.turns(asked.trigger_id) != kept else [])

    return Case(lambda: not was_taken() or _is_over(stage, asked), problems)


def lost_too_early(place: str, state: str | None, *, with_file: bool = False) -> list[str]:
    """Return what is wrong when a result is said to be lost although it was stored, or could still be made.

    ``with_file``: of a command; a restart does not know the file any more, and says so.
    """
    may_be_lost = place in MAY_BE_LOST or (with_file and place in FILE_MAY_BE_LOST)
    return [] if state == "done" or (state == "failed" and may_be_lost) else [f"it is {state}"]


def bill_problems(stage: Stage, trigger_id: int, paid: int) -> list[str]:
    found = [f"{paid} calls were made"] if paid > 1 else []
    known = stage.stored.billed().get(trigger_id, 0)
    return found + ([f"{paid} calls were made, {known} are in the ledger"] if paid > known else [])


def _is_over(stage: Stage, asked: Asked) -> bool:
    ended = stage.stored.state(asked.trigger_id) in {"done", "failed", "expired"}
    return ended and asked.is_answered(stage.discord)


QUESTION_POINTS = (
    "claim", "history", "reserve", "ask", "first-word", "store", "deliver", "create", "edit", "place", "finish",
)  # fmt: skip
COMMAND_POINTS = (
    "acknowledge", "claim", "history", "reserve", "ask", "first-word", "store", "deliver", "edit", "finish",
)  # fmt: skip

# Between these it may have been paid for, and nobody can ask for the result again.
MAY_BE_LOST = frozenset(
    {"reserve.after", "paint.before", "paint.after", "speak.before", "speak.after", "listen.before", "listen.after",
     "hear.before", "store-task.before"}
)  # fmt: skip
FILE_MAY_BE_LOST = frozenset(
    {
        "acknowledge.before",
        "acknowledge.after",
        "claim.before",
        "claim.after",
        "fetch.before",
        "fetch.after",
        "reserve.before",
    }
)
VOICE_POINTS = ("claim", "fetch", "reserve", "listen", "hear", "ask", "store", "deliver", "create", "finish")


def _task(
    name: str, points: tuple[str, ...], *, command: str, messages: int = 1, files: int = 1, **options: object
) -> Flow:
    """Return the flow of a command whose work is one paid call."""
    begin = partial(do_task, command=command, options=options, messages=messages, files=files)
    return Flow(name, ("acknowledge", "claim", *points, "store-task", "deliver", "finish"), begin)


FLOWS: tuple[Flow, ...] = (
    _task("image", ("reserve", "paint"), command="image generate", prompt=f"A house of {MEMBER_CANARY}"),
    _task("vary", ("fetch", "reserve", "paint"), command="image variation", image=PICTURE),
    _task("audio", ("reserve", "speak"), command="audio speak", messages=2, text=f"Nothing but {MEMBER_CANARY}."),
    _task("transcribe", ("fetch", "reserve", "listen"), command="audio transcribe", files=0, file=SOUND),
    Flow("voice", VOICE_POINTS, speak_to),
    Flow("mention", QUESTION_POINTS, partial(ask, way=Way.MENTION)),
    Flow("chat", COMMAND_POINTS, partial(ask, way=Way.CHAT)),
    Flow("ask", tuple(p for p in COMMAND_POINTS if p != "history"), partial(ask, way=Way.ASK)),
    Flow("pages", ("deliver", "create", "place", "finish"), partial(ask, way=Way.CHAT, answer=TWO_PAGES)),
    Flow("notice", ("notice", "deliver", "edit", "finish"), fail),
    Flow("compact", ("reserve-fold", "ask", "settle-fold", "fold"), compact, two_questions),
)
