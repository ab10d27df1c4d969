"""SIGKILL and SIGTERM at every named point of every flow: answered once, paid for once, nothing left half done.

``PARLEY_WHOLE_MATRIX=1`` (``make soak``) tries both signals at every place of every flow.
"""

from __future__ import annotations

import os
import signal

import pytest

from bot.sandbox.standin import StandIn
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.failpoints import KILL, TERMINATE
from tests.wire.flows import FLOWS, Flow, Stage
from tests.wire.program import Bench, Program
from tests.wire.stored import Stored
from tests.wire.talking import started

WHOLE = os.environ.get("PARLEY_WHOLE_MATRIX") == "1"
# A failed question is kept for Try again.
UNFINISHED = "SELECT trigger_id FROM pending JOIN claims USING (trigger_id) WHERE state != 'failed'"
CODES = {KILL: -signal.SIGKILL, TERMINATE: 0}


# Every point, with both signals and in every flow.
QUICK: dict[str, tuple[tuple[str, str], ...]] = {
    "mention": (
        ("claim.after", KILL),
        ("first-word.before", KILL),
        ("place.before", KILL),
        ("create.before", TERMINATE),
    ),
    "chat": (("history.after", TERMINATE), ("reserve.after", KILL), ("store.before", KILL), ("finish.before", KILL)),
    "ask": (("acknowledge.after", KILL), ("ask.before", KILL), ("edit.after", KILL)),
    "pages": (("create.after", KILL), ("create.before", TERMINATE)),
    "notice": (("notice.after", KILL), ("deliver.before", TERMINATE)),
    "image": (("reserve.after", KILL), ("paint.after", KILL), ("store-task.after", KILL)),
    "vary": (("fetch.after", KILL), ("paint.before", TERMINATE)),
    "transcribe": (("fetch.before", TERMINATE), ("listen.after", KILL), ("store-task.before", KILL)),
    "voice": (("listen.before", TERMINATE), ("hear.before", KILL), ("hear.after", KILL), ("store.before", KILL)),
    "audio": (("claim.after", KILL), ("speak.before", TERMINATE), ("deliver.after", KILL)),
    "compact": (("reserve-fold.after", KILL), ("settle-fold.before", TERMINATE), ("fold.before", KILL)),
}


def cases_of(flow: Flow) -> list[tuple[str, str]]:
    """Return place and signal of each case."""
    if WHOLE:
        return [(place, action) for place in flow.places for action in (KILL, TERMINATE)]
    return list(QUICK[flow.name])


async def ended_at(stage: Stage, flow: Flow, place: str, action: str, program: Program) -> tuple[Program, list[str]]:
    """End the program at a place and start it again; return the new one, and what is wrong then."""
    room = stage.room()
    if flow.prepare:
        await flow.prepare(stage, program, room)
    stage.bench.arm(place, action)
    case = flow.begin(stage, room, place)
    code = await program.ended()
    found = [] if code == CODES[action] else [f"it ended with {code}"]
    if stage.bench.is_armed:
        found.append("the place was not reached")
    again = await started(stage.bench, stage.discord)
    await again.until(stage.until(case.settled))
    return again, found + case.problems()


def test_the_quick_part_has_every_point() -> None:
    tried = {place.partition(".")[0] for flow in FLOWS for place, _ in QUICK[flow.name]}
    assert tried == {point for flow in FLOWS for point in flow.points}


@pytest.mark.parametrize("flow", FLOWS, ids=[flow.name for flow in FLOWS])
async def test_an_end_at_any_point_leaves_one_whole_answer(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, flow: Flow
) -> None:
    bench.failpoints = True
    bench.settings |= {
        "MEMBER_REQUESTS_PER_HOUR": "100000",
        "DAILY_BUDGET_USD": "1000",
        "ATTACHMENT_HOSTS": "127.0.0.1",
    }
    stage = Stage(bench, discord_standin, standin, Stored(bench.database))
    program = await started(bench, discord_standin)
    problems: dict[str, list[str]] = {}
    for place, action in cases_of(flow):
        program, found = await ended_at(stage, flow, place, action, program)
        if found:
            problems[f"{place} {action}"] = found
    program.terminate()
    assert await program.ended() == 0
    assert problems == {}
    assert stage.stored.count("outbox") == 0
    assert stage.stored.rows(UNFINISHED) == []
    assert standin.billed <= stage.stored.count("usage_ledger")
