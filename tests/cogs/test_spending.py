"""Limits as members meet them: told once with the moment they reset, refused at once while they are known."""

import re
from datetime import timedelta

import pytest

from bot.sandbox.standin import Cut, Html, Say
from tests.cogs.conftest import World
from tests.cogs.test_chat import shown, until_november
from tests.cogs.test_conversation import told

RESETS = re.compile(r"<t:\d+:R>")


@pytest.mark.settings(member_requests_per_hour=2)
async def test_a_member_is_told_of_the_hourly_limit_and_others_go_on(world: World) -> None:
    for number in range(2):
        await world.asker.send(world.channel, f"{world.mention} question {number}")
    await world.asker.send(world.channel, f"{world.mention} one too many")
    notice = world.answers()[-1]
    assert "2 questions within an hour" in notice.content
    assert RESETS.search(notice.content)
    assert len(world.standin.requests) == 2
    await world.other.send(world.channel, f"{world.mention} and me?")
    assert len(world.standin.requests) == 3


@pytest.mark.settings(member_requests_per_hour=1)
async def test_a_flood_gets_one_notice_per_window(world: World) -> None:
    await world.asker.send(world.channel, f"{world.mention} hello")
    for _ in range(5):
        await world.asker.send(world.channel, f"{world.mention} hello?")
    assert len(world.answers()) == 2
    claims = await world.services.store._database.run("SELECT count(*) FROM claims")
    assert claims[0][0] == 2, "what is refused from memory is not written down"
    await world.env.advance_time(timedelta(hours=1, seconds=1).total_seconds())
    await world.asker.send(world.channel, f"{world.mention} hello again")
    assert len(world.standin.requests) == 2


@pytest.mark.settings(member_requests_per_hour=1)
async def test_a_known_limit_refuses_commands_at_once_and_privately(world: World) -> None:
    await world.asker.slash(world.channel, "chat", message="first")
    await world.asker.slash(world.channel, "chat", message="second")  # the database says until when
    refused = await world.asker.slash(world.channel, "chat", message="third")
    assert refused.ephemeral
    assert not refused.deferred
    assert RESETS.search(shown(refused))
    other = await world.other.slash(world.channel, "chat", message="mine")
    assert not other.ephemeral


@pytest.mark.settings(member_requests_per_hour=2)
async def test_notes_at_a_members_wish_count_for_the_limit(world: World) -> None:
    for text in ("one", "two"):
        await world.asker.send(world.channel, f"{world.mention} {text}")
    refused = told(await world.asker.slash(world.channel, "conversation compact"))
    assert "2 questions within an hour" in refused
    assert len(world.standin.requests) == 2
    await world.moderator.slash(world.channel, "conversation compact")
    assert len(world.standin.requests) == 3


@pytest.mark.settings(member_requests_per_hour=1)
@pytest.mark.parametrize("by_command", [False, True])
async def test_asking_again_counts_for_whoever_does_it(world: World, by_command: bool) -> None:
    await world.asker.send(world.channel, f"{world.mention} hello")

    async def again() -> str:
        if by_command:
            return shown(await world.moderator.slash(world.channel, "conversation retry"))
        await world.moderator.click(world.answers()[-1], label="Regenerate")
        return world.answers()[-1].content

    assert "within an hour" not in await again(), "the asker's limit is the asker's"
    assert "within an hour" in await again()
    assert len(world.standin.requests) == 2


@pytest.mark.settings(member_requests_per_hour=2)
async def test_trying_again_what_a_moderator_asked_anew_counts_for_who_presses(world: World) -> None:
    await world.asker.send(world.channel, f"{world.mention} hello")
    world.standin.script(Html())
    failed = await world.moderator.slash(world.channel, "conversation retry")
    assert failed.response is not None
    world.standin.script(Say("At last."))
    await world.asker.click(failed.response, label="Try again")
    assert "At last." in shown(failed)
    rows = await world.services.store._database.run("SELECT author_id FROM usage_ledger ORDER BY usage_id")
    assert [row["author_id"] for row in rows] == [world.asker.id, world.moderator.id, world.asker.id]


