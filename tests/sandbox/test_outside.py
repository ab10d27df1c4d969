"""Work outside: SimCord settles meanwhile, timers are real, and errors and cancellations cross over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

import discord
import pytest
import simcord

from bot.sandbox.outside import Outside
from tests.sandbox.conftest import SECONDS

REASON = "a test"


class Listener(discord.Client):
    """Hands every message to ``handle``."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents(guilds=True, guild_messages=True, message_content=True))
        self.handle: Callable[[discord.Message], Awaitable[None]] | None = None

    async def on_message(self, message: discord.Message) -> None:
        if self.handle is not None and not message.author.bot:
            await self.handle(message)


@dataclass
class Stage:
    outside: Outside
    client: Listener
    env: simcord.Env
    channel: simcord.ChannelHandle
    actor: simcord.MemberActor
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    async def let_bot(self, act: Callable[[discord.Message], Awaitable[None]]) -> None:
        """Let the bot do this about a message; returns when SimCord has settled."""

        async def handle(message: discord.Message) -> None:
            try:
                await act(message)
            finally:
                self.finished.set()

        self.client.handle = handle
        await self.actor.send(self.channel, "go")

    async def finish(self) -> None:
        async with asyncio.timeout(SECONDS):
            await self.finished.wait()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    outside, client = Outside(), Listener()
    env = simcord.Env(client)
    outside.join(env)
    await env.start()
    guild = env.create_guild()
    channel = guild.create_text_channel("stage")
    yield Stage(outside, client, env, channel, guild.add_member(env.create_user("member")))
    await env.shutdown()
    env.raise_errors()


async def test_simcord_settles_while_the_work_goes_on_and_the_result_comes_back(stage: Stage) -> None:
    go_on = asyncio.Event()
    results = []

    async def work() -> str:
        await go_on.wait()
        return "done"

    async def act(_message: discord.Message) -> None:
        results.append(await stage.outside.call(work(), reason=REASON))

    await stage.let_bot(act)
    assert results == []
    go_on.set()
    await stage.finish()
    assert results == ["done"]


async def test_an_error_of_the_work_is_raised_in_the_bot(stage: Stage) -> None:
    caught: list[BaseException] = []

    async def work() -> None:
        await asyncio.sleep(0)
        raise LookupError("from outside")

    async def act(_message: discord.Message) -> None:
        try:
            await stage.outside.call(work(), reason=REASON)
        except LookupError as error:
            caught.append(error)

    await stage.let_bot(act)
    await stage.finish()
    assert [str(error) for error in caught] == ["from outside"]


async def test_a_deadline_passes_on_the_real_clock(stage: Stage) -> None:
    passed = []

    async def work() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()

    async def act(_message: discord.Message) -> None:
        try:
            await stage.outside.call(work(), reason=REASON)
        except TimeoutError:
            passed.append(True)

    await stage.let_bot(act)
    await stage.finish()
    assert passed == [True]


async def test_cancelling_the_bot_closes_the_stream_outside(stage: Stage) -> None:
    closed = asyncio.Event()
    waiting: list[asyncio.Task[None]] = []

    async def stream() -> AsyncGenerator[str, None]:
        try:
            yield "first"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def work() -> None:
        async with aclosing(stream()) as pieces:
            async for _piece in pieces:
                pass

    async def act(_message: discord.Message) -> None:
        waiting.append(asyncio.create_task(stage.outside.call(work(), reason=REASON)))
        await asyncio.wait(waiting)

    await stage.let_bot(act)
    assert not closed.is_set()
    waiting[0].cancel()
    async with asyncio.timeout(SECONDS):
        await closed.wait()
    await stage.finish()
    assert waiting[0].cancelled()


async def test_from_outside_the_simulated_discord_and_its_time_are_reached(stage: Stage) -> None:
    times = []

    async def act(message: discord.Message) -> None:
        async def work() -> None:
            times.append(discord.utils.utcnow())
            await message.channel.send("said from outside")

        await stage.outside.call(work(), reason=REASON)

    await stage.let_bot(act)
    await stage.finish()
    assert times == [stage.env.now()]
    assert [message.content for message in stage.channel.history()] == ["go", "said from outside"]


async def test_without_an_environment_there_is_nothing_to_work_for() -> None:
    async def work() -> None:
        raise AssertionError

    with pytest.raises(RuntimeError, match="no environment"):
        await Outside().call(work(), reason=REASON)
