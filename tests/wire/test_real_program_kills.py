"""kill -9 in every state of a turn, for every way to ask: one answer, whole, with its history and its bill.

Each state is brought about in a channel of its own, so that one kill serves them all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from bot.core.pages import quote_block
from bot.sandbox.standin import Hold, Say, StandIn
from tests.wire.asking import Asked, Way, ask_by
from tests.wire.discord_standin import Call, Channel, DiscordStandIn, Message, StandInClock
from tests.wire.discord_standin.commands import ids
from tests.wire.discord_standin.message_routes import NONCE_SECONDS
from tests.wire.program import Bench
from tests.wire.stored import Stored
from tests.wire.talking import ANSWER, MEMBER_CANARY, MODEL_CANARY, WRITING, chat_requests, said, started

TWO_PAGES = "\n\n".join(f"Paragraph {number} about {MODEL_CANARY}. " + "It goes on. " * 20 for number in range(12))
INTO_THE_SECOND_PAGE = 800  # deltas
LAST_PARAGRAPH = "Paragraph 11 "


@dataclass(slots=True)
class Scene:
    """One channel in which a turn is brought into a state.

    ``generations``: what each question may cost in all, by its trigger.
    """

    name: str
    way: Way
    channel: Channel
    discord: DiscordStandIn
    openai: StandIn
    stored: Stored
    generations: dict[int, int] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def ask(self, *, generations: int) -> Asked:
        text = f"{MEMBER_CANARY} {self.channel.name} {len(self.asked)}."
        asked = ask_by(self.way, self.discord, self.channel, self.discord.world.member, text)
        self.asked.append(asked)
        self.generations[asked.trigger_id] = generations
        return asked

    async def ask_and_see_words(self, answer: str, *, generations: int) -> Callable[[], None]:
        """Ask, and wait for the first words; return what lets the model go on."""
        self.openai.script(Hold(after_deltas=4, answer=answer))
        arrives = len(chat_requests(self.openai)) + 1
        self.ask(generations=generations)
        request = await self.openai.arrived(arrives)
        await self.discord.wait_for(lambda: any(WRITING in message.content for message in self.shown()))
        return request.released.set

    def stop(self, matches: Callable[[str], bool], *, taken: bool, method: str = "") -> Callable[[], bool]:
        """Stop the requests that show such text in this channel; return whether one was stopped."""

        def is_one(call: Call) -> bool:
            interaction = self.discord.world.interactions.get(call.path.get("webhook_token", ""))
            channel_id = interaction.channel.channel_id if interaction else call.number("channel_id")
            content = call.body.get("content") if isinstance(call.body, dict) else None
            return channel_id == self.channel.channel_id and content is not None and matches(content)

        hold = self.discord.hold(is_one, taken=taken, method=method)
        return lambda: hold.met > 0

    def shown(self) -> list[Message]:
        return self.discord.world.shown_by_bot(self.channel)

    def is_answered(self) -> bool:
        return all(asked.is_answered(self.discord) for asked in self.asked) and not any(
            WRITING in message.content for message in self.shown()
        )

    def problems(self) -> list[str]:
        """Return what is not as if nobody had killed the program."""
        found = []
        stored = {asked.trigger_id: self.stored.turns(asked.trigger_id) for asked in self.asked}
        expected = ["user", "assistant"] if self.way is not Way.ASK else []
        for asked in self.asked:
            if [role for role, _ in stored[asked.trigger_id]] != expected:
                found.append(f"the history keeps {[role for role, _ in stored[asked.trigger_id]]}")
            if (state := self.stored.state(asked.trigger_id)) != "done":
                found.append(f"the claim is {state}")
        places = {place for asked in self.asked for place in self.stored.places(asked.trigger_id)}
        if missing := {message.message_id for message in self.shown()} - places:
            found.append(f"{len(missing)} of its messages are not written down")
        whole = [part for asked in self.asked for part in self._whole(asked, stored[asked.trigger_id])]
        if (shown := "\n".join(message.content for message in self.shown()).split()) != " ".join(whole).split():
            found.append(f"{len(shown)} words are shown instead of {len(' '.join(whole).split())}")
        if any(custom_id.startswith("stop:") for m in self.shown() for part in m.components for custom_id in ids(part)):
            found.append("Stop is left")
        ledger = self.stored.billed()
        for asked in self.asked:
            billed = sum(asked.text in said(body)[-1][1] for body in chat_requests(self.openai))
            if billed != self.generations[asked.trigger_id] or ledger.get(asked.trigger_id) != billed:
                found.append(f"{billed} calls were billed, {ledger.get(asked.trigger_id)} are in the ledger")
        return found

    def _whole(self, asked: Asked, stored: list[tuple[str, str]]) -> list[str]:
        """Return all that is to be read for a question. What is kept nowhere is what the stand-in says last."""
        answer = stored[-1][1] if stored else ANSWER
        return [quote_block(asked.text, 500), answer] if asked.way is Way.CHAT else [answer]


# The states, each as what brings it about.


async def claimed_behind_one_without_words(scene: Scene) -> None:
    """The first question waits for the model's first word, the second one for its turn."""
    scene.openai.script(Hold(after_deltas=None))
    arrives = len(chat_requests(scene.openai)) + 1
    scene.ask(generations=2)
    await scene.openai.arrived(arrives)
    second = scene.ask(generations=1)
    await scene.stored.until(second.trigger_id, "claimed")


async def generating_before_the_first_word(scene: Scene) -> None:
    scene.openai.script(Hold(after_deltas=None))
    arrives = len(chat_requests(scene.openai)) + 1
    scene.ask(generations=2)
    await scene.openai.arrived(arrives)


async def generating_with_words(scene: Scene) -> None:
    await scene.ask_and_see_words(ANSWER, generations=2)


