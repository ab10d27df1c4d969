"""The real program between a Discord and an OpenAI on loopback: it logs in, syncs its commands and answers."""

from __future__ import annotations

import sqlite3

from bot.sandbox.standin import Drip, Hold, Refuse, Say, StandIn
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.program import Bench
from tests.wire.talking import (
    ANSWER,
    MEMBER_CANARY,
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

GUILDS, GUILD_MESSAGES, DIRECT_MESSAGES = 1 << 0, 1 << 9, 1 << 12


async def test_it_asks_for_no_privileged_intent_and_syncs_its_commands_once(
    bench: Bench, discord_standin: DiscordStandIn
) -> None:
    program = await started(bench, discord_standin)
    assert discord_standin.gateway.identifies[-1]["intents"] == GUILDS | GUILD_MESSAGES | DIRECT_MESSAGES
    commands = {command["name"]: command for command in discord_standin.world.commands}
    assert commands.keys() >= {"chat", "ask"}
    assert {option["name"] for option in commands["chat"]["options"]} >= {
        "message", "model", "temperature", "top_p", "frequency_penalty", "presence_penalty", "max_tokens", "private",
    }  # fmt: skip
    assert {option["name"] for option in commands["ask"]["options"]} >= {"prompt", "system", "json", "private"}
    program.terminate()
    assert await program.ended() == 0
    await started(bench, discord_standin)
    assert len(discord_standin.requests("PUT", "/commands")) == 1


async def test_a_mention_is_answered_by_a_reply_that_grows(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Hold(after_deltas=4, answer=ANSWER))
    question = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
    [growing] = await program.until(discord_standin.wait_for(is_writing(discord_standin, world.general)))
    assert growing.reply_to is question
    shown = growing.content.replace(WRITING, "").strip()
    assert shown
    assert ANSWER.startswith(shown)
    standin.release()
    await program.until(discord_standin.wait_for(shows(discord_standin, question, ANSWER)))
    final = reply_to(discord_standin, question)
    assert final is growing
    assert "stop:" not in str(final.components)
    assert world.shown_by_bot(world.general) == [final]
    assert said(chat_requests(standin)[0])[-1][1].count(QUESTION) == 1
    assert discord_standin.requests("POST", "/typing")


async def test_the_next_turn_knows_the_turns_before_it_in_this_channel_only(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    thread = world.add_thread(world.general, "a thread")
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER), Say(f"Yes, {MODEL_CANARY}."), Say("In the thread."), Say("In the DM."))
    await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    await ask(program, discord_standin, world.general, f"Is {MEMBER_CANARY} sweet?", f"Yes, {MODEL_CANARY}.")
    await ask(program, discord_standin, thread, "And here?", "In the thread.")
    direct = discord_standin.say(world.dm_with(world.member), world.member, "And in private?")
    await program.until(discord_standin.wait_for(shows(discord_standin, direct, "In the DM.")))
    first, second, in_thread, in_dm = (said(body) for body in chat_requests(standin))
    assert [role for role, _ in second] == ["user", "assistant", "user"]
    assert QUESTION in second[0][1]
    assert second[1][1] == ANSWER
    assert f"Is {MEMBER_CANARY} sweet?" in second[2][1]
    for alone in (first, in_thread, in_dm):
        assert [role for role, _ in alone] == ["user"]


async def test_chat_is_deferred_and_its_original_response_becomes_the_answer(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER))
    interaction = discord_standin.slash(world.general, world.member, "chat", message=QUESTION)
    await program.until(discord_standin.wait_for(answered(interaction)))
    assert interaction.callback_type == 5
    assert interaction.original is not None
    assert not interaction.original.ephemeral
    quoted, _, answer = interaction.original.content.partition("\n")
    assert quoted.startswith("> ")
    assert QUESTION in quoted
    assert answer.strip() == ANSWER
    assert interaction.followups == []
    assert discord_standin.requests("POST", "/channels/{channel_id}/messages") == []
    # Acknowledged before anything was paid for.
    [acknowledged] = discord_standin.requests("POST", "/callback")
    [paid] = [request for request in standin.requests if request.path == "/v1/chat/completions"]
    assert acknowledged.answered_at < paid.came_at
    # The channel remembers it, whichever way the next question comes.
    standin.script(Say("Good."))
    await ask(program, discord_standin, world.general, "Thank you.", "Good.")
    assert [role for role, _ in said(chat_requests(standin)[1])] == ["user", "assistant", "user"]


