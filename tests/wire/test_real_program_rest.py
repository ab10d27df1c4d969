"""The real program and a REST API that fails: one answer, or one sentence, and no call too many."""

from __future__ import annotations

import pytest

from bot.sandbox.standin import Hold, Say, StandIn
from tests.wire.discord_standin import DiscordStandIn, How, StandInClock
from tests.wire.program import Bench
from tests.wire.stored import Stored
from tests.wire.talking import (
    ANSWER,
    MODEL_CANARY,
    QUESTION,
    WRITING,
    answered,
    ask,
    chat_requests,
    is_writing,
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


@pytest.mark.parametrize(
    "how",
    [
        How.UNAVAILABLE,
        How.RESET,
        How.PAGE,
        How.FORBIDDEN_PAGE,
        How.BROKEN_JSON,
        How.ACCEPTED_THEN_500,
        How.ACCEPTED_THEN_RESET,
    ],
)
async def test_a_send_that_fails_is_tried_again_and_shown_once(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, how: How
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER))
    spoiler = discord_standin.spoil("POST", MESSAGES, how)
    await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    assert spoiler.spoiled == 1
    assert len(world.shown_by_bot(world.general)) == 1
    assert len(chat_requests(standin)) == 1


async def test_an_edit_that_fails_is_tried_again(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Hold(after_deltas=4, answer=ANSWER))
    question = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
    await program.until(discord_standin.wait_for(is_writing(discord_standin, world.general)))
    spoilers = [discord_standin.spoil("PATCH", MESSAGE, how) for how in (How.RESET, How.PAGE, How.UNAVAILABLE)]
    standin.release()
    await program.until(discord_standin.wait_for(shows(discord_standin, question, ANSWER), timeout=30))
    assert [spoiler.spoiled for spoiler in spoilers] == [1, 1, 1]


async def test_an_acknowledgement_whose_answer_was_lost_counts(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER))
    spoiler = discord_standin.spoil("POST", CALLBACK, How.ACCEPTED_THEN_500)
    interaction = discord_standin.slash(world.general, world.member, "chat", message=QUESTION)
    await program.until(discord_standin.wait_for(answered(interaction)))
    assert spoiler.spoiled == 1
    assert [request.answer["code"] for request in discord_standin.requests("POST", CALLBACK)[1:]] == [40060]
    assert world.shown_by_bot(world.general) == [interaction.original]
    assert len(chat_requests(standin)) == 1


async def test_nothing_is_paid_for_when_the_acknowledgement_came_too_late(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
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
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
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
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
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
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, code: int
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Hold(after_deltas=4, answer=ANSWER))
    question = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
    await program.until(discord_standin.wait_for(is_writing(discord_standin, world.general)))
    discord_standin.refuse_where(
        "PATCH", MESSAGE, lambda call: WRITING not in call.body["content"] and "AutoMod" not in call.body["content"],
        status=400, code=code,
    )  # fmt: skip
    standin.release()
    await program.until(discord_standin.wait_for(lambda: "AutoMod" in reply_to(discord_standin, question).content))
    [refused] = [request for request in discord_standin.requests("PATCH", MESSAGE) if request.status == 400]
    assert refused.body["content"] == ANSWER
    assert len(world.shown_by_bot(world.general)) == 1


async def test_half_an_answer_does_not_stay_when_the_whole_one_is_refused(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Hold(after_deltas=4, answer=ANSWER))
    question = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
    [growing] = await program.until(discord_standin.wait_for(is_writing(discord_standin, world.general)))
    discord_standin.refuse("PATCH", MESSAGE, 403, 50083)
    standin.release()
    await program.until(discord_standin.wait_for(lambda: growing.deleted))
    await program.until(Stored(bench.database).until(question.message_id, "expired"))


