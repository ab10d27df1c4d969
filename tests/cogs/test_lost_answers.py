"""Requests whose answers were lost on the way may have been billed: each is reserved, and counts, by itself."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from bot.core.conversation import Reply
from bot.core.ports.screen import Draft
from bot.sandbox.standin import Cut, Hold, Refuse, Say, StandIn
from bot.services import open_services
from tests.clock import FakeClock
from tests.cogs.conftest import World, settings_for
from tests.cogs.test_chat import shown
from tests.core.questions import a_question

CALL = 50_000  # what a call is counted at as long as its price is not known: UNPRICED_CALL_USD
LOST = Cut(None, "reset")

# Whatever is written into the ledger: what it comes to after every write.
WATCH = [
    "CREATE TABLE seen (micro_usd INTEGER)",
    *(
        f"""CREATE TRIGGER watch_{event} AFTER {event} ON usage_ledger BEGIN
            INSERT INTO seen SELECT sum(coalesce(settled_micro_usd, reserved_micro_usd)) FROM usage_ledger;
        END"""
        for event in ("INSERT", "UPDATE")
    ),
]


async def ledger(world: World) -> list[int]:
    """What each request counts at; nothing is left open."""
    rows = await world.services.store._database.run("SELECT settled_micro_usd FROM usage_ledger ORDER BY usage_id")
    return [row[0] for row in rows]


async def test_every_lost_answer_is_paid_for(world: World) -> None:
    world.standin.script(*[LOST] * 3)
    await world.asker.send(world.channel, f"{world.mention} hello")
    assert "cannot be reached" in world.answers()[-1].content
    assert world.standin.billed == 3
    assert await ledger(world) == [CALL] * 3


async def test_an_answer_after_a_lost_one_is_paid_for_with_it(world: World) -> None:
    await world.env.advance_time(326 * 86_400)  # when the model has its price
    world.standin.script(LOST, Say("Here."))
    await world.asker.send(world.channel, f"{world.mention} hello")
    assert world.answers()[-1].content == "Here."
    lost, answered = await ledger(world)
    assert lost > answered > 0, "what was lost is counted in full, the rest as it was used"


async def test_a_refusal_after_a_lost_answer_costs_nothing_more(world: World) -> None:
    world.standin.script(LOST, Refuse(503), Refuse(503))
    await world.asker.send(world.channel, f"{world.mention} hello")
    assert await ledger(world) == [CALL, 0]
    assert world.standin.billed == 1


async def test_a_refusal_that_is_repeated_needs_no_second_reservation(world: World) -> None:
    world.standin.script(Refuse(503), Say("Here."))
    await world.asker.send(world.channel, f"{world.mention} hello")
    assert len(await ledger(world)) == world.standin.billed == 1


async def test_an_answer_that_was_lost_when_the_server_was_given_up_is_paid_for(world: World) -> None:
    world.standin.script(*[LOST] * 6)
    for _ in range(2):
        await world.asker.send(world.channel, f"{world.mention} hello")
    assert world.standin.billed == 5, "the fifth failure opens the breaker"
    assert await ledger(world) == [CALL] * 5


@pytest.mark.settings(daily_budget_usd="0.10")
async def test_nothing_is_asked_again_without_budget(world: World) -> None:
    world.standin.script(*[LOST] * 3)
    await world.asker.send(world.channel, f"{world.mention} hello")
    assert "spent what its owner allows" in world.answers()[-1].content
    assert world.standin.billed == 2
    assert await ledger(world) == [CALL] * 2


class Unseen:
    """A screen that nobody looks at."""

    def show(self, draft: Draft) -> None:
        pass

    async def deliver(self, reply: Reply) -> None:
        pass

    def abandon(self) -> None:
        pass


@pytest.mark.parametrize("calls", [1, 4, 9])
async def test_questions_side_by_side_cannot_pass_the_cap_by_asking_again(
    standin: StandIn, tmp_path: Path, calls: int
) -> None:
    budget = str(Decimal(calls * CALL + CALL // 2) / 1_000_000)
    for _ in range(8):
        standin.script(LOST, LOST, Say("Here."))
    async with open_services(settings_for(tmp_path, standin, daily_budget_usd=budget), clock=FakeClock()) as services:
        database = services.store._database
        for statement in WATCH:
            await database.run(statement)
        questions = [a_question(trigger_id=n, author_id=n, conversation=None) for n in range(1, 9)]
        await asyncio.gather(*(services.turns.ask(question, Unseen()) for question in questions))
        [row] = await database.run("SELECT max(micro_usd) AS most FROM seen")
        spent = await database.run("SELECT settled_micro_usd FROM usage_ledger")
    assert row["most"] <= calls * CALL
    assert [row["settled_micro_usd"] for row in spent] == [CALL] * calls
    assert standin.billed == calls


@pytest.mark.parametrize("again", [[LOST] * 3, [LOST, Say('{"a": 1}')]], ids=["lost", "found"])
async def test_lost_corrections_are_paid_for(world: World, again: list[Cut | Say]) -> None:
    world.standin.script(Say("not JSON"), *again)
    result = await world.asker.slash(world.channel, "ask", prompt="numbers", json=True)
    assert ("not JSON" in shown(result)) == (len(again) == 3)
    assert world.standin.billed == 1 + len(again)
    assert await ledger(world) == [CALL] * world.standin.billed


async def test_an_answer_that_was_paid_for_is_shown_when_its_correction_cannot_be_recorded(world: World) -> None:
    database = world.services.store._database
    world.standin.script(Hold(after_deltas=0, answer="not JSON"))
    asked = asyncio.create_task(world.asker.slash(world.channel, "ask", prompt="numbers", json=True))
    request = await world.standin.arrived(1)
    await database.run("PRAGMA query_only = ON")
    request.released.set()
    result = await asked
    await database.run("PRAGMA query_only = OFF")
    assert "not JSON" in shown(result)
    assert "could not save" in shown(result)


@pytest.mark.parametrize("again", [[LOST] * 3, [LOST, Say("Notes.")]], ids=["lost", "found"])
async def test_lost_notes_are_paid_for(world: World, again: list[Cut | Say]) -> None:
    for _ in range(2):
        await world.asker.send(world.channel, f"{world.mention} hello")
    world.standin.script(*again)
    await world.asker.slash(world.channel, "conversation compact")
    assert world.standin.billed == 2 + len(again)
    assert await ledger(world) == [CALL] * world.standin.billed
