"""The real program and a REST API that fails: one answer, or one sentence, and no call too many."""

from __future__ import annotations

import pytest

from bot.sandbox.standin import Hold, Say, StandIn
from tests.wire.discord_standin import DiscordStandIn, Fault, StandInClock
from tests.wire.discord_standin.faults import ALWAYS, How
from tests.wire.program import Bench, Program
from tests.wire.stored import Stored
from tests.wire.talking import (
    ANSWER,
    MODEL_CANARY,
    QUESTION,
    WRITING,
    ask,
    chat_requests,
    is_writing,
    mention,
    mention_and_see_words,
    reply_to,
    said,
    shows,
    started,
)

MESSAGES = "/channels/{channel_id}/messages"
MESSAGE = "/channels/{channel_id}/messages/{message_id}"
ORIGINAL = "/webhooks/{webhook_id}/{webhook_token}/messages/@original"
OF_WEBHOOK = "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}"
CALLBACK = "/callback"


async def test_nothing_is_paid_for_when_the_acknowledgement_came_too_late(
    discord_standin: DiscordStandIn, standin: StandIn, program: Program
) -> None:
    world = discord_standin.world
    late = discord_standin.slash(world.general, world.member, "chat", message=QUESTION)
    assert isinstance(discord_standin.clock, StandInClock)
    discord_standin.clock.advance(4.0)  # before the program's call can have come
    await program.until(discord_standin.wait_for(lambda: discord_standin.requests("POST", CALLBACK)))
    standin.script(Say(ANSWER))
    await ask(program, discord_standin, world.general, "And now?", ANSWER)
    assert late.acked_at is None
    assert len(chat_requests(standin)) == 1
    assert len(world.shown_by_bot(world.general)) == 1


async def test_a_private_answer_that_cannot_be_shown_goes_to_no_channel(
    discord_standin: DiscordStandIn, standin: StandIn, program: Program
) -> None:
    world = discord_standin.world
    discord_standin.journal.watchers.clear()  # the answer is shown to its asker all the same, after another sentence
    standin.script(Say(ANSWER))
    for route in (ORIGINAL, OF_WEBHOOK):
        discord_standin.refuse("PATCH", route, 404, 10008)
    discord_standin.slash(world.general, world.member, "ask", prompt=QUESTION)
    await program.says("Discord refuses the reply")
    program.terminate()
    assert await program.ended() == 0
    assert discord_standin.requests("POST", MESSAGES) == []
    assert discord_standin.requests("PATCH", MESSAGE) == []


async def test_a_response_that_somebody_deletes_becomes_a_message(
    discord_standin: DiscordStandIn, standin: StandIn, program: Program
) -> None:
    world = discord_standin.world
    standin.script(Hold(after_deltas=4, answer=ANSWER))
    interaction = discord_standin.slash(world.general, world.member, "chat", message=QUESTION)
    [growing] = await program.until(discord_standin.wait_for(is_writing(discord_standin, world.general)))
    discord_standin.delete(growing)
    standin.release()
    await program.until(
        discord_standin.wait_for(lambda: any(ANSWER in m.content for m in world.shown_by_bot(world.general)))
    )
    [shown] = world.shown_by_bot(world.general)
    assert shown.interaction is None
    assert interaction.original is growing


@pytest.mark.parametrize("code", [200000, 200001, 240000])
async def test_what_automod_blocks_is_said_once_and_not_tried_again(
    discord_standin: DiscordStandIn, standin: StandIn, program: Program, code: int
) -> None:
    world = discord_standin.world
    question, _ = await mention_and_see_words(program, discord_standin, standin)
    discord_standin.refuse(
        "PATCH",
        MESSAGE,
        400,
        code,
        matches=lambda call: WRITING not in call.body["content"] and "AutoMod" not in call.body["content"],
    )
    standin.release()
    await program.until(discord_standin.wait_for(lambda: "AutoMod" in reply_to(discord_standin, question).content))
    [refused] = [request for request in discord_standin.requests("PATCH", MESSAGE) if request.status == 400]
    assert refused.body["content"] == ANSWER
    assert len(world.shown_by_bot(world.general)) == 1


async def test_half_an_answer_does_not_stay_when_the_whole_one_is_refused(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, program: Program
) -> None:
    question, growing = await mention_and_see_words(program, discord_standin, standin)
    discord_standin.refuse("PATCH", MESSAGE, 403, 50083)
    standin.release()
    await program.until(discord_standin.wait_for(lambda: growing.deleted))
    await program.until(Stored(bench.database).until(question.message_id, "expired"))


