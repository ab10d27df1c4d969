"""Discord fails on the way: before it takes a call, after it took it, or with an answer that nobody can read."""

from __future__ import annotations

from functools import partial

import pytest

from bot.sandbox.standin import Say, StandIn
from tests.wire.asking import Way, ask_by
from tests.wire.discord_standin import DiscordStandIn, Fault
from tests.wire.flows import Stage
from tests.wire.judging import problems_of
from tests.wire.program import Bench
from tests.wire.stored import Stored
from tests.wire.talking import ANSWER, MEMBER_CANARY, answered, chat_requests, started

CALLS = {
    "create": (Way.MENTION, "POST", "/messages"),
    "edit": (Way.MENTION, "PATCH", "/messages/{message_id}"),
    "answer": (Way.CHAT, "PATCH", "/messages/{message_id}"),
    "acknowledge": (Way.CHAT, "POST", "/callback"),
    "typing": (Way.MENTION, "POST", "/typing"),
}


@pytest.mark.parametrize("taken", [False, True], ids=["not-taken", "taken"])
@pytest.mark.parametrize("how", ["status", "reset"])
async def test_a_call_that_fails_once_is_made_again_and_shows_once(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, how: str, taken: bool
) -> None:
    stage = Stage(bench, discord_standin, standin, Stored(bench.database))
    program = await started(bench, discord_standin)
    wrong: dict[str, list[str]] = {}
    for name, (way, method, route) in CALLS.items():
        standin.script(Say(ANSWER))
        fault = discord_standin.faults.add(
            Fault("status" if how == "status" else "reset", method, route, taken=taken, status=502)
        )
        asked = ask_by(way, discord_standin, stage.room(), discord_standin.world.member, f"{MEMBER_CANARY} {name}.")
        await program.until(stage.until(partial(stage.is_done, asked)))
        found = problems_of(asked, ANSWER, discord_standin, stage.stored)
        if found or not fault.met:
            wrong[name] = [*found, f"met {fault.met}"]
    assert wrong == {}
    assert len(chat_requests(standin)) == len(CALLS)


@pytest.mark.parametrize("taken", [False, True], ids=["not-taken", "taken"])
async def test_a_command_whose_acknowledgement_hangs_is_acknowledged_again(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, taken: bool
) -> None:
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER))
    discord_standin.faults.add(Fault("hang", "POST", "/callback", taken=taken))
    world = discord_standin.world
    interaction = discord_standin.slash(world.general, world.member, "chat", message=MEMBER_CANARY)
    await program.until(discord_standin.wait_for(answered(interaction)))
    assert interaction.original is not None
    assert interaction.original.content.endswith("colour** either.")
    assert interaction.followups == []


async def test_an_answer_that_nobody_can_read_is_taken_for_a_failure_that_passes(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    stage = Stage(bench, discord_standin, standin, Stored(bench.database))
    program = await started(bench, discord_standin)
    for way in (Way.MENTION, Way.CHAT):
        standin.script(Say(ANSWER))
        discord_standin.faults.add(Fault("status", "PATCH", "/messages/{message_id}", taken=True, status=200))
        asked = ask_by(way, discord_standin, stage.room(), discord_standin.world.member, f"{MEMBER_CANARY} {way}.")
        await program.until(stage.until(partial(stage.is_done, asked)))
        assert problems_of(asked, ANSWER, discord_standin, stage.stored) == []
