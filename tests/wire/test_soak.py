"""A short random run, and every seed that once found a mistake. ``make soak`` runs for long."""

from __future__ import annotations

import pytest

from bot.sandbox.standin import StandIn
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.program import Bench
from tests.wire.soak import Plan, run

SECONDS = 12.0
# Seeds that found something, and what. Time plays its part: the mistake itself has a test of its own elsewhere.
SEEDS = {
    1: "a message that a restart found in the channel was not written down",
    31: "what could not be claimed while the disk was full was told, and answered after a restart",
}


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_random_run_loses_doubles_pings_and_leaks_nothing(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, seed: int
) -> None:
    plan = Plan(seed, SECONDS, turns_per_second=4.0, fault_every_seconds=2.0)
    verdict = await run(plan, bench, discord_standin, standin)
    print(verdict)
    assert verdict.turns
    assert verdict.faults
    assert verdict.problems == []
