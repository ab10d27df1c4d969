"""kill -9 while something is asked again, gone on with, opened, corrected or folded: one answer, history, bill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bot.sandbox.standin import Cut, Hold, Say, StandIn
from tests.wire.discord_standin import Call, Channel, DiscordStandIn, Interaction, Message
from tests.wire.discord_standin.commands import ids
from tests.wire.discord_standin.world import MessageKind
from tests.wire.program import Bench, Program
from tests.wire.stored import Stored
from tests.wire.talking import MEMBER_CANARY, MODEL_CANARY, WRITING, ask, chat_requests, said, shows, started

FIRST = f"one two three four five six seven eight nine ten {MODEL_CANARY}"
LONG = f"{MODEL_CANARY} " + "word " * 8000
LAST = '{"' + MODEL_CANARY + '": 1}'  # right for every question, also for one that wants JSON
SHOWN_JSON = f"```json\n{LAST}\n```"


@dataclass
class Scene:
    """A program between two stand-ins, and what has been asked of it."""

    program: Program
    discord: DiscordStandIn
    openai: StandIn
    stored: Stored
    billed: dict[int, int] = field(default_factory=dict)  # how many calls there have to be in the end, by trigger

    def room(self, name: str) -> Channel:
        return self.discord.world.add_channel(name)

    async def answered(self, room: Channel, text: str, answer: Say | Cut, shown: str) -> Message:
        """Ask, and return the finished answer."""
        world = self.discord.world
        self.openai.script(answer)
        question = self.discord.say(room, world.member, text, mentions=[world.bot])
        self.billed[question.message_id] = 1

        def finished() -> list[Message]:
            return [m for m in world.shown_by_bot(room) if shown in m.content and WRITING not in m.content]

        [found] = await self.program.until(self.discord.wait_for(finished))
        await self.stored.until(question.message_id, "done")
        return found

    async def words_in(self, room: Callable[[], Channel | None]) -> None:
        def writing() -> bool:
            channel = room()
            return channel is not None and any(WRITING in m.content for m in self.shown(channel))

        await self.program.until(self.discord.wait_for(writing))

    def press(self, answer: Message, name: str) -> Interaction:
        pressed = next(i for row in answer.components for i in ids(row) if i.startswith(f"{name}:"))
        interaction = self.discord.click(answer, pressed, self.discord.world.member)
        self.billed[interaction.interaction_id] = 2
        return interaction

    def slash(self, room: Channel, text: str, *, calls: int, **options: object) -> Interaction:
        interaction = self.discord.slash(room, self.discord.world.member, "chat", message=text, **options)
        self.billed[interaction.interaction_id] = calls
        return interaction

    def threads_of(self, room: Channel) -> list[Channel]:
        return [c for c in self.discord.world.channels.values() if c.parent_id == room.channel_id]

    def shown(self, room: Channel) -> list[Message]:
        hidden = (MessageKind.THREAD_CREATED,)
        return [m for m in self.discord.world.shown_by_bot(room) if m.kind not in hidden]

    def texts(self, room: Channel) -> list[str]:
        return [m.content.strip() for m in self.shown(room)]

    def history(self, room: Channel) -> list[str]:
        query = """
        SELECT text FROM turns JOIN conversations USING (conversation_id) WHERE channel_id = ? ORDER BY turn_id
        """
        return [text for (text,) in self.stored.rows(query, room.channel_id)]

    async def restarted(self, bench: Bench) -> None:
        """Kill the program, and let the next one finish what it left."""
        await self.program.kill()
        self.discord.faults.lift("hang")
        self.openai.release()
        self.openai.script(*[Say(LAST)] * 12)  # more than enough
        self.program = await started(bench, self.discord)
        await self.program.until(self.stored.until_all_ended())

    async def hold_the_bill_up(self) -> None:
        """End the program, and compare what was billed with the ledger."""
        self.program.terminate()
        assert await self.program.ended() == 0
        assert self.stored.billed() == self.billed
        assert self.openai.billed == sum(self.billed.values())
        assert [table for table in ("pending", "outbox") if self.stored.count(table)] == []


async def scene_of(bench: Bench, discord: DiscordStandIn, openai: StandIn) -> Scene:
    return Scene(await started(bench, discord), discord, openai, Stored(bench.database))


async def test_a_kill_while_a_button_or_a_thread_is_answered_leaves_one_answer(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    scene = await scene_of(bench, discord_standin, standin)
    member = discord_standin.world.member
    going_on, anew, opened = scene.room("going-on"), scene.room("anew"), scene.room("opened")

    cut = await scene.answered(going_on, MEMBER_CANARY, Cut(5, "reset", Say(FIRST, delta_chars=5)), "incomplete")
    standin.script(Hold(after_deltas=4, answer=FIRST))
    scene.press(cut, "more")
    await scene.words_in(lambda: going_on)

    old = await scene.answered(anew, MEMBER_CANARY, Say(FIRST), FIRST)
    standin.script(Hold(after_deltas=4, answer=FIRST))
    scene.press(old, "regen")
    await scene.words_in(lambda: anew)

    standin.script(Hold(after_deltas=4, answer=FIRST))
    in_thread = scene.slash(opened, f"{MEMBER_CANARY} in a thread", calls=2, thread=True)
    await scene.words_in(lambda: next(iter(scene.threads_of(opened)), None))

    await scene.restarted(bench)
    beginning = cut.content.partition("\n")[0]
    assert [text.partition("\n")[0] for text in scene.texts(going_on)] == [beginning, LAST]
    assert len(scene.history(going_on)) == 4
    assert scene.history(going_on)[-1] == LAST
    assert scene.texts(anew) == [LAST]
    assert scene.shown(anew)[0].message_id == old.message_id
    assert scene.history(anew) == [MEMBER_CANARY, LAST]
    (thread,) = scene.threads_of(opened)
    _, answer = scene.texts(thread)
    assert answer.endswith(LAST)
    assert scene.history(thread) == [f"{MEMBER_CANARY} in a thread", LAST]
    assert scene.history(opened) == []
    assert in_thread.user == member
    await scene.hold_the_bill_up()


async def test_a_kill_while_a_thread_is_opened_answers_where_it_was_asked(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    scene = await scene_of(bench, discord_standin, standin)
    room = scene.room("opened")

    def opens(call: Call) -> bool:
        return call.path.get("channel_id") == str(room.channel_id)

    held = discord_standin.hold(opens, taken=True, method="POST", route="/channels/{channel_id}/threads")
    asked = scene.slash(room, f"{MEMBER_CANARY} in a thread", calls=1, thread=True)
    await scene.program.until(discord_standin.wait_for(lambda: held.met))
    await scene.restarted(bench)
    (answer,) = scene.texts(room)
    assert answer.endswith(LAST)
    assert scene.history(room) == [f"{MEMBER_CANARY} in a thread", LAST]
    discord_standin.gateway.interaction(asked)  # Discord delivers it again
    await ask(scene.program, discord_standin, scene.room("other"), MEMBER_CANARY, LAST)
    scene.billed |= dict.fromkeys(scene.stored.billed().keys() - scene.billed.keys(), 1)
    assert len(scene.texts(room)) == 1
    assert len(scene.threads_of(room)) == 1
    await scene.hold_the_bill_up()


async def test_a_kill_while_json_is_corrected_leaves_one_answer(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    scene = await scene_of(bench, discord_standin, standin)
    room = scene.room("corrected")
    standin.script(Say(FIRST), Hold(after_deltas=None))
    asked = scene.slash(room, MEMBER_CANARY, calls=3, json=True)
    await scene.program.until(standin.arrived(2))
    await scene.restarted(bench)
    (answer,) = scene.texts(room)
    assert answer.endswith(SHOWN_JSON)
    assert scene.history(room) == [MEMBER_CANARY, LAST]
    assert scene.stored.state(asked.interaction_id) == "done"
    await scene.hold_the_bill_up()


async def test_a_kill_while_notes_are_written_keeps_every_turn(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    scene = await scene_of(bench, discord_standin, standin)
    room, world = scene.room("long"), discord_standin.world
    standin.script(Say(LONG))
    first = discord_standin.say(room, world.member, f"{MEMBER_CANARY} first", mentions=[world.bot])
    await scene.program.until(scene.stored.until(first.message_id, "done"))
    standin.script(Say(FIRST), Hold(after_deltas=None))
    second = discord_standin.say(room, world.member, f"{MEMBER_CANARY} second", mentions=[world.bot])
    await scene.program.until(discord_standin.wait_for(shows(discord_standin, second, FIRST)))
    await scene.program.until(standin.arrived(3))
    scene.billed |= {first.message_id: 1, second.message_id: 2}  # the notes count with the question before them
    await scene.restarted(bench)
    assert len(scene.history(room)) == 4
    third = await ask(scene.program, discord_standin, room, f"{MEMBER_CANARY} third", LAST)
    await scene.program.until(standin.arrived(5))  # the notes are written after all
    scene.billed[third.message_id] = 2
    spoken = [text for _, text in said(chat_requests(standin)[3])]
    assert [any(word in text for text in spoken) for word in ("first", "second", "third")] == [True] * 3
    await scene.hold_the_bill_up()
    assert len(scene.history(room)) == 6
    [(summary,)] = scene.stored.rows("SELECT summary FROM conversations WHERE channel_id = ?", room.channel_id)
    assert summary == LAST
