"""Every event one to five times, in any order, over every way to lose and regain the gateway: answered once."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import pytest

from bot.sandbox.standin import StandIn
from tests.wire.asking import Asked, Way, ask_by
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.program import Bench
from tests.wire.stored import Stored
from tests.wire.talking import MEMBER_CANARY, WRITING, chat_requests, said, started

ROOMS = 6
QUESTIONS_PER_ROOM = 3  # few enough that nobody is told to wait
MOST_DELIVERIES = 5
MOST_REPLAYED = 40  # events that a RESUME repeats although the program has seen them

PAUSED = 0.2  # of the questions are answered before the next event comes

CLOSE, OP_7, OP_9_RESUMABLE, OP_9_FINAL = "close 4000", "op 7", "op 9 d:true", "op 9 d:false"


def deliveries(rng: random.Random) -> list[int]:
    """Return the numbers of the questions in the order of their deliveries."""
    times = [rng.randint(1, MOST_DELIVERIES) for _ in range(ROOMS * QUESTIONS_PER_ROOM)]
    order = [number for number, count in enumerate(times) for _ in range(count)]
    rng.shuffle(order)
    return order


async def disrupt(how: str, rng: random.Random, discord: DiscordStandIn) -> Callable[[], bool]:
    """Take the gateway away; return whether it is back."""
    gateway, resumes, sessions = discord.gateway, len(discord.resumes), len(discord.gateway.sessions)
    gateway.replays_again = rng.randint(0, MOST_REPLAYED)
    if how == CLOSE:
        gateway.close(4000)
    elif how == OP_7:
        gateway.ask_to_reconnect()
    else:
        gateway.invalidate(resumable=how == OP_9_RESUMABLE)
    if how == OP_9_FINAL:
        # What comes before the next READY is lost for good, in this Discord as in the real one.
        await discord.wait_for(lambda: len(gateway.sessions) > sessions)
    return lambda: len(discord.resumes) > resumes or len(gateway.sessions) > sessions


async def deliver_all(rng: random.Random, discord: DiscordStandIn) -> list[Asked]:
    """Deliver every question as often as the order says, with a disruption of every kind on the way."""
    world = discord.world
    rooms = [*(world.add_channel(f"room {number}") for number in range(ROOMS - 1)), world.dm_with(world.member)]
    members = [world.member, world.other_member, world.owner]
    order = deliveries(rng)
    kinds = [CLOSE, OP_7, OP_9_RESUMABLE, OP_9_FINAL, CLOSE, OP_7]
    disruptions = dict(zip(rng.sample(range(1, len(order)), len(kinds)), rng.sample(kinds, len(kinds)), strict=True))
    asked: dict[int, Asked] = {}
    is_back: Callable[[], bool] = lambda: True  # noqa: E731
    for step, number in enumerate(order):
        if how := disruptions.get(step):
            await discord.wait_for(is_back)
            is_back = await disrupt(how, rng, discord)
        if number in asked:
            asked[number].again(discord)
            continue
        room = rooms[number % ROOMS]
        member = world.member if room.is_dm else rng.choice(members)
        way = rng.choice([Way.MENTION, Way.MENTION, Way.CHAT, Way.ASK])
        asked[number] = ask_by(way, discord, room, member, f"{MEMBER_CANARY} number {number}.")
        if rng.random() < PAUSED:
            await discord.wait_for(partial(asked[number].is_answered, discord))
    return [asked[number] for number in sorted(asked)]


def problems(asked: Asked, discord: DiscordStandIn, openai: StandIn, stored: Stored) -> list[str]:
    """Return in what a question was not answered exactly once."""
    found = []
    shown = asked.first_pages(discord)
    if len(shown) != 1:
        found.append(f"{len(shown)} answers")
    if any(WRITING in message.content or asked.text not in message.content for message in shown):
        found.append("the answer is unfinished, or another one's")
    if (generated := sum(asked.text in said(body)[-1][1] for body in chat_requests(openai))) != 1:
        found.append(f"{generated} generations")
    turns = stored.turns(asked.trigger_id)
    if [role for role, _ in turns] != ([] if asked.way is Way.ASK else ["user", "assistant"]):
        found.append(f"the history keeps {[role for role, _ in turns]}")
    elif turns and [turns[0][1], *turns[1][1].split()] != [asked.text, *_last(shown[0].content, turns[1][1])]:
        found.append("the history keeps other words than were said")
    if (state := stored.state(asked.trigger_id)) != "done":
        found.append(f"the claim is {state}")
    return found


def _last(content: str, answer: str) -> list[str]:
    """Return as many of the last words shown as the answer has: a command's answer stands below the question."""
    return content.split()[-len(answer.split()) :]


@pytest.mark.parametrize("seed", [1, 2])
async def test_each_event_is_answered_once_however_often_and_whenever_it_comes(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, seed: int
) -> None:
    program = await started(bench, discord_standin)
    questions = await program.until(deliver_all(random.Random(seed), discord_standin))
    for asked in questions:
        await program.until(discord_standin.wait_for(partial(asked.is_answered, discord_standin)))
    for asked in questions:  # and once more, when everything is over
        asked.again(discord_standin)
    last = ask_by(Way.MENTION, discord_standin, discord_standin.world.general, discord_standin.world.owner, "The last.")
    await program.until(discord_standin.wait_for(lambda: last.is_answered(discord_standin)))
    program.terminate()
    assert await program.ended() == 0

    stored, questions = Stored(bench.database), [*questions, last]
    assert {
        asked.text: found for asked in questions if (found := problems(asked, discord_standin, standin, stored))
    } == {}
    of_the_bot = [m for m in discord_standin.world.messages.values() if m.author == discord_standin.world.bot]
    assert len([message for message in of_the_bot if not message.deleted]) == len(questions)
    assert standin.billed == stored.count("usage_ledger") == len(questions)
    assert stored.count("turns") == 2 * sum(asked.way is not Way.ASK for asked in questions)
    assert [stored.count(table) for table in ("pending", "outbox")] == [0, 0]
    assert len(discord_standin.requests("PUT", "/commands")) == 1
    assert len(discord_standin.gateway.identifies) == 2
    assert len(discord_standin.resumes) == 5


async def test_a_refused_command_that_comes_again_stays_refused_once(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin, MEMBER_REQUESTS_PER_HOUR="1")
    for number in range(2):  # the second one makes the limit known
        asked = ask_by(Way.CHAT, discord_standin, world.general, world.member, f"{MEMBER_CANARY} number {number}.")
        await program.until(discord_standin.wait_for(partial(asked.is_answered, discord_standin)))
    refused = discord_standin.slash(world.general, world.member, "chat", message=f"{MEMBER_CANARY} number 2.")
    await program.until(discord_standin.wait_for(lambda: refused.original))
    for _ in range(3):
        discord_standin.gateway.interaction(refused)
    last = ask_by(Way.MENTION, discord_standin, world.general, world.owner, "The last.")
    await program.until(discord_standin.wait_for(partial(last.is_answered, discord_standin)))
    program.terminate()
    assert await program.ended() == 0
    assert refused.original is not None
    assert refused.original.ephemeral
    assert len(refused.original.versions) == 1
    assert refused.followups == []
    assert len(chat_requests(standin)) == 2
    assert "ERROR" not in program.log
