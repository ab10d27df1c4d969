"""A long conversation: its oldest half becomes notes, nobody waits for them, nothing is lost in silence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks.conversation import NoScreen
from bot.core.caps import SpendingCaps
from bot.core.conversation import ConversationKey, History
from bot.core.errors.limits import BudgetExhausted
from bot.core.errors.provider import ContentRefused, InvalidReply
from bot.core.folding import FAILURES_REMEMBERED, INSTRUCTION, FoldOutcome, FoldResult
from bot.core.parts import Parts
from bot.core.ports.money import Payer
from bot.core.turns import TurnService
from bot.pause import PAUSE_NAME
from bot.sandbox.standin import Cut, Hold, Refuse, Say, StandIn
from bot.services import Services, open_services
from tests.cogs.conftest import World, settings_for
from tests.core.questions import a_question

FACT = "The boat is called Heron."
FILLER = "word " * 150
FOLD_ABOVE_TOKENS = 2_150
LOGGER = "bot.core.folding"


def policy(**changes: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("policy_changes", [changes], indirect=True, ids=[""])


@pytest.fixture
def policy_changes(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What differs from the usual policy, given by ``@policy(...)``."""
    return dict(getattr(request, "param", {}))


@pytest.fixture
async def services(
    standin: StandIn, tmp_path: Path, setting_changes: dict[str, Any], policy_changes: dict[str, Any]
) -> AsyncIterator[Services]:
    """The bot's services with a threshold that a short conversation reaches."""

    def turn_service(parts: Parts) -> TurnService:
        changed = replace(parts.policy, **{"fold_above_tokens": FOLD_ABOVE_TOKENS, **policy_changes})
        return TurnService(replace(parts, policy=changed))

    settings = settings_for(tmp_path, standin, **setting_changes)
    async with open_services(settings, turn_service=turn_service) as opened:
        yield opened


def key(world: World) -> ConversationKey:
    return ConversationKey(world.channel.id, world.guild.id)


async def stored(world: World) -> History:
    return await world.services.store.history(key(world))


async def say(world: World, text: str, answer: str = FILLER) -> None:
    world.standin.script(Say(answer))
    await world.asker.send(world.channel, f"{world.mention} {text}")


async def talk(world: World, turns: int) -> None:
    for number in range(turns):
        await say(world, f"{FACT} {FILLER}" if number == 0 else f"Question {number}? {FILLER}")


async def almost_too_long(world: World) -> None:
    """Talk until the next answer makes the conversation too long."""
    await talk(world, 5)
    assert not notes_asked_for(world)


def notes_asked_for(world: World) -> list[list[dict[str, Any]]]:
    return [messages for messages in world.sent_to_model() if messages[-1]["content"].startswith(INSTRUCTION)]


def chats(world: World) -> list[list[dict[str, Any]]]:
    return [messages for messages in world.sent_to_model() if not messages[-1]["content"].startswith(INSTRUCTION)]


async def test_the_oldest_half_becomes_notes_that_later_prompts_carry(world: World) -> None:
    await talk(world, 10)
    history = await stored(world)
    assert notes_asked_for(world)
    assert history.summary is not None
    assert FACT in history.summary
    assert 2 <= len(history.turns) < 20
    last = chats(world)[-1]
    assert [message["role"] for message in last].count("system") == 1
    assert f"> - Asker: {FACT}" in last[0]["content"]
    assert all(FACT in str(messages) for messages in world.sent_to_model()), "it is in every request"
    assert len(world.answers()) == 10


async def test_while_the_bot_is_paused_no_fold_begins(world: World, tmp_path: Path) -> None:
    await almost_too_long(world)
    world.standin.script(Hold(0, FILLER))
    async with asyncio.timeout(15):
        sending = asyncio.create_task(world.asker.send(world.channel, f"{world.mention} six {FILLER}"))
        await world.standin.arrived(len(world.standin.requests) + 1)
        (tmp_path / PAUSE_NAME).touch()
        world.standin.release()
        await sending
    assert len(world.answers()) == 6, "what was being answered is answered"
    assert not notes_asked_for(world)
    (tmp_path / PAUSE_NAME).unlink()
    await say(world, "and now?")
    assert notes_asked_for(world)


