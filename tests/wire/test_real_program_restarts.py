"""The real program ended, killed, started again, started twice and started wrongly."""

from __future__ import annotations

from functools import partial

from bot.sandbox.standin import Hold, Say, StandIn
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.program import Bench
from tests.wire.talking import (
    ANSWER,
    QUESTION,
    answered,
    ask,
    chat_requests,
    is_writing,
    reply_to,
    said,
    shows,
    started,
)


async def test_sigterm_lets_a_running_turn_finish(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Hold(after_deltas=4, answer=ANSWER))
    question = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
    await program.until(discord_standin.wait_for(is_writing(discord_standin, world.general)))
    program.terminate()
    standin.release()
    assert await program.ended() == 0
    assert reply_to(discord_standin, question).content == ANSWER


async def test_the_conversation_survives_a_restart(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    standin.script(Say(ANSWER), Say("As I said."))
    program = await started(bench, discord_standin)
    await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    program.terminate()
    assert await program.ended() == 0
    again = await started(bench, discord_standin)
    await ask(again, discord_standin, world.general, "What did I ask?", "As I said.")
    messages = said(chat_requests(standin)[1])
    assert [role for role, _ in messages] == ["user", "assistant", "user"]
    assert QUESTION in messages[0][1]
    assert messages[1][1] == ANSWER


async def test_a_second_process_on_the_same_folder_ends_with_75(bench: Bench, discord_standin: DiscordStandIn) -> None:
    await started(bench, discord_standin)
    second = await bench.start()
    assert await second.ended() == 75
    assert second.log.startswith("parley: ")
    assert len(discord_standin.gateway.identifies) == 1


async def test_all_wrong_settings_are_reported_at_once(bench: Bench, discord_standin: DiscordStandIn) -> None:
    program = await bench.start(
        DISCORD_TOKEN="", OPENAI_API_KEY="", OPENAI_BASE_URL="", DAILY_BUDGET_USD="much", LOG_LEVEL="LOUD"
    )
    assert await program.ended() == 78
    for name in ("DISCORD_TOKEN", "OPENAI_API_KEY", "DAILY_BUDGET_USD", "LOG_LEVEL"):
        assert f"parley: {name}" in program.log
    assert discord_standin.journal.requests == []


async def test_a_token_that_discord_refuses_ends_with_78(bench: Bench, discord_standin: DiscordStandIn) -> None:
    program = await bench.start(DISCORD_TOKEN=discord_standin.token[::-1])
    assert await program.ended() == 78
    assert "DISCORD_TOKEN" in program.log
    assert len(discord_standin.requests()) == 1


async def test_a_token_that_is_revoked_while_it_runs_ends_with_78_and_one_line(
    bench: Bench, discord_standin: DiscordStandIn
) -> None:
    program = await started(bench, discord_standin)
    discord_standin.gateway.close(4004)
    assert await program.ended() == 78
    assert "revoked" in program.log
    assert "Traceback" not in program.log
    assert len(discord_standin.gateway.identifies) == 1


async def test_a_discord_that_is_down_at_the_start_is_waited_for(bench: Bench, discord_standin: DiscordStandIn) -> None:
    discord_standin.refuse("GET", "/users/@me", 503, 0)
    program = await bench.start()
    await program.until(discord_standin.wait_for(lambda: len(discord_standin.requests("GET", "/users/@me")) == 2))
    discord_standin.faults.lift("refused")
    await program.until(discord_standin.ready())
    assert "Discord cannot be reached: trying again" in program.log


async def test_what_was_asked_while_it_was_away_is_answered_once(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    thread = world.add_thread(world.general, "a thread of the bot")
    discord_standin.gateway.thread_created(thread)
    direct = world.dm_with(world.member)
    standin.script(*[Say(f"Answer {number}.") for number in range(4)], Say("The last."))
    first = discord_standin.say(direct, world.member, QUESTION)
    await program.until(discord_standin.wait_for(shows(discord_standin, first, "Answer 0.")))
    program.terminate()
    assert await program.ended() == 0
    missed = [
        discord_standin.say(direct, world.member, f"{QUESTION} In private?"),
        discord_standin.say(thread, world.member, f"{QUESTION} In the thread?", mentions=[world.bot]),
        discord_standin.say(thread, world.other_member, f"{QUESTION} And I?", mentions=[world.bot]),
    ]
    discord_standin.say(direct, world.member, "  ")  # nothing to answer, and too late for a hint
    in_channel = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
    again = await started(bench, discord_standin)
    for question in missed:
        await again.until(discord_standin.wait_for(partial(discord_standin.replies_to, question)))
    # The same messages come once more, live and by another look at the history.
    for question in (first, *missed):
        discord_standin.gateway.message("MESSAGE_CREATE", question)
    discord_standin.gateway.invalidate(resumable=False)
    history = "/channels/{channel_id}/messages"
    await again.until(discord_standin.wait_for(lambda: len(discord_standin.requests("GET", history)) == 4))
    await ask(again, discord_standin, world.general, QUESTION, "The last.")
    for question in (first, *missed):
        assert len(discord_standin.replies_to(question)) == 1
    assert discord_standin.replies_to(in_channel) == []
    assert len(chat_requests(standin)) == 5


async def test_sigterm_under_load_parks_what_is_left_for_the_next_start(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    channels = [world.add_channel(f"channel-{number}") for number in range(4)]
    standin.script(*[Hold(after_deltas=4, answer=ANSWER)] * 4)
    asked = [discord_standin.say(channel, world.member, QUESTION, mentions=[world.bot]) for channel in channels]
    asked.append(discord_standin.say(channels[0], world.member, f"{QUESTION} It waits.", mentions=[world.bot]))
    await program.until(discord_standin.wait_for(lambda: all(is_writing(discord_standin, c)() for c in channels)))
    slash = discord_standin.slash(world.general, world.other_member, "chat", message=QUESTION)
    await program.until(discord_standin.wait_for(answered(slash)))
    program.terminate()
    late = discord_standin.say(world.general, world.member, f"{QUESTION} Late.", mentions=[world.bot])
    assert await program.ended() == 0
    assert is_writing(discord_standin, channels[0])()
    asked.append(late)
    standin.release()
    standin.script(*[Say(ANSWER)] * 6)
    again = await started(bench, discord_standin)
    for question in asked:
        await again.until(discord_standin.wait_for(shows(discord_standin, question, ANSWER)))
    for question in asked:
        assert len(discord_standin.replies_to(question)) == 1
    assert not any(is_writing(discord_standin, channel)() for channel in channels)
