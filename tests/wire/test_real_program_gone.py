"""The real program while its server, channel or thread goes away in the middle of a turn."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.sandbox.standin import Hold, Say, StandIn
from tests.wire.discord_standin import Channel, DiscordStandIn
from tests.wire.program import Bench
from tests.wire.stored import Stored
from tests.wire.talking import ANSWER, QUESTION, ask, chat_requests, is_writing, shows, started

LEDGER = "SELECT reserved_micro_usd, settled_micro_usd FROM usage_ledger WHERE trigger_id = ?"


def kicked(discord: DiscordStandIn, _place: Channel) -> None:
    discord.gateway.dispatch_nonsense("GUILD_DELETE", {"id": str(discord.world.guild_id)})


def channel_deleted(discord: DiscordStandIn, place: Channel) -> None:
    channel = discord.world.channels[place.parent_id or place.channel_id]
    discord.gateway.dispatch_nonsense("CHANNEL_DELETE", discord.payloads.channel(channel))


def thread_deleted(discord: DiscordStandIn, place: Channel) -> None:
    gone = {"id": place.channel_id, "guild_id": discord.world.guild_id, "parent_id": place.parent_id, "type": 11}
    discord.gateway.dispatch_nonsense("THREAD_DELETE", gone)


@pytest.mark.parametrize(
    ("goes", "in_thread"),
    [(kicked, False), (kicked, True), (channel_deleted, False), (channel_deleted, True), (thread_deleted, True)],
)
async def test_a_turn_whose_place_is_gone_ends_with_it(
    bench: Bench,
    discord_standin: DiscordStandIn,
    standin: StandIn,
    goes: Callable[[DiscordStandIn, Channel], None],
    in_thread: bool,
) -> None:
    world, gateway = discord_standin.world, discord_standin.gateway
    program = await started(bench, discord_standin)
    stored, place = Stored(bench.database), world.add_channel("short-lived")
    gateway.dispatch_nonsense("CHANNEL_CREATE", discord_standin.payloads.channel(place))
    if in_thread:
        place = world.add_thread(place, "shorter")
        gateway.thread_created(place)
    standin.script(Hold(after_deltas=4, answer=ANSWER))
    growing = discord_standin.say(place, world.member, QUESTION, mentions=[world.bot])
    await program.until(discord_standin.wait_for(is_writing(discord_standin, place)))
    waiting = discord_standin.say(place, world.member, f"And then? {QUESTION}", mentions=[world.bot])
    await program.until(stored.until(waiting.message_id, "claimed"))
    goes(discord_standin, place)
    del world.channels[place.channel_id]
    await program.until(stored.until(growing.message_id, "cancelled"))
    await program.until(stored.until(waiting.message_id, "cancelled"))
    sent = len(discord_standin.requests())
    await program.until(standin.requests[0].ended.wait())
    assert standin.requests[0].aborted
    [(reserved, settled)] = stored.rows(LEDGER, growing.message_id)
    assert settled == reserved, "the provider may bill what it has written"
    assert stored.rows(LEDGER, waiting.message_id) == []
    assert not stored.count("pending")
    standin.script(Say("Still here."))
    where = world.dm_with(world.member)
    await ask(program, discord_standin, where, QUESTION, "Still here.")
    assert len(chat_requests(standin)) == 2
    assert not [r for r in discord_standin.requests()[sent:] if r.path.get("channel_id") == str(place.channel_id)]


async def test_a_server_that_is_only_unavailable_keeps_its_turns(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Hold(after_deltas=4, answer=ANSWER))
    question = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
    await program.until(discord_standin.wait_for(is_writing(discord_standin, world.general)))
    unavailable = {"id": str(world.guild_id), "unavailable": True}
    discord_standin.gateway.dispatch_nonsense("GUILD_DELETE", unavailable)
    # Whatever comes after it has been seen when this is answered.
    standin.script(Say("Meanwhile."))
    await ask(program, discord_standin, world.dm_with(world.member), QUESTION, "Meanwhile.")
    standin.release()
    await program.until(discord_standin.wait_for(shows(discord_standin, question, ANSWER)))
