"""A bare discord.py client in the test's own process, to hold the stand-in against."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import discord
import pytest
import yarl
from discord import app_commands

from tests.wire.discord_standin import DiscordStandIn, Message

DEFAULT_INTENTS = discord.Intents(guilds=True, guild_messages=True, dm_messages=True)


class BareBot(discord.Client):
    """discord.py and nothing else. What it received stands in lists."""

    def __init__(self, standin: DiscordStandIn, intents: discord.Intents) -> None:
        super().__init__(
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            guild_ready_timeout=0.1,
        )
        self.standin = standin
        self.tree = app_commands.CommandTree(self)
        self.heard: list[discord.Message] = []
        self.resumed = 0
        self.on_question: Callable[[discord.Message], Awaitable[None]] | None = None

    async def on_message(self, message: discord.Message) -> None:
        self.heard.append(message)
        self.standin.journal.changed()
        if self.on_question and message.author != self.user:
            await self.on_question(message)

    async def on_resumed(self) -> None:
        self.resumed += 1
        self.standin.journal.changed()


@contextlib.contextmanager
def pointed_at(standin: DiscordStandIn) -> Iterator[None]:
    """Let discord.py find the stand-in, as the program's settings do for the child process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discord.http.Route, "BASE", standin.api_url)
        patch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(standin.gateway_url))
        yield


@asynccontextmanager
async def connected(
    standin: DiscordStandIn,
    prepare: Callable[[BareBot], object] | None = None,
    intents: discord.Intents = DEFAULT_INTENTS,
) -> AsyncIterator[BareBot]:
    """Run a client against the stand-in. ``prepare`` adds commands, which are synced before it connects."""
    with pointed_at(standin):
        async with BareBot(standin, intents) as bot:
            await bot.login(standin.token)
            if prepare:
                prepare(bot)
                await bot.tree.sync()
            running = asyncio.create_task(bot.connect())
            try:
                await standin.ready()
                yield bot
            finally:
                await bot.close()
                with contextlib.suppress(discord.ConnectionClosed):
                    await running


def heard(bot: BareBot, message: Message) -> list[discord.Message]:
    return [received for received in bot.heard if received.id == message.message_id]
