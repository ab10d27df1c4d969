"""One life of the sandbox: the real bot in a simulated Discord, from an opened store until it ends or is reset."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import discord
import simcord

from bot.app import Parley
from bot.command_sync import TREE_HASH
from bot.core.errors import StoreUnavailable
from bot.core.preferences import ChannelMode, VoiceMessages
from bot.sandbox.chat_page import ChatPage
from bot.sandbox.direct_menus import use_menu_directly
from bot.sandbox.files import fetch_simulated
from bot.sandbox.outside import Outside, OutsideTurns
from bot.sandbox.voice import send_voice_message
from bot.sandbox.world import Person, Place, World
from bot.services import Services, open_services, sweep_now_and_then
from bot.settings import Settings

log = logging.getLogger(__name__)

MENU_MESSAGES = 15  # as many of the newest messages of a place are offered to a message menu
EXCERPT_CHARS = 60
THREADS = "sandbox_threads"  # remembered: those that have been opened, since this Discord begins anew with every start
THREADS_SECONDS = 1.0
STAGE = "sandbox_stage"  # remembered once the lounge has been set to answer everything, which a new server begins with


@dataclass(frozen=True, slots=True)
class File:
    """A file to send."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class MenuTarget:
    """A message that a message menu can be used on."""

    place: Place
    message_id: int
    excerpt: str


class Sandbox:
    """What the lobby can do with the running bot."""

    def __init__(self, env: simcord.Env, bot: Parley, world: World, page: ChatPage) -> None:
        self._env = env
        self._bot = bot
        self.world = world
        self.page = page

    async def send(self, person: Person, place: Place, text: str, files: Sequence[File]) -> None:
        """Send a message with files as somebody; raises ``simcord.BackendError`` when Discord would refuse it."""
        attachments = [(file.name, file.content) for file in files]
        text = self.page.with_mentions(text)
        async with self.page.operation():
            if place.only_for is None:
                await person.actor.send(place.channel, text, attachments=attachments)
            else:
                stored = self._env.backend.store_attachments(place.channel.id, attachments)
                await person.user.send_dm(text, attachments=stored)
        await self.page.refresh()

    async def send_voice(self, person: Person, place: Place, file: File) -> None:
        """Send a sound file as a voice message of somebody."""
        async with self.page.operation():
            await send_voice_message(self._env, person.user.id, place.channel.id, file.content)
        await self.page.refresh()

    def menus(self) -> tuple[str, ...]:
        """Return the names of the bot's message menus."""
        return tuple(menu.name for menu in self._bot.tree.get_commands(type=discord.AppCommandType.message))

    def menu_targets(self) -> list[MenuTarget]:
        """Return the newest messages of every channel and of everybody's direct messages, newest first."""
        targets = [
            MenuTarget(place, message.id, f"{message.author.display_name}: {_excerpt(message)}")
            for place in (*self.world.channels, *self.world.direct_messages)
            for message in place.channel.history()[-MENU_MESSAGES:]
        ]
        return sorted(targets, key=lambda target: target.message_id, reverse=True)

    async def use_menu(self, person: Person, name: str, target: MenuTarget) -> None:
        """Use a message menu as somebody."""
        channel = target.place.channel
        async with self.page.operation():
            if target.place.only_for is not None:
                await use_menu_directly(self._env, person.user, name, target.message_id)
                return
            message = next(m for m in channel.history(viewer=person.actor) if m.id == target.message_id)
            await person.actor.context_menu(channel, name, message)
        await self.page.refresh()


def _excerpt(message: discord.Message) -> str:
    """Return what tells a message from others in a list, whether it has words or not."""
    if words := " ".join(message.content.split()):
        return words[:EXCERPT_CHARS]
    if message.flags.voice:
        return "(voice message)"
    if message.attachments:
        file = message.attachments[0]
        kind = "picture" if (file.content_type or "").startswith("image/") else "file"
        return f"({kind}: {file.filename})"[:EXCERPT_CHARS]
    return "(no words)"


@asynccontextmanager
async def open_sandbox(settings: Settings, *, welcome: bool = False) -> AsyncIterator[Sandbox]:
    """Open the store, build the server, bring the bot online; end all of it again.

    ``welcome``: a new server says first what can be tried there.
    What is still being answered at the end is left to the next start.
    """
    outside = Outside()
    async with open_services(
        settings, turn_service=lambda parts: OutsideTurns(parts, outside), fetch_file=fetch_simulated, looks_back=False
    ) as services:
        bot = Parley(services)
        env = simcord.Env(bot, approved_intents=bot.intents, check_errors=False)
        outside.join(env)
        world = World(env)
        world.reopen(services.preferences.of_bot(THREADS) or "[]")
        await world.remember(services.store)
        if await _set_the_stage(services, world) and welcome:
            world.welcome()
        page = ChatPage(env, world)
        await env.start()
        running = [
            asyncio.create_task(page.keep_fresh()),
            asyncio.create_task(sweep_now_and_then(services)),
            asyncio.create_task(_keep_threads(services, world)),
        ]
        try:
            yield Sandbox(env, bot, world, page)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await _remember_threads(services, world)
            await services.turns.close(grace_seconds=0)
            await page.close()
            await env.shutdown()


async def _keep_threads(services: Services, world: World) -> None:
    while True:
        await asyncio.sleep(THREADS_SECONDS)
        await _remember_threads(services, world)


async def _remember_threads(services: Services, world: World) -> None:
    if (services.preferences.of_bot(THREADS) or "[]") == (threads := world.threads):
        return
    try:
        await services.preferences.remember_of_bot(THREADS, threads)
    except StoreUnavailable as error:
        log.warning("the threads were not kept for the next start", extra={"detail": error.detail})


async def _set_the_stage(services: Services, world: World) -> bool:
    """Let the server behave as its places say; return whether it is new."""
    preferences = services.preferences
    # This Discord begins anew with every start, so the commands have to be synced anew.
    await preferences.remember_of_bot(TREE_HASH, "")
    if preferences.of_bot(STAGE) is not None:  # it is what people set
        return False
    owner = world.people[0].user.id
    lounge = world.lounge.channel.id
    await preferences.set_channel_mode(lounge, ChannelMode.AUTO, changed_by=owner)
    await preferences.set_voice_messages(lounge, VoiceMessages.ANSWER, changed_by=owner)
    await preferences.remember_of_bot(STAGE, "set")
    return True
