"""The real program and a gateway that misbehaves: it stays, comes back, waits, or ends with words."""

from __future__ import annotations

import json

import discord
import pytest

from bot.heartbeat import HEARTBEAT_NAME
from bot.sandbox.standin import Say, StandIn
from tests.wire.discord_standin import DiscordStandIn, Message
from tests.wire.discord_standin.world import MessageKind
from tests.wire.program import Bench
from tests.wire.talking import ANSWER, MEMBER_CANARY, QUESTION, answered, ask, chat_requests, started

MESSAGE_CONTENT = discord.Intents(message_content=True).value
NONSENSE: list[tuple[str, object]] = [
    ("MESSAGE_CREATE", {}),
    ("MESSAGE_CREATE", {"content": MEMBER_CANARY}),
    ("MESSAGE_CREATE", None),
    ("MESSAGE_CREATE", [MEMBER_CANARY]),
    ("MESSAGE_UPDATE", {"id": MEMBER_CANARY}),
    ("INTERACTION_CREATE", {"id": "1", "data": {"name": MEMBER_CANARY}}),
    ("GUILD_CREATE", {"name": MEMBER_CANARY}),
    ("CHANNEL_CREATE", {"type": "no"}),
    ("THREAD_CREATE", {"id": None}),
    ("RESUMED", None),
    (f"NEW_{MEMBER_CANARY.upper()}_EVENT", {"content": MEMBER_CANARY}),
]


async def test_what_makes_no_sense_is_dropped_and_the_connection_stays(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    gateway = discord_standin.gateway
    for event, payload in NONSENSE:
        gateway.dispatch_nonsense(event, payload)
    for text in (f'{{"op": 0, "t": "{MEMBER_CANARY}', "[1, 2]", '"words"', "", "null"):
        gateway.send_text(text)
    gateway.send_text(json.dumps({"op": 0, "t": ["MESSAGE_CREATE"], "s": None, "d": {}}))
    gateway.send_text(json.dumps({"op": 99, "t": None, "s": None, "d": MEMBER_CANARY}))
    standin.script(Say(ANSWER))
    await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    assert len(gateway.identifies) == 1
    assert discord_standin.resumes == []
    assert "gateway_event=MESSAGE_CREATE sequence=" in program.log


async def test_an_invalid_session_leads_to_a_second_ready_and_nothing_is_done_twice(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER), Say("Again."))
    await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    discord_standin.gateway.invalidate(resumable=False)
    await program.until(discord_standin.wait_for(lambda: len(discord_standin.gateway.identifies) == 2))
    await ask(program, discord_standin, world.general, "And again?", "Again.")
    assert len(discord_standin.requests("PUT", "/commands")) == 1
    assert len(discord_standin.requests("GET", "/users/@me")) == 1
    assert len(world.shown_by_bot(world.general)) == 2
    assert len(chat_requests(standin)) == 2


async def test_a_refused_content_intent_is_gone_without_and_the_operator_is_told(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin, MESSAGE_CONTENT_INTENT="true")
    [identified] = discord_standin.gateway.identifies
    assert not identified["intents"] & MESSAGE_CONTENT
    sent = [frame.payload["intents"] for frame in discord_standin.journal.frames if frame.opcode == 2]
    assert len(sent) == 2
    assert sent[0] & MESSAGE_CONTENT
    assert "Discord refuses the Message Content intent" in program.log
    standin.script(Say(ANSWER), Say(ANSWER))
    await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    interaction = discord_standin.slash(world.general, world.member, "chat", message=QUESTION)
    await program.until(discord_standin.wait_for(answered(interaction)))
    # Nothing offers what Discord withholds.
    refused = discord_standin.slash(world.general, world.owner, "channel configure", mode="auto")
    await program.until(discord_standin.wait_for(answered(refused)))
    assert refused.original is not None
    assert "MESSAGE_CONTENT_INTENT" in refused.original.content


@pytest.mark.parametrize(("code", "words"), [(4004, "revoked"), (4011, "2,500"), (4013, "intents"), (4012, "newer")])
async def test_a_close_code_without_hope_ends_with_78_and_one_line(
    bench: Bench, discord_standin: DiscordStandIn, code: int, words: str
) -> None:
    program = await started(bench, discord_standin)
    discord_standin.gateway.close(code)
    assert await program.ended() == 78
    [line] = [line for line in program.log.splitlines() if line.startswith("parley: ")]
    assert words in line
    assert len(discord_standin.gateway.identifies) == 1