async def test_the_prefix_changes_with_a_fold_and_never_else(world: World) -> None:
    await talk(world, 12)
    folds = len(notes_asked_for(world))
    changed = [before for before, after in pairwise(chats(world)) if after[: len(before)] != before]
    assert folds == len(changed) >= 2


async def test_the_request_for_notes_is_served_by_the_cache(world: World) -> None:
    await talk(world, 12)
    for request in world.standin.requests:
        if request.usage and request.body["messages"][-1]["content"].startswith(INSTRUCTION):
            uncached = request.usage["prompt_tokens"] - request.usage["prompt_tokens_details"]["cached_tokens"]
            assert uncached < 450, "the instruction, what two steps of the cache round off, and little else"


async def test_notes_cost_and_are_settled(world: World, services: Services) -> None:
    await talk(world, 8)
    rows = await services.store._database.run("SELECT * FROM usage_ledger WHERE capability = 'summary'")
    assert rows
    assert all(row["settled_micro_usd"] is not None and row["usage"] for row in rows)
    assert {row["author_id"] for row in rows} == {world.asker.id}


@pytest.mark.parametrize(
    "unusable",
    [
        pytest.param(Say(""), id="empty"),
        pytest.param(Say("long " * 2_000), id="too long"),
        pytest.param(Say("cut", finish_reason="length"), id="cut"),
        pytest.param(Say(refusal="No."), id="refused"),
        pytest.param(Refuse(400, code="content_policy_violation"), id="blocked"),
        pytest.param(Cut(2, "close", "half of the notes"), id="broken"),
    ],
)
async def test_unusable_notes_are_not_stored_and_after_two_the_turns_are_left_out(
    world: World, unusable: Say | Refuse | Cut, caplog: pytest.LogCaptureFixture
) -> None:
    await almost_too_long(world)
    whole = len((await stored(world)).turns)
    world.standin.script(Say(FILLER), unusable)
    await world.asker.send(world.channel, f"{world.mention} six {FILLER}")
    history = await stored(world)
    assert (history.summary, len(history.turns)) == (None, whole + 2), "the first time nothing is given up"
    with caplog.at_level(logging.WARNING, LOGGER):
        world.standin.script(Say(FILLER), unusable)
        await world.asker.send(world.channel, f"{world.mention} seven {FILLER}")
    history = await stored(world)
    assert history.summary is None
    assert 2 <= len(history.turns) < whole
    assert "left old turns out without notes" in caplog.text
    assert "word" not in caplog.text
    assert len(world.answers()) == 7


async def test_a_server_that_is_down_for_a_while_costs_no_memory(world: World) -> None:
    await almost_too_long(world)
    down = Refuse(503, code="server_is_overloaded", headers={"x-should-retry": "false"})
    for number in range(3):
        world.standin.script(Say(FILLER), down)
        await world.asker.send(world.channel, f"{world.mention} {number} {FILLER}")
    assert len((await stored(world)).turns) == 16
    await say(world, "and now?")
    history = await stored(world)
    assert history.summary is not None
    assert FACT in history.summary


@policy(fold_above_tokens=10**9, prompt_tokens=2_400)
async def test_what_does_not_fit_any_more_becomes_notes_too(world: World) -> None:
    await talk(world, 9)
    history = await stored(world)
    assert history.summary is not None
    assert FACT in history.summary
    assert len(history.turns) < 18


@policy(caps=SpendingCaps(0), unpriced_call_micro_usd=0)
@pytest.mark.settings(chat_model="standin-classic")
async def test_a_call_that_costs_nothing_needs_no_budget(world: World) -> None:
    await talk(world, 8)
    assert (await stored(world)).summary is not None


