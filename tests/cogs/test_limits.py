"""Refusals: the day's budget, a full disk, a full queue. Nothing is asked of the model, and the member is told."""

import pytest

from bot.sandbox.standin import Say
from tests.cogs.conftest import World


@pytest.mark.settings(daily_budget_usd="0")
async def test_a_spent_budget_is_told_with_the_time_it_resets(world: World) -> None:
    await world.asker.send(world.channel, f"{world.mention} hello")
    (notice,) = world.answers()
    assert "spent what its owner allows" in notice.content
    assert "<t:" in notice.content
    assert not world.standin.requests


async def test_a_database_that_cannot_record_costs_nothing(world: World) -> None:
    database = world.services.store._database
    await database.run("PRAGMA query_only = ON")
    await world.asker.send(world.channel, f"{world.mention} hello")
    (notice,) = world.answers()
    assert "can't save anything" in notice.content
    assert not world.standin.requests
    await database.run("PRAGMA query_only = OFF")
    world.standin.script(Say("Back again."))
    await world.asker.send(world.channel, f"{world.mention} hello?")
    assert world.answers()[-1].content == "Back again."
