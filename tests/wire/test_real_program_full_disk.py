"""The real program on a disk that is full for some seconds in the middle of a turn, and what the next start does."""

from __future__ import annotations

import pytest

from bot.sandbox.standin import Hold, Say, StandIn
from tests.wire.discord_standin import DiscordStandIn, Fault, Message
from tests.wire.oracles import cost_micro_usd
from tests.wire.program import Bench
from tests.wire.stored import Stored
from tests.wire.talking import (
    ANSWER,
    CANNOT_SAVE,
    QUESTION,
    RESULT_UNSAVED,
    UNSAVED,
    WRITING,
    ask,
    chat_requests,
    is_writing,
    reply_to,
    shows,
    started,
)

MESSAGE = "/channels/{channel_id}/messages/{message_id}"
GROWING = "Sugar and almonds. " * 20
TWO_PAGES = GROWING * 6


async def test_an_answer_that_was_shown_unsaved_is_not_given_again_after_a_restart(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER), Hold(after_deltas=5, answer=Say(GROWING)), Say("There is room again."))
    first = await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    await Stored(bench.database).until(first.message_id, "done")
    question = discord_standin.say(world.general, world.member, f"{QUESTION} Again?", mentions=[world.bot])
    await program.until(discord_standin.wait_for(is_writing(discord_standin, world.general)))
    bench.fill_disk(program)
    standin.release()
    told = discord_standin.wait_for(lambda: UNSAVED in reply_to(discord_standin, question).content)
    await program.until(told)
    seen = reply_to(discord_standin, question).content
    assert seen.startswith(GROWING.strip())
    program.limit_files(None)
    stored = Stored(bench.database)
    await program.until(stored.until(question.message_id, "cancelled"))
    paid = "SELECT settled_micro_usd = reserved_micro_usd FROM usage_ledger WHERE trigger_id = ?"
    assert stored.rows(paid, question.message_id) == [(1,)], "what was paid for without a bill is booked in full"
    program.terminate()
    await program.ended()
    program = await started(bench, discord_standin)
    await ask(program, discord_standin, world.general, QUESTION, "There is room again.")
    assert reply_to(discord_standin, question).content == seen
    assert len(chat_requests(standin)) == 3


async def test_what_is_owed_is_written_when_it_ends_before_the_next_pulse(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER), Hold(after_deltas=5, answer=Say(GROWING)))
    first = await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    await Stored(bench.database).until(first.message_id, "done")
    question = discord_standin.say(world.general, world.member, f"{QUESTION} Again?", mentions=[world.bot])
    await program.until(discord_standin.wait_for(is_writing(discord_standin, world.general)))
    bench.fill_disk(program)
    standin.release()
    told = discord_standin.wait_for(lambda: UNSAVED in reply_to(discord_standin, question).content)
    await program.until(told)
    program.limit_files(None)
    program.terminate()
    assert await program.ended() == 0
    assert Stored(bench.database).state(question.message_id) == "cancelled"


async def test_a_delivered_answer_whose_end_was_not_written_ends_when_there_is_room(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world, stored = discord_standin.world, Stored(bench.database)
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER), Hold(after_deltas=4, answer=Say(TWO_PAGES)))
    first = await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    await stored.until(first.message_id, "done")
    question = discord_standin.say(world.general, world.member, f"{QUESTION} Again?", mentions=[world.bot])
    await program.until(discord_standin.wait_for(is_writing(discord_standin, world.general)))
    # Some seconds in which the answer is only stored.
    discord_standin.faults.add(Fault("status", "PATCH", MESSAGE, status=503, times=3))
    standin.release()
    await stored.until(question.message_id, "ready")
    bench.fill_disk(program)

    def finished() -> list[Message]:
        return [message for message in world.shown_by_bot(world.general) if WRITING not in message.content]

    await program.until(discord_standin.wait_for(lambda: len(finished()) == 3, timeout=30))
    assert stored.state(question.message_id) == "ready"
    program.limit_files(None)
    await program.until(stored.until(question.message_id, "done"))
    pages = [page.message_id for page in finished()[1:]]
    await program.until(stored.until_places(question.message_id, pages))
    assert len(chat_requests(standin)) == 2


@pytest.mark.parametrize("killed", [False, True], ids=["there-is-room-again", "killed-while-it-is-full"])
async def test_a_question_that_could_not_be_taken_is_told_once_and_not_answered_later(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, killed: bool
) -> None:
    world, stored = discord_standin.world, Stored(bench.database)
    direct = world.dm_with(world.member)
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER), Say("There is room again."))
    first = discord_standin.say(direct, world.member, QUESTION)
    await program.until(discord_standin.wait_for(shows(discord_standin, first, ANSWER)))
    await program.until(stored.until(first.message_id, "done"))
    bench.fill_disk(program)
    question = discord_standin.say(direct, world.member, f"{QUESTION} Again?")
    told = discord_standin.wait_for(lambda: discord_standin.replies_to(question))
    await program.until(told)
    if killed:
        await program.kill()
    else:
        program.limit_files(None)
        discord_standin.gateway.message("MESSAGE_CREATE", question)
        await program.until(stored.until(question.message_id, "cancelled"))
        program.terminate()
        assert await program.ended() == 0
    program = await started(bench, discord_standin)  # which looks back at direct messages
    last = discord_standin.say(direct, world.member, f"{QUESTION} Now?")
    await program.until(discord_standin.wait_for(shows(discord_standin, last, "There is room again.")))
    assert CANNOT_SAVE in reply_to(discord_standin, question).content


async def test_pictures_that_cannot_be_stored_are_told_as_lost_and_booked(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world, stored = discord_standin.world, Stored(bench.database)
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER))
    first = await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    await stored.until(first.message_id, "done")
    standin.script(Hold(None), of="image")
    asked = discord_standin.slash(world.general, world.member, "image generate", prompt=QUESTION, quality="low")
    await program.until(standin.arrived(2))
    bench.fill_disk(program)
    standin.release()
    told = discord_standin.wait_for(lambda: asked.original and RESULT_UNSAVED in asked.original.content)
    await program.until(told)
    program.limit_files(None)
    await program.until(stored.until(asked.interaction_id, "cancelled"))
    [(reserved, settled)] = stored.rows(
        "SELECT reserved_micro_usd, settled_micro_usd FROM usage_ledger WHERE trigger_id = ?", asked.interaction_id
    )
    assert cost_micro_usd(standin.requests[-1]) <= settled < reserved