async def test_a_channel_that_refuses_is_left_alone_and_nothing_more_is_paid_for_there(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, program: Program
) -> None:
    world = discord_standin.world
    other = world.add_channel("other")
    discord_standin.refuse(
        "POST", MESSAGES, 403, 50013, matches=lambda call: call.number("channel_id") == world.general.channel_id
    )
    standin.script(Say(ANSWER), Say(ANSWER))
    first = mention(discord_standin)
    await program.until(Stored(bench.database).until(first.message_id, "expired"))
    refused = len(discord_standin.requests("POST", MESSAGES))
    second = mention(discord_standin)
    await ask(program, discord_standin, other, QUESTION, ANSWER)
    assert len(chat_requests(standin)) == 2
    assert len(discord_standin.requests("POST", MESSAGES)) == refused + 1
    assert Stored(bench.database).state(second.message_id) is None


@pytest.mark.parametrize("ban", [True, False], ids=["ban", "long-wait"])
async def test_during_a_ban_or_a_long_wait_the_answer_is_parked_and_no_call_is_made(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, program: Program, *, ban: bool
) -> None:
    world = discord_standin.world
    standin.script(Say(ANSWER), Say(ANSWER))
    # A ban comes from before Discord, as a page; Discord itself says how long to wait.
    how: How = "status" if ban else "limited"
    fault = Fault(how, "POST", MESSAGES, status=429, retry_after_seconds=600.0, times=ALWAYS)
    discord_standin.faults.add(fault)
    first = mention(discord_standin)
    stored = Stored(bench.database)
    await program.until(stored.until(first.message_id, "ready"))
    second = discord_standin.say(world.general, world.other_member, QUESTION, mentions=[world.bot])
    await program.until(stored.until(second.message_id, "ready"))
    assert fault.met == 1
    if ban:
        before = len(discord_standin.requests())
        discord_standin.slash(world.general, world.member, "chat", message=QUESTION)
        await program.until(program.says("an interaction was not acknowledged"))
        assert len(discord_standin.requests()) == before
        assert len(chat_requests(standin)) == 2
    # It is in the outbox: the next start delivers it.
    discord_standin.faults.lift()
    await program.kill()
    again = await started(bench, discord_standin)
    for question in (first, second):
        await again.until(discord_standin.wait_for(shows(discord_standin, question, ANSWER)))
    assert len(chat_requests(standin)) == 2


@pytest.mark.parametrize(("status", "code", "words"), [(403, 50013, "Attach Files"), (413, 40005, "larger")])
async def test_a_file_that_discord_refuses_is_explained_and_the_answer_is_kept(
    discord_standin: DiscordStandIn, standin: StandIn, program: Program, status: int, code: int, words: str
) -> None:
    world = discord_standin.world
    long_answer = "\n\n".join(f"Paragraph {number} about {MODEL_CANARY}. " + "On and on. " * 20 for number in range(60))
    standin.script(Say(long_answer), Say(ANSWER))
    for method, route in (("POST", MESSAGES), ("PATCH", MESSAGE)):
        discord_standin.refuse(method, route, status, code, matches=lambda call: bool(call.uploads))
    question = mention(discord_standin)
    await program.until(
        discord_standin.wait_for(lambda: any(words in reply.content for reply in discord_standin.replies_to(question)))
    )
    await ask(program, discord_standin, world.general, "And now?", ANSWER)
    assert long_answer.strip() in str(said(chat_requests(standin)[1])[1][1])
    assert len(world.shown_by_bot(world.general)) == 2


async def test_a_send_in_doubt_for_minutes_is_looked_for_before_it_is_sent_again(
    discord_standin: DiscordStandIn, standin: StandIn, program: Program
) -> None:
    world = discord_standin.world
    standin.script(Say(ANSWER))
    fault = discord_standin.faults.add(Fault("reset", "POST", MESSAGES, taken=True, times=5))
    question = mention(discord_standin)
    await program.until(discord_standin.wait_for(lambda: fault.met == 5, timeout=60))
    assert isinstance(discord_standin.clock, StandInClock)
    discord_standin.clock.advance(400.0)  # Discord has forgotten the nonce
    await program.until(discord_standin.wait_for(shows(discord_standin, question, ANSWER)))
    assert len(world.shown_by_bot(world.general)) == 1


@pytest.mark.parametrize(("status", "code"), [(403, 50013), (500, 0)])
async def test_typing_that_fails_delays_nothing(
    discord_standin: DiscordStandIn, standin: StandIn, program: Program, status: int, code: int
) -> None:
    world = discord_standin.world
    discord_standin.refuse("POST", "/channels/{channel_id}/typing", status, code)
    standin.script(Say(ANSWER))
    question = await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    # Nothing waited for the five tries that discord.py makes.
    assert len(discord_standin.requests("POST", "/typing")) < 5
    assert reply_to(discord_standin, question).content == ANSWER