async def first_words_taken(scene: Scene) -> None:
    """Discord has the first words, and the program does not know which message shows them."""
    taken = scene.stop(lambda content: WRITING in content, taken=True)
    await scene.ask_and_see_words(ANSWER, generations=2)
    await scene.discord.wait_for(taken)


async def second_page_growing(scene: Scene) -> None:
    def is_second_page(content: str) -> bool:
        return WRITING in content and "Paragraph 0 " not in content

    taken = scene.stop(is_second_page, taken=True, method="POST")
    scene.openai.script(Hold(after_deltas=INTO_THE_SECOND_PAGE, answer=TWO_PAGES))
    scene.ask(generations=2)
    await scene.discord.wait_for(taken)


async def ready_and_nothing_shown(scene: Scene) -> None:
    stopped = scene.stop(lambda content: WRITING in content, taken=False)
    scene.openai.script(Say(ANSWER))
    asked = scene.ask(generations=1)
    await scene.discord.wait_for(stopped)
    await scene.stored.until(asked.trigger_id, "ready")


async def _stored(scene: Scene, answer: str, is_last: Callable[[str], bool], *, taken: bool) -> None:
    go_on = await scene.ask_and_see_words(answer, generations=1)
    stopped = scene.stop(is_last, taken=taken)
    go_on()
    await scene.discord.wait_for(stopped)


def _is_final(content: str) -> bool:
    return WRITING not in content


def _ends_the_second_page(content: str) -> bool:
    return WRITING not in content and LAST_PARAGRAPH in content


async def ready_and_words_shown(scene: Scene) -> None:
    await _stored(scene, ANSWER, _is_final, taken=False)


async def delivered_not_finished(scene: Scene) -> None:
    await _stored(scene, ANSWER, _is_final, taken=True)


async def delivered_first_page_of_two(scene: Scene) -> None:
    await _stored(scene, TWO_PAGES, _is_final, taken=True)


async def ready_with_one_page_of_two(scene: Scene) -> None:
    await _stored(scene, TWO_PAGES, _ends_the_second_page, taken=False)


async def delivered_in_two_pages(scene: Scene) -> None:
    await _stored(scene, TWO_PAGES, _ends_the_second_page, taken=True)


Bring = Callable[[Scene], Awaitable[None]]
IN_A_CONVERSATION: tuple[Bring, ...] = (
    claimed_behind_one_without_words,
    second_page_growing,
    delivered_first_page_of_two,
    ready_with_one_page_of_two,
    delivered_in_two_pages,
)
ALWAYS: tuple[Bring, ...] = (
    generating_before_the_first_word,
    generating_with_words,
    first_words_taken,
    ready_and_nothing_shown,
    ready_and_words_shown,
    delivered_not_finished,
)


async def until_answered(scenes: list[Scene], discord: DiscordStandIn) -> None:
    try:
        await discord.wait_for(lambda: all(scene.is_answered() for scene in scenes), timeout=30)
    except AssertionError as error:
        error.add_note(f"not answered: {[scene.name for scene in scenes if not scene.is_answered()]}")
        raise


async def kill_in(
    states: list[tuple[Way, Bring]],
    bench: Bench,
    discord: DiscordStandIn,
    openai: StandIn,
    *,
    down_seconds: float = 0,
) -> dict[str, list[str]]:
    """Bring every state about, kill, start again; return the problems of each, and of the whole."""
    world, stored = discord.world, Stored(bench.database)
    scenes = [
        Scene(f"{way.value}: {bring.__name__}", way, world.add_channel(f"room {number}"), discord, openai, stored)
        for number, (way, bring) in enumerate(states)
    ]
    program = await started(bench, discord)
    for scene, (_, bring) in zip(scenes, states, strict=True):
        await program.until(bring(scene))
    await program.kill()
    discord.faults.lift("hang")
    openai.release()
    assert isinstance(discord.clock, StandInClock)
    discord.clock.advance(down_seconds)
    openai.script(*[Say(ANSWER)] * 2 * len(scenes))  # more than enough
    again = await started(bench, discord)
    await again.until(until_answered(scenes, discord))
    again.terminate()
    assert await again.ended() == 0
    problems = {scene.name: found for scene in scenes if (found := scene.problems())}
    left = [table for table in ("pending", "outbox") if stored.count(table)]
    if left or openai.billed != stored.count("usage_ledger"):
        problems["all"] = [*left, f"{openai.billed} were billed, {stored.count('usage_ledger')} are in the ledger"]
    return problems


@pytest.mark.parametrize("down_seconds", [0.0, NONCE_SECONDS + 60], ids=["back-at-once", "back-after-the-nonces"])
async def test_a_kill_in_any_state_of_a_turn_leaves_one_whole_answer(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, down_seconds: float
) -> None:
    states = [(way, bring) for way in (Way.MENTION, Way.CHAT) for bring in (*IN_A_CONVERSATION, *ALWAYS)]
    states += [(Way.ASK, bring) for bring in ALWAYS]
    assert await kill_in(states, bench, discord_standin, standin, down_seconds=down_seconds) == {}


async def test_a_create_that_discord_knows_is_brought_up_to_date(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    """Where the bot may not read the channel, only the nonce leads back to a message that nobody wrote down."""
    messages = "/channels/{channel_id}/messages"
    discord_standin.refuse("GET", messages, 403, 50001)
    assert await kill_in([(Way.MENTION, first_words_taken)], bench, discord_standin, standin) == {}
    first, second = discord_standin.requests("POST", messages)
    assert second.body["nonce"] == first.body["nonce"]
    assert second.answer["id"] == first.answer["id"]
    assert second.answer["content"] == first.answer["content"] != second.body["content"]
    assert [request.status for request in discord_standin.requests("GET", messages)] == [403]
