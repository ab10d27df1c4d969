"""Discord fails on the way: before it takes a call, after it took it, or with an answer that nobody can read."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from bot.sandbox.standin import Say, StandIn
from tests.wire.asking import Way, ask_by
from tests.wire.discord_standin import DiscordStandIn, Fault
from tests.wire.flows import Stage
from tests.wire.judging import problems_of
from tests.wire.program import Bench, Program
from tests.wire.stored import Stored
from tests.wire.talking import ANSWER, MEMBER_CANARY, answered, chat_requests, mention_and_see_words, shows

CALLS = {
    "create": (Way.MENTION, "POST", "/messages"),
    "edit": (Way.MENTION, "PATCH", "/messages/{message_id}"),
    "answer": (Way.CHAT, "PATCH", "/messages/{message_id}"),
    "acknowledge": (Way.CHAT, "POST", "/callback"),
    "typing": (Way.MENTION, "POST", "/typing"),
}
WAYS: dict[str, dict[str, Any]] = {
    "unavailable": {"how": "status", "status": 503},
    "reset": {"how": "reset"},
    "page": {"how": "status", "status": 200},
    "forbidden-page": {"how": "status", "status": 403},
    "broken-json": {"how": "broken"},
    "accepted-then-500": {"how": "status", "status": 500, "taken": True},
    "accepted-then-reset": {"how": "reset", "taken": True},
    "accepted-then-page": {"how": "status", "status": 200, "taken": True},
}


@pytest.mark.parametrize("goes_wrong", WAYS)
async def test_a_call_that_fails_once_is_made_again_and_shows_once(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, program: Program, goes_wrong: str
) -> None:
    stage = Stage(bench, discord_standin, standin, Stored(bench.database))
    wrong: dict[str, list[str]] = {}
    for name, (way, method, route) in CALLS.items():
        standin.script(Say(ANSWER))
        fault = discord_standin.faults.add(Fault(method=method, route=route, **WAYS[goes_wrong]))
        asked = ask_by(way, discord_standin, stage.room(), discord_standin.world.member, f"{MEMBER_CANARY} {name}.")
        await program.until(stage.until(partial(stage.is_done, asked)))
        found = problems_of(asked, ANSWER, discord_standin, stage.stored)
        if found or fault.met != 1:
            wrong[name] = [*found, f"met {fault.met}"]
    assert wrong == {}
    assert len(chat_requests(standin)) == len(CALLS)
    refused = [request for request in discord_standin.requests("POST", "/callback") if request.status >= 400]
    # An acknowledgement that Discord has already is refused, and counts.
    assert [request.answer["code"] for request in refused] == [40060] * ("taken" in WAYS[goes_wrong])


async def test_an_edit_that_fails_in_three_ways_in_a_row_is_made_again(
    discord_standin: DiscordStandIn, standin: StandIn, program: Program
) -> None:
    question, _ = await mention_and_see_words(program, discord_standin, standin)
    _, method, route = CALLS["edit"]
    faults = [
        discord_standin.faults.add(Fault(method=method, route=route, **WAYS[way]))
        for way in ("reset", "page", "unavailable")
    ]
    standin.release()
    await program.until(discord_standin.wait_for(shows(discord_standin, question, ANSWER), timeout=30))
    assert [fault.met for fault in faults] == [1, 1, 1]


@pytest.mark.parametrize("taken", [False, True], ids=["not-taken", "taken"])
async def test_a_command_whose_acknowledgement_hangs_is_acknowledged_again(
    discord_standin: DiscordStandIn, standin: StandIn, program: Program, taken: bool
) -> None:
    standin.script(Say(ANSWER))
    discord_standin.faults.add(Fault("hang", "POST", "/callback", taken=taken))
    world = discord_standin.world
    interaction = discord_standin.slash(world.general, world.member, "chat", message=MEMBER_CANARY)
    await program.until(discord_standin.wait_for(answered(interaction)))
    assert interaction.original is not None
    assert interaction.original.content.endswith("colour** either.")
    assert interaction.followups == []