async def test_a_channel_that_refuses_is_left_alone_and_nothing_more_is_paid_for_there(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    other = world.add_channel("other")
    discord_standin.refuse_where(
        "POST", MESSAGES, lambda call: call.number("channel_id") == world.general.channel_id, status=403, code=50013
    )
    standin.script(Say(ANSWER), Say(ANSWER))
    first = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
    await program.until(Stored(bench.database).until(first.message_id, "expired"))
    refused = len(discord_standin.requests("POST", MESSAGES))
    second = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
    await ask(program, discord_standin, other, QUESTION, ANSWER)
    assert len(chat_requests(standin)) == 2
    assert len(discord_standin.requests("POST", MESSAGES)) == refused + 1
    assert Stored(bench.database).state(second.message_id) is None


@pytest.mark.parametrize("how", [How.BAN, How.LONG_WAIT])
async def test_during_a_ban_or_a_long_wait_the_answer_is_parked_and_no_call_is_made(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, how: How
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER), Say(ANSWER))
    spoiler = discord_standin.spoil("POST", MESSAGES, how, times=100)
    first = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
    stored = Stored(bench.database)
    await program.until(stored.until(first.message_id, "ready"))
    second = discord_standin.say(world.general, world.other_member, QUESTION, mentions=[world.bot])
    await program.until(stored.until(second.message_id, "ready"))
    assert spoiler.spoiled == 1
    if how is How.BAN:
        before = len(discord_standin.requests())
        discord_standin.slash(world.general, world.member, "chat", message=QUESTION)
        await program.until(program.says("an interaction was not acknowledged"))
        assert len(discord_standin.requests()) == before
        assert len(chat_requests(standin)) == 2
    # It is in the outbox: the next start delivers it.
    spoiler.times = 0
    await program.kill()
    again = await started(bench, discord_standin)
    for question in (first, second):
        await again.until(discord_standin.wait_for(shows(discord_standin, question, ANSWER)))
    assert len(chat_requests(standin)) == 2


@pytest.mark.parametrize(("status", "code", "words"), [(403, 50013, "Attach Files"), (413, 40005, "larger")])
async def test_a_file_that_discord_refuses_is_explained_and_the_answer_is_kept(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, status: int, code: int, words: str
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    long_answer = "\n\n".join(f"Paragraph {number} about {MODEL_CANARY}. " + "On and on. " * 20 for number in range(60))
    standin.script(Say(long_answer), Say(ANSWER))
    for method, route in (("POST", MESSAGES), ("PATCH", MESSAGE)):
        discord_standin.refuse_where(method, route, lambda call: bool(call.uploads), status=status, code=code)
    question = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
    await program.until(
        discord_standin.wait_for(lambda: any(words in reply.content for reply in discord_standin.replies_to(question)))
    )
    await ask(program, discord_standin, world.general, "And now?", ANSWER)
    assert long_answer.strip() in str(said(chat_requests(standin)[1])[1][1])
    assert len(world.shown_by_bot(world.general)) == 2


async def test_a_send_in_doubt_for_minutes_is_looked_for_before_it_is_sent_again(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER))
    spoiler = discord_standin.spoil("POST", MESSAGES, How.ACCEPTED_THEN_RESET, times=5)
    question = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
    await program.until(discord_standin.wait_for(lambda: spoiler.spoiled == 5, timeout=60))
    assert isinstance(discord_standin.clock, StandInClock)
    discord_standin.clock.advance(400.0)  # Discord has forgotten the nonce
    await program.until(discord_standin.wait_for(shows(discord_standin, question, ANSWER)))
    assert len(world.shown_by_bot(world.general)) == 1


@pytest.mark.parametrize(("status", "code"), [(403, 50013), (500, 0)])
async def test_typing_that_fails_delays_nothing(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, status: int, code: int
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    discord_standin.refuse("POST", "/channels/{channel_id}/typing", status, code)
    standin.script(Say(ANSWER))
    question = await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    # Nothing waited for the five tries that discord.py makes.
    assert len(discord_standin.requests("POST", "/typing")) < 5
    assert reply_to(discord_standin, question).content == ANSWER