async def test_a_token_that_rest_refuses_while_it_runs_ends_with_78(
    bench: Bench, discord_standin: DiscordStandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    discord_standin.refuse("POST", "/channels/{channel_id}/messages", 401, 0)
    discord_standin.refuse("POST", "/channels/{channel_id}/typing", 401, 0)
    discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
    assert await program.ended() == 78
    assert "parley: DISCORD_TOKEN: Discord has revoked it" in program.log


async def test_a_refused_token_is_not_used_again_by_any_start_until_it_is_another_one(
    bench: Bench, discord_standin: DiscordStandIn
) -> None:
    program = await started(bench, discord_standin)
    discord_standin.gateway.close(4004)
    assert await program.ended() == 78
    calls = len(discord_standin.requests())
    again = await bench.start()
    assert await again.ended() == 78
    [line] = again.log.splitlines()
    assert "doctor" in line
    assert len(discord_standin.requests()) == calls
    assert discord_standin.token not in "".join(path.read_text("latin-1") for path in bench.database.parent.iterdir())
    other = await bench.start(DISCORD_TOKEN="an.other.one")
    assert await other.ended() == 78
    assert "does not accept it" in other.log
    assert len(discord_standin.requests()) == calls + 1


async def test_a_heartbeat_that_cannot_be_removed_does_not_hide_why_it_ends(
    bench: Bench, discord_standin: DiscordStandIn
) -> None:
    program = await started(bench, discord_standin)
    heartbeat = bench.database.with_name(HEARTBEAT_NAME)
    heartbeat.unlink()
    heartbeat.mkdir()
    discord_standin.gateway.close(4011)
    assert await program.ended() == 78


async def test_few_logins_left_are_kept_and_the_program_waits(bench: Bench, discord_standin: DiscordStandIn) -> None:
    discord_standin.gateway.identifies_left = 99
    program = await bench.start()
    await program.until(discord_standin.wait_for(lambda: discord_standin.requests("GET", "/gateway/bot")))
    await program.until(discord_standin.wait_for(lambda: discord_standin.requests("PUT", "/commands")))
    program.terminate()
    assert await program.ended() == 0
    assert "too many logins: waiting" in program.log
    assert discord_standin.gateway.identifies == []


async def test_a_message_from_a_server_that_is_not_known_is_no_direct_message(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    message = discord_standin.say(world.general, world.member, QUESTION)
    payload = discord_standin.payloads.message_event(message, content_intent=True)
    webhook = {**payload, "id": str(world.new_id()), "webhook_id": str(world.new_id())}
    stranger = {**payload, "id": str(world.new_id()), "guild_id": str(world.new_id())}
    without_member = {key: value for key, value in stranger.items() if key != "member"}
    for sent in (webhook, stranger, without_member, {**stranger, "type": 7}):
        discord_standin.gateway.dispatch_nonsense("MESSAGE_CREATE", sent)
    standin.script(Say(ANSWER))
    await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    assert len(chat_requests(standin)) == 1
    assert len(world.shown_by_bot(world.general)) == 1
    assert "Ignoring exception" not in program.log


async def test_what_no_member_wrote_is_not_answered_although_it_mentions_the_bot(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    asked = discord_standin.say(world.general, world.other_member, QUESTION)
    payload = discord_standin.payloads.message_event(asked, content_intent=True)
    payload |= {"content": f"<@{world.bot.user_id}> {QUESTION}", "mentions": [discord_standin.payloads.user(world.bot)]}
    # What Discord sends into a new thread: its starter again, with the thread's id, and the line about it above.
    starter = {**payload, "id": str(world.new_id()), "type": 21, "message_reference": {"message_id": payload["id"]}}
    created = {**payload, "id": str(world.new_id()), "type": 18}
    webhook = {**payload, "id": str(world.new_id()), "webhook_id": str(world.new_id())}
    robot = {**payload, "id": str(world.new_id()), "author": {**payload["author"], "bot": True}}
    joined = {**payload, "id": str(world.new_id()), "type": 7}
    for sent in (starter, created, webhook, robot, joined):
        discord_standin.gateway.dispatch_nonsense("MESSAGE_CREATE", sent)
    standin.script(Say(ANSWER))
    await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    assert len(chat_requests(standin)) == 1
    assert len(world.shown_by_bot(world.general)) == 1


async def test_two_hosts_with_one_token_show_one_answer_and_a_stranger_is_told_of(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    discord_standin.journal.watchers.clear()  # they know one database, and here are two
    program = await started(bench, discord_standin)
    other = await bench.start(DATABASE_URL=f"sqlite:///{bench.folder}/other/parley.db")
    await other.until(discord_standin.wait_for(lambda: len(discord_standin.gateway.connected) == 2))
    standin.script(Say(ANSWER), Say(ANSWER))
    await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    await program.until(discord_standin.wait_for(lambda: len(chat_requests(standin)) == 2))
    await program.says("answered")
    await other.says("answered")
    assert len(world.shown_by_bot(world.general)) == 1
    foreign = Message(world.new_id(), world.general, world.bot, MessageKind.DEFAULT, "not ours", nonce="foreign")
    world.add_message(foreign)
    discord_standin.gateway.message("MESSAGE_CREATE", foreign)
    await program.says("does another program run with the same token?")
