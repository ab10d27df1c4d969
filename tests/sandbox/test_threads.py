"""Threads that the bot opens in the sandbox: places like others, also after a restart; links lead to them."""

from __future__ import annotations

import yarl

from bot.sandbox.sandbox import Sandbox, open_sandbox
from bot.sandbox.world import Place
from bot.settings import Settings
from tests.sandbox.conftest import answers, until
from tests.sandbox.test_lobby import lobby_with, shown


async def branched(sandbox: Sandbox) -> Place:
    """Ask in the lounge, press Branch, and return the thread."""
    member, lounge = sandbox.world.person("member"), sandbox.world.lounge
    await sandbox.send(member, lounge, "where does this lead?", [])
    await until(lambda: answers(sandbox, lounge))
    async with sandbox.page.operation():
        await member.actor.click(answers(sandbox, lounge)[-1], label="Branch")
    await until(lambda: len(sandbox.world.channels) == 4)
    return sandbox.world.channels[-1]


async def test_a_thread_is_a_place_and_stays_one(settings: Settings) -> None:
    async with open_sandbox(settings) as first:
        thread = await branched(first)
        assert thread.name == "where does this lead?"
        member = first.world.person("member")
        await first.send(member, first.world.place(thread.key, member), "and on from here?", [])
        await until(lambda: len(answers(first, thread)) == 2)
    async with open_sandbox(settings) as second:
        again = second.world.channels[-1]
        assert (again.key, again.name) == (thread.key, thread.name)
        said = [message.content for message in again.channel.history()]
        assert said[0] == "where does this lead?"
        assert "and on from here?" in said
        member = second.world.person("member")
        await second.send(member, again, "still there?", [])
        await until(lambda: len(answers(second, again)) == 3)


async def test_the_lobby_lists_it_and_a_link_leads_there(sandbox: Sandbox) -> None:
    async with lobby_with(sandbox) as (lobby, session):
        thread = await branched(sandbox)
        assert f'value="{thread.key}"' in await shown(session)
        assert sandbox.page.links_lead_to == str(yarl.URL(lobby.url) / "at")
        for query in ({"channel": str(thread.channel.id)}, {"name": thread.name}):
            async with session.get("at", params=query) as response:
                assert "SimCord" in await response.text()
            assert sandbox.page.shows is not None
            assert sandbox.page.shows.key == thread.key
        async with session.get("at", params={"channel": "5"}) as response:
            assert "leads to no place" in await response.text()
        async with session.get(yarl.URL(lobby.url).with_path("/at")) as refused:
            assert refused.status == 404