async def test_without_budget_nothing_is_forgotten_that_still_fits(
    world: World, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    await almost_too_long(world)
    folding = services.turns._folding
    folding._parts = replace(folding._parts, policy=replace(folding._parts.policy, caps=SpendingCaps(1)))
    with caplog.at_level(logging.WARNING, LOGGER):
        await say(world, f"six {FILLER}")
        await say(world, f"seven {FILLER}")
    history = await stored(world)
    assert (history.summary, len(history.turns)) == (None, 14)
    assert caplog.text.count("could not fold") == 2
    assert not notes_asked_for(world)


@policy(fold_above_tokens=10**9, prompt_tokens=2_400)
async def test_without_budget_what_does_not_fit_is_left_out_in_one_block(world: World, services: Services) -> None:
    folding = services.turns._folding
    folding._parts = replace(folding._parts, policy=replace(folding._parts.policy, caps=SpendingCaps(1)))
    await talk(world, 9)
    history = await stored(world)
    assert history.summary is None
    assert len(history.turns) < 18
    changed = [before for before, after in pairwise(chats(world)) if after[: len(before)] != before]
    assert len(changed) <= 2, "the prefix stays between two cuts"


async def test_a_question_that_comes_meanwhile_does_not_wait_for_notes(world: World) -> None:
    await almost_too_long(world)
    world.standin.script(Say(FILLER), Hold(0), Say("not late"))
    async with asyncio.timeout(15):
        sending = asyncio.create_task(world.asker.send(world.channel, f"{world.mention} six {FILLER}"))
        await world.standin.arrived(len(world.standin.requests) + 2)
        before = await stored(world)
        question = a_question("And me?", trigger_id=5, author_id=world.other.id, conversation=key(world))
        await world.services.turns.ask(question, NoScreen())
        meanwhile = await stored(world)
        assert [turn.text for turn in meanwhile.turns[-2:]] == ["And me?", "not late"]
        assert (meanwhile.summary, len(meanwhile.turns)) == (None, len(before.turns) + 2)
        world.standin.release()
        await sending
    after = await stored(world)
    assert after.summary is not None
    assert after.turns == meanwhile.turns[-4:], "what was said meanwhile stays word for word"


async def test_a_reset_meanwhile_keeps_the_notes_away(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await almost_too_long(world)
    world.standin.script(Say(FILLER), Hold(0, "notes of what was reset"))
    async with asyncio.timeout(15):
        sending = asyncio.create_task(world.asker.send(world.channel, f"{world.mention} six {FILLER}"))
        await world.standin.arrived(len(world.standin.requests) + 2)
        await world.services.store.reset(key(world))
        world.standin.release()
        await sending
    history = await stored(world)
    assert (history.summary, history.turns) == (None, ())


async def test_closing_leaves_no_fold_behind(world: World) -> None:
    await almost_too_long(world)
    world.standin.script(Say(FILLER), Hold(0))
    async with asyncio.timeout(15):
        sending = asyncio.create_task(world.asker.send(world.channel, f"{world.mention} six {FILLER}"))
        await world.standin.arrived(len(world.standin.requests) + 2)
        await world.services.turns.close(grace_seconds=0)
        await sending
    assert (await stored(world)).summary is None


# On request


def payer(world: World, trigger_id: int = 77) -> Payer:
    return Payer(trigger_id, world.asker.id, world.channel.id, world.guild.id)


async def test_compact_folds_all_but_the_newest_pair_with_a_focus(world: World) -> None:
    await talk(world, 3)
    turns = world.services.turns
    assert await turns.compact(key(world), payer(world), focus="the boat\nignore the rest") == FoldResult(
        FoldOutcome.FOLDED, 2
    )
    assert notes_asked_for(world)[-1][-1]["content"].endswith("\n> the boat ignore the rest")
    history = await stored(world)
    assert history.summary is not None
    assert len(history.turns) == 2
    assert await turns.compact(key(world), payer(world, 78)) == FoldResult(FoldOutcome.NOTHING)
    await say(world, "go on")
    assert FACT in chats(world)[-1][0]["content"]


@policy(fold_above_tokens=10**9)
@pytest.mark.parametrize("parts", [2, 4])
async def test_more_than_a_prompt_holds_becomes_notes_part_by_part(
    world: World, services: Services, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talk(world, 6)
    monkeypatch.setattr("bot.core.folding.PARTS", parts)
    folding = services.turns._folding
    folding._parts = replace(folding._parts, policy=replace(folding._parts.policy, prompt_tokens=1_000))
    result = await services.turns.compact(key(world), payer(world))
    assert result.outcome is FoldOutcome.FOLDED
    history = await stored(world)
    assert len(history.turns) == 2
    assert history.summary is not None
    assert len(notes_asked_for(world)) == min(parts, 3)
    assert "Question 4" in history.summary
    assert (result.turns == 5, FACT in history.summary) == (parts == 4, parts == 4), "beyond four parts it is left out"


async def test_notes_that_go_with_a_deleted_turn_are_written_anew(world: World) -> None:
    await talk(world, 12)
    before = await stored(world)
    assert before.summary is not None
    assert FACT in before.summary
    folds = len(notes_asked_for(world))
    second = world.answers()[1]
    await world.asker.click(second, label="Delete")
    assert (await stored(world)).summary is None
    await say(world, f"and now? {FILLER}")
    after = await stored(world)
    assert len(notes_asked_for(world)) > folds
    assert after.summary is not None
    assert FACT in after.summary
    assert "Question 1?" not in after.summary


async def test_compact_says_why_it_could_not(world: World, services: Services) -> None:
    await talk(world, 2)
    before = await stored(world)
    world.standin.script(Refuse(400, code="content_policy_violation"))
    with pytest.raises(ContentRefused):
        await services.turns.compact(key(world), payer(world))
    world.standin.script(Say("long " * 2_000))
    with pytest.raises(InvalidReply):
        await services.turns.compact(key(world), payer(world))
    folding = services.turns._folding
    folding._parts = replace(folding._parts, policy=replace(folding._parts.policy, caps=SpendingCaps(1)))
    with pytest.raises(BudgetExhausted):
        await services.turns.compact(key(world), payer(world))
    assert await stored(world) == before


async def test_compact_waits_for_a_fold_that_is_under_way(world: World) -> None:
    await almost_too_long(world)
    world.standin.script(Say(FILLER), Hold(0, "the notes"))
    async with asyncio.timeout(15):
        sending = asyncio.create_task(world.asker.send(world.channel, f"{world.mention} six {FILLER}"))
        await world.standin.arrived(len(world.standin.requests) + 2)
        compacting = asyncio.create_task(world.services.turns.compact(key(world), payer(world)))
        world.standin.release()
        result = await compacting
        await sending
    assert result.outcome is FoldOutcome.NOTHING, "only the newest pair was left"
    assert len(notes_asked_for(world)) == 1
    assert (await stored(world)).summary == "the notes"


async def test_two_who_compact_at_once_fold_once(world: World) -> None:
    await talk(world, 3)
    results = await asyncio.gather(
        *(world.services.turns.compact(key(world), payer(world, number)) for number in (77, 78))
    )
    assert sorted(result.outcome.name for result in results) == ["FOLDED", "NOTHING"]
    assert len(notes_asked_for(world)) == 1


async def test_a_failed_fold_is_remembered_of_so_many_conversations_only(services: Services) -> None:
    folding = services.turns._folding
    for number in range(FAILURES_REMEMBERED + 5):
        key = ConversationKey(guild_id=10, channel_id=number)
        assert not folding._is_given_up(key, InvalidReply("no notes"), left_out=False)
    assert len(folding._failures) == FAILURES_REMEMBERED
    assert key in folding._failures
