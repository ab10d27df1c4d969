"""Refusals: the day's budget, a full disk, a full queue. Nothing is asked of the model, and the member is told."""

from typing import Any

import pytest

from bot.sandbox.standin import Refuse, Say
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


async def test_an_answer_that_cannot_be_kept_is_shown_and_said_to_be_lost(world: World) -> None:
    database = world.services.store._database
    world.standin.script(Say("A tree."))
    complete = world.services.store.complete

    async def full(*arguments: Any, **options: Any) -> Any:
        await database.run("PRAGMA query_only = ON")
        return await complete(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.services.store, "complete", full)
        await world.asker.send(world.channel, f"{world.mention} what is a heap?")
    await database.run("PRAGMA query_only = OFF")
    (answer,) = world.answers()
    assert answer.content.startswith("A tree.")
    assert "could not save" in answer.content
    assert not answer.components


async def test_a_name_that_is_no_model_is_refused_before_anything_is_kept_of_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="bot")
    result = await world.asker.slash(world.channel, "ask", prompt="hi", model="words of a member")
    assert result.response is not None
    assert "no model named" in result.response.content
    assert not world.standin.requests
    rows = await world.services.store._database.run("SELECT model FROM usage_ledger")
    assert "words of a member" not in str([tuple(row) for row in rows])
    assert not [r for r in caplog.records if "words of a member" in str(vars(r))]


async def ledger(world: World) -> list[tuple[int, int]]:
    rows = await world.services.store._database.run("SELECT reserved_micro_usd, settled_micro_usd FROM usage_ledger")
    return [(row[0], row[1]) for row in rows]


async def test_a_model_that_nobody_knows_is_not_written_down(world: World) -> None:
    world.standin.script(Say("Here."))
    await world.asker.slash(world.channel, "ask", prompt="hi", model="words-of-a-member")
    rows = await world.services.store._database.run("SELECT model FROM usage_ledger")
    assert [row["model"] for row in rows] == ["other"]


async def test_a_server_that_is_down_costs_nothing(world: World) -> None:
    world.standin.script(*[Refuse(503)] * 3)
    await world.asker.send(world.channel, f"{world.mention} hello")
    ((_, settled),) = await ledger(world)
    assert settled == 0


async def test_a_key_that_may_not_use_one_model_goes_on_answering_with_the_others(world: World) -> None:
    world.standin.script(Refuse(401, "key_model_access_denied", "key_model_access_denied"), Say("Still here."))
    await world.other.slash(world.channel, "ask", prompt="hi", model="gpt-6.2-sol")
    await world.asker.send(world.channel, f"{world.mention} hello")
    assert world.answers()[-1].content == "Still here."