async def test_ask_is_ephemeral_reads_no_history_and_leaves_nothing(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER), Say(f"Once and for all: {MODEL_CANARY}."))
    await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    before = world.shown_by_bot(world.general)
    prompt = f"A {MEMBER_CANARY} between us"
    interaction = discord_standin.slash(world.general, world.member, "ask", prompt=prompt)
    await program.until(discord_standin.wait_for(answered(interaction)))
    assert interaction.original is not None
    assert interaction.original.ephemeral
    assert interaction.original.content == f"Once and for all: {MODEL_CANARY}."
    assert [m for m in world.shown_by_bot(world.general) if not m.ephemeral] == before
    assert [role for role, _ in said(chat_requests(standin)[1])] == ["user"]
    program.terminate()
    assert await program.ended() == 0
    with sqlite3.connect(bench.database) as connection:
        kept = "\n".join(connection.iterdump())
    connection.close()
    assert QUESTION in kept
    assert prompt not in kept
    assert interaction.token not in kept


async def test_a_long_stream_stays_within_the_channels_rate_limit(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    text = " ".join(f"{MODEL_CANARY}-{number}" for number in range(20))
    standin.script(Drip(0.05, answer=text), Drip(0.05, answer=text))
    questions = [
        discord_standin.say(world.general, member, QUESTION, mentions=[world.bot])
        for member in (world.member, world.other_member)
    ]
    for question in questions:
        await program.until(discord_standin.wait_for(shows(discord_standin, question, text), timeout=60))
    assert len(world.shown_by_bot(world.general)) == 2
    for question in questions:
        versions = [shown.content for shown in reply_to(discord_standin, question).versions]
        assert len(versions) > 2
        assert all(WRITING in content for content in versions[:-1])


async def test_stop_keeps_what_came_so_far(bench: Bench, discord_standin: DiscordStandIn, standin: StandIn) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Hold(after_deltas=4, answer=ANSWER))
    question = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
    [growing] = await program.until(discord_standin.wait_for(is_writing(discord_standin, world.general)))
    custom_id = growing.components[0]["components"][0]["custom_id"]
    refused = discord_standin.click(growing, custom_id, world.other_member)
    await program.until(discord_standin.wait_for(lambda: refused.acked_at))
    assert WRITING in growing.content
    discord_standin.click(growing, custom_id, world.member)
    await program.until(discord_standin.wait_for(lambda: WRITING not in growing.content))
    assert growing is reply_to(discord_standin, question)
    assert "stop:" not in str(growing.components)
    first_words = growing.versions[0].content.replace(WRITING, "").strip()
    assert growing.content.startswith(first_words)
    assert ANSWER not in growing.content


async def test_six_thousand_emoji_are_answered_within_discords_limits(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER))
    asked = discord_standin.slash(world.general, world.member, "chat", message="🦊" * 6000)
    await program.until(discord_standin.wait_for(answered(asked)))
    assert asked.original is not None
    assert asked.original.content.endswith(ANSWER)
    assert ("🦊" * 6000) in said(chat_requests(standin)[0])[-1][1]


async def test_a_failure_is_one_sentence_with_an_error_id_that_is_in_the_log(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Refuse(401, code="invalid_api_key", message=f"Incorrect API key provided: {standin.key}."))
    question = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
    await program.until(discord_standin.wait_for(lambda: discord_standin.replies_to(question)))
    notice = reply_to(discord_standin, question)
    assert standin.key not in notice.content
    error_id = notice.content.split("error id:")[1].strip().strip("`")
    assert error_id in program.log
    assert len(chat_requests(standin)) == 1
