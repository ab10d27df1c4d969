"""The stand-in behaves like Discord towards a bare discord.py client, which nobody here has changed."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import aiohttp
import discord
import pytest

from tests.wire.bare_bot import DEFAULT_INTENTS, BareBot, connected, heard, pointed_at
from tests.wire.discord_standin import DiscordStandIn, StandInClock


async def test_a_client_logs_in_and_gets_the_guild(discord_standin: DiscordStandIn) -> None:
    async with connected(discord_standin) as bot:
        assert bot.user is not None
        assert bot.user.id == discord_standin.world.bot.user_id
        await bot.wait_until_ready()
        assert [channel.name for channel in bot.guilds[0].text_channels] == ["general"]
        identify = discord_standin.gateway.identifies[-1]
        assert identify["intents"] == DEFAULT_INTENTS.value
        assert [frame.opcode for frame in discord_standin.journal.frames][:2] == [1, 2]


async def test_a_mention_is_answered_by_a_reply_that_is_edited(discord_standin: DiscordStandIn) -> None:
    world = discord_standin.world

    async def answer(question: discord.Message) -> None:
        reply = await question.reply("so f")
        await reply.edit(content="so far so good")

    async with connected(discord_standin) as bot:
        bot.on_question = answer
        question = discord_standin.say(world.general, world.member, "how is it?", mentions=[world.bot])
        [reply] = await discord_standin.wait_for(
            lambda: [m for m in discord_standin.replies_to(question) if m.content == "so far so good"]
        )
    [received] = heard(bot, question)
    assert received.content == f"{world.bot.mention} how is it?"
    assert [shown.content for shown in reply.versions] == ["so f", "so far so good"]
    assert discord_standin.pinged == set()
    assert [m.content for m in bot.heard if m.author == bot.user] == ["so f"]


@pytest.mark.parametrize(
    ("intents", "expected"),
    [(DEFAULT_INTENTS, ""), (DEFAULT_INTENTS | discord.Intents(message_content=True), "plain words")],
    ids=["without-the-content-intent", "with-it"],
)
async def test_content_is_withheld_as_discord_does(intents: discord.Intents, expected: str) -> None:
    async with DiscordStandIn(privileged_intents=discord.Intents(message_content=True).value) as standin:
        world = standin.world
        async with connected(standin, intents=intents) as bot:
            plain = standin.say(world.general, world.member, "plain words")
            direct = standin.say(world.dm_with(world.member), world.member, "direct words")
            answer = standin.say(world.general, world.other_member, "and this?", mentions=[world.bot], reply_to=plain)
            await standin.wait_for(lambda: heard(bot, answer))
        assert heard(bot, plain)[0].content == expected
        assert heard(bot, direct)[0].content == "direct words"
        assert isinstance(heard(bot, direct)[0].channel, discord.DMChannel)
        reference = heard(bot, answer)[0].reference
        assert reference is not None
        assert isinstance(reference.resolved, discord.Message)
        assert reference.resolved.content == expected
        assert standin.violations == []


async def test_a_privileged_intent_that_is_not_switched_on_closes_with_4014(discord_standin: DiscordStandIn) -> None:
    intents = DEFAULT_INTENTS | discord.Intents(message_content=True)
    with pointed_at(discord_standin):
        async with BareBot(discord_standin, intents) as bot:
            with pytest.raises(discord.PrivilegedIntentsRequired):
                await asyncio.wait_for(bot.start(discord_standin.token), timeout=20)


async def test_a_wrong_token_is_refused(discord_standin: DiscordStandIn) -> None:
    with pointed_at(discord_standin):
        async with BareBot(discord_standin, DEFAULT_INTENTS) as bot:
            with pytest.raises(discord.LoginFailure):
                await bot.login("wrong")


async def test_resume_replays_what_came_while_the_client_was_away(discord_standin: DiscordStandIn) -> None:
    world = discord_standin.world
    async with connected(discord_standin) as bot:
        before = discord_standin.say(world.general, world.member, "before", mentions=[world.bot])
        await discord_standin.wait_for(lambda: heard(bot, before))
        discord_standin.gateway.close(4000)
        during = discord_standin.say(world.general, world.member, "during", mentions=[world.bot])
        await discord_standin.wait_for(lambda: bot.resumed and heard(bot, during))
        after = discord_standin.say(world.general, world.member, "after", mentions=[world.bot])
        await discord_standin.wait_for(lambda: heard(bot, after))
    assert [len(heard(bot, message)) for message in (before, during, after)] == [1, 1, 1]
    assert len(discord_standin.gateway.identifies) == 1


async def test_resume_replays_again_what_a_test_makes_it_forget(discord_standin: DiscordStandIn) -> None:
    world = discord_standin.world
    async with connected(discord_standin) as bot:
        message = discord_standin.say(world.general, world.member, "once", mentions=[world.bot])
        await discord_standin.wait_for(lambda: heard(bot, message))
        discord_standin.gateway.replays_again = 1
        discord_standin.gateway.close(4000)
        await discord_standin.wait_for(lambda: bot.resumed)
    assert len(heard(bot, message)) == 2


async def test_opcodes_7_and_9_make_the_client_come_back(discord_standin: DiscordStandIn) -> None:
    gateway = discord_standin.gateway
    async with connected(discord_standin) as bot:
        gateway.ask_to_reconnect()
        await discord_standin.wait_for(lambda: bot.resumed == 1)
        gateway.invalidate(resumable=False)
        await discord_standin.wait_for(lambda: len(gateway.identifies) == 2)
        assert [session.ended for session in gateway.sessions] == [True, False]


async def test_a_nonce_makes_one_message_of_two_creates(discord_standin: DiscordStandIn) -> None:
    world = discord_standin.world
    async with connected(discord_standin) as bot:
        channel = bot.get_partial_messageable(world.general.channel_id)
        first = await channel.send("first text", nonce="n" * 25, silent=True)
        second = await channel.send("second text", nonce="n" * 25)
        assert (second.id, second.content) == (first.id, "first text")
        await first.delete()
        with pytest.raises(discord.NotFound) as raised:
            await channel.send("third text", nonce="n" * 25)
        assert raised.value.code == 10008
        assert isinstance(discord_standin.clock, StandInClock)
        discord_standin.clock.advance(600)
        assert (await channel.send("fourth text", nonce="n" * 25)).content == "fourth text"


async def test_a_bucket_holds_five_creates_and_says_so(fast_standin: DiscordStandIn) -> None:
    world = fast_standin.world
    async with connected(fast_standin) as bot:
        channel = bot.get_partial_messageable(world.general.channel_id)
        await asyncio.gather(*(channel.send(str(number)) for number in range(7)))
    assert len(world.shown_by_bot(world.general)) == 7
    assert fast_standin.rate_limited == []  # discord.py read the headers
    assert [f"{number}" for number in range(7)] == sorted(m.content for m in world.shown_by_bot(world.general))


async def test_a_429_is_honoured(fast_standin: DiscordStandIn) -> None:
    world = fast_standin.world
    url = f"{fast_standin.api_url}/channels/{world.general.channel_id}/messages"
    headers = {"Authorization": f"Bot {fast_standin.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for number in range(5):  # somebody else uses the bucket up
            async with session.post(url, json={"content": str(number)}) as response:
                assert response.headers["X-RateLimit-Remaining"] == str(4 - number)
        async with session.post(url, json={"content": "one too many"}) as response:
            assert response.status == 429
            assert response.headers["Via"]
            assert (await response.json())["retry_after"] > 0
    async with connected(fast_standin) as bot:
        sent = await bot.get_partial_messageable(world.general.channel_id).send("patient")
    assert sent.content == "patient"
    assert len(fast_standin.rate_limited) == 2


@pytest.fixture
async def fast_standin() -> AsyncIterator[DiscordStandIn]:
    """A Discord whose rate limits of 5 s end after 1 s."""
    async with DiscordStandIn(pace=5) as standin:
        yield standin
    assert standin.violations == []


@pytest.mark.parametrize(
    ("content", "code"), [("x" * 2001, 50035), ("", 50006), ("  \n ", 50006)], ids=["too-long", "empty", "blank"]
)
async def test_sizes_are_refused(discord_standin: DiscordStandIn, content: str, code: int) -> None:
    async with connected(discord_standin) as bot:
        with pytest.raises(discord.HTTPException) as raised:
            await bot.get_partial_messageable(discord_standin.world.general.channel_id).send(content)
    assert raised.value.code == code


async def test_history_threads_files_and_dms(discord_standin: DiscordStandIn) -> None:
    world = discord_standin.world
    async with connected(discord_standin) as bot:
        await bot.wait_until_ready()
        channel = bot.guilds[0].text_channels[0]
        sent = [await channel.send(f"line {number}") for number in range(3)]
        assert [m.id async for m in channel.history(limit=2)] == [sent[2].id, sent[1].id]
        assert [m.id async for m in channel.history(after=sent[0])] == [sent[1].id, sent[2].id]
        assert (await channel.fetch_message(sent[0].id)).content == "line 0"
        with pytest.raises(discord.NotFound):
            await channel.fetch_message(1)
        await channel.typing()
        thread = await sent[0].create_thread(name="a thread")
        assert thread.id == sent[0].id
        in_thread = await thread.send("inside")
        attachment = discord.File(io.BytesIO(b"long answer"), "answer.md")
        with_file = await thread.send("see the file", file=attachment)
        assert with_file.attachments[0].filename == "answer.md"
        dm = await bot.create_dm(discord.Object(world.member.user_id))
        direct = await dm.send("hello")
    assert world.messages[in_thread.id].channel.parent_id == world.general.channel_id
    assert world.messages[with_file.id].attachments[0].upload.payload == b"long answer"
    assert world.messages[direct.id].channel == world.dm_with(world.member)