@pytest.mark.settings(daily_budget_usd="0")
async def test_a_spent_budget_is_known_to_everybody_and_looked_at_again_after_a_minute(world: World) -> None:
    await world.asker.send(world.channel, f"{world.mention} hello")
    await world.asker.send(world.channel, f"{world.mention} hello?")
    assert len(world.answers()) == 1
    refused = await world.other.slash(world.channel, "chat", message="mine")
    assert refused.ephemeral
    assert "spent what its owner allows" in shown(refused)
    await world.env.advance_time(61)
    asked = await world.other.slash(world.channel, "chat", message="mine")
    assert not asked.ephemeral, "the database is asked again"
    await world.asker.send(world.channel, f"{world.mention} hello??")
    assert len([m for m in world.answers() if m.reference]) == 1, "but nobody is told twice on one day"


@pytest.mark.settings(daily_budget_usd="0.02")
async def test_a_question_that_is_too_dear_does_not_stop_the_ordinary_ones(world: World) -> None:
    await world.env.advance_time(timedelta(days=326).total_seconds())  # when the models of today have their price
    dear = await world.asker.slash(world.channel, "chat", message="write a book", model="gpt-6-sol", max_tokens=32000)
    assert "too little is left" in shown(dear)
    await world.asker.slash(world.channel, "chat", message="just a word")
    assert len(world.standin.requests) == 1


@pytest.mark.settings(member_requests_per_hour=1)
@pytest.mark.parametrize("label", ["Regenerate", "Continue"])
async def test_a_known_limit_refuses_buttons_at_once(world: World, label: str) -> None:
    world.standin.script(Cut(5, "reset", Say("one two three four five six", delta_chars=5)))
    await world.asker.send(world.channel, f"{world.mention} count")
    answer = world.answers()[-1]
    await world.asker.send(world.channel, f"{world.mention} count")  # the database says until when
    refused = await world.asker.click(answer, label=label)
    assert refused.ephemeral
    assert not refused.deferred
    assert RESETS.search(shown(refused))
    assert world.answers()[0].content == answer.content


@pytest.mark.settings(allowed_models="gpt-6-luna,gpt-4o*")
async def test_a_model_that_is_not_allowed_is_refused_with_the_allowed_ones(world: World) -> None:
    refused = await world.asker.slash(world.channel, "chat", message="hello", model="gpt-6-sol")
    assert refused.ephemeral
    assert not refused.deferred
    assert "`gpt-6-luna`, `gpt-4o*`" in shown(refused)
    assert not world.standin.requests
    await world.asker.slash(world.channel, "chat", message="hello", model="gpt-4o-mini")
    assert len(world.standin.requests) == 1


@pytest.mark.settings(allowed_models="gpt-6-luna,gpt-4o*,my-own")
async def test_only_allowed_models_are_offered(world: World) -> None:
    choices = await world.asker.autocomplete(world.channel, "chat", "model", "", message="hi")
    names = {choice["value"] for choice in choices}
    assert names >= {"gpt-6-luna", "gpt-4o", "my-own"}
    assert not {name for name in names if not name.startswith(("gpt-6-luna", "gpt-4o", "my-own"))}
    listed = shown(await world.asker.slash(world.channel, "models"))
    assert "`gpt-6-luna` · **used when you choose none**" in listed
    assert "gpt-6-sol" not in listed


async def test_a_script_that_nobody_measured_is_reserved_by_its_bytes(world: World) -> None:
    await until_november(world)
    for letter in ("я", "ꀀ"):
        await world.asker.slash(world.channel, "ask", prompt=letter * 4000)
    rows = await world.services.store._database.run("SELECT reserved_micro_usd FROM usage_ledger ORDER BY usage_id")
    measured, unmeasured = (row["reserved_micro_usd"] for row in rows)
    assert unmeasured - measured >= 4000 * 3 * 0.1, "the model's price for 12,000 tokens"
