"""The caps of the bot, a server and a member as members meet them: whose it is, until when, told once."""

import re
from datetime import timedelta

import discord
import pytest

from tests.cogs.conftest import World
from tests.cogs.test_chat import shown

RESETS = re.compile(r"<t:(\d+):R>")
CALL = "0.05"  # what every call counts here: the models of the simulated day have no price yet


async def ask(world: World, member: str = "asker") -> None:
    await getattr(world, member).send(world.channel, f"{world.mention} hello")


@pytest.mark.parametrize(
    ("setting_changes", "whose"),
    [
        ({"daily_budget_usd": "0"}, "This bot has spent what its owner allows for today"),
        ({"monthly_budget_usd": "0"}, "This bot has spent what its owner allows for this month"),
        ({"server_daily_budget_usd": "0"}, "This server has used up what the bot's owner allows it for today"),
        ({"server_monthly_budget_usd": "0"}, "This server has used up what the bot's owner allows it for this month"),
        ({"member_daily_budget_usd": "0"}, "You have used up what the bot's owner allows each member for today"),
        ({"member_monthly_budget_usd": "0"}, "You have used up what the bot's owner allows each member for this month"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
async def test_each_cap_is_told_with_whose_it_is_and_when_it_ends(world: World, whose: str) -> None:
    await ask(world)
    (notice,) = world.answers()
    assert notice.content.removeprefix("⚠️ ").startswith(whose)
    assert not world.standin.requests
    ends = RESETS.search(notice.content)
    assert ends is not None
    now = world.services.clock.now()
    day = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    month = (now.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    assert int(ends[1]) == int((month if "month" in whose else day).timestamp())


@pytest.mark.settings(member_daily_budget_usd=CALL, unpriced_call_usd=CALL)
async def test_a_member_who_has_used_up_theirs_is_told_once_and_others_go_on(world: World) -> None:
    await ask(world)
    for _ in range(4):
        await ask(world)
    assert len(world.answers()) == 2
    assert "others still can" in world.answers()[-1].content
    claims = await world.services.store._database.run("SELECT count(*) FROM claims")
    assert claims[0][0] == 2, "what is refused from memory is not written down"
    await world.asker.send_dm("hello")
    assert len(world.standin.requests) == 1, "it is one cap for servers and direct messages"
    refused = await world.asker.slash(world.channel, "chat", message="hello")
    assert refused.ephemeral
    assert "others still can" in shown(refused)
    await ask(world, "other")
    assert len(world.standin.requests) == 2
    await world.env.advance_time(timedelta(days=1).total_seconds())
    await ask(world)
    assert len(world.standin.requests) == 3


@pytest.mark.settings(server_daily_budget_usd=CALL, unpriced_call_usd=CALL)
async def test_a_server_that_has_used_up_its_own_refuses_everybody_there_and_nobody_elsewhere(world: World) -> None:
    await ask(world)
    for member in ("other", "other", "asker"):
        await ask(world, member)
    assert all("This server has used up" in message.content for message in world.answers()[1:])
    assert len(world.answers()) == 3, "each member is told once"
    refused = await world.moderator.slash(world.channel, "chat", message="hello")
    assert refused.ephemeral
    assert not refused.deferred, "it is known without asking the database"
    assert "This server has used up" in shown(refused)
    assert len(world.standin.requests) == 1
    await world.other.send_dm("hello")
    assert len(world.standin.requests) == 2


@pytest.mark.settings(server_daily_budget_usd="0", unpriced_call_usd=CALL)
async def test_where_a_member_alone_brought_the_bot_along_no_server_pays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = await world.asker.slash(world.channel, "audio speak", text="hello")
    assert "This server has used up" in shown(refused)
    # The simulated Discord does not say by whose installation a command came.
    monkeypatch.setattr(discord.Interaction, "is_user_integration", lambda _: True)
    await world.asker.slash(world.channel, "audio speak", text="hello")
    rows = await world.services.store._database.run("SELECT guild_id FROM usage_ledger")
    assert [row["guild_id"] for row in rows] == [None]
    monkeypatch.setattr(discord.Interaction, "is_guild_integration", lambda _: True)
    both = await world.asker.slash(world.channel, "audio speak", text="hello")
    assert "This server has used up" in shown(both)


@pytest.mark.settings(server_daily_budget_usd=CALL, unpriced_call_usd=CALL)
@pytest.mark.parametrize("new_thread", [False, True])
async def test_a_command_without_a_conversation_knows_the_servers_cap_too(world: World, new_thread: bool) -> None:
    for _ in range(2):
        await ask(world)
    if new_thread:
        refused = await world.asker.slash(world.channel, "chat", message="hello", thread=True)
    else:
        refused = await world.asker.slash(world.channel, "ask", prompt="hello")
    assert refused.ephemeral
    assert "This server has used up" in shown(refused)
    claims = await world.services.store._database.run("SELECT count(*) FROM claims")
    assert claims[0][0] == 2, "what is refused from memory is not written down"
