"""The discord.py bot: intents, mentions policy, extensions, command sync. It owns nothing that it must close."""

from __future__ import annotations

import logging
import re
from collections import deque
from http import HTTPStatus
from types import SimpleNamespace
from typing import TYPE_CHECKING

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.ext import commands

from bot.command_sync import CommandSync
from bot.core.errors import ParleyError, new_error_id

if TYPE_CHECKING:
    from bot.services import Services

log = logging.getLogger(__name__)

EXTENSIONS = (
    "cogs.chat",
    "cogs.conversation",
    "cogs.channel",
    "cogs.triggers",
    "cogs.models",
    "cogs.help",
    "cogs.menus",
    "cogs.image",
    "cogs.audio",
    "cogs.transcripts",
    "cogs.parked",
)
HEARTBEAT_SECONDS = 50.0  # Discord is heard every 41 s at least; closing a dead connection takes up to 30 s more
IDENTIFY_AGAIN_SECONDS = 5.0  # after an invalid session (developer documentation, "Invalid Session")
KNOWN_INTERACTIONS = 1000  # far more than a RESUME repeats; after a restart none come again
RATE_LIMITED_PATH = re.compile(r"/channels/(?P<channel>\d+)/messages/\d+$|/webhooks/\d+/(?P<token>[^/]+)/messages/")


def point_discord_at(*, api_url: str | None, gateway_url: str | None) -> None:
    """Send discord.py elsewhere: to a gateway proxy, or to a stand-in in tests."""
    if api_url is not None:
        discord.http.Route.BASE = api_url
    if gateway_url is not None:
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)


def intents(*, message_content: bool) -> discord.Intents:
    """Return what the bot asks Discord for. No privileged intent, unless the operator turned on message content."""
    wanted = discord.Intents.none()
    wanted.guilds = True
    wanted.guild_messages = True
    wanted.dm_messages = True
    wanted.message_content = message_content
    return wanted


class NotAcknowledged(Exception):
    """Discord no longer knows the interaction: nothing may be spent on it, and nobody can be told."""


def permissions() -> discord.Permissions:
    """Return what the bot needs in a server: for the invite link. Nothing that manages, moderates or pings."""
    return discord.Permissions(
        view_channel=True,
        send_messages=True,
        send_messages_in_threads=True,
        create_public_threads=True,
        read_message_history=True,
        attach_files=True,
        send_voice_messages=True,
    )


class ParleyTree(app_commands.CommandTree["Parley"]):
    """The commands, with the boundary where whatever a command lets through becomes a sentence."""

    def __init__(self, client: Parley) -> None:
        super().__init__(client)
        self._known: deque[int] = deque(maxlen=KNOWN_INTERACTIONS)

    async def interaction_check(self, interaction: discord.Interaction[Parley], /) -> bool:
        """Run a command once, however often Discord delivers it: the first run acknowledged it, perhaps refusing."""
        if interaction.id in self._known:
            log.info("a command came again", extra={"trigger_id": interaction.id})
            return False
        self._known.append(interaction.id)
        return True

    async def on_error(self, interaction: discord.Interaction[Parley], error: app_commands.AppCommandError, /) -> None:
        """Tell the member, under an error id that is in the log."""
        if isinstance(error, app_commands.CommandInvokeError) and isinstance(error.original, NotAcknowledged):
            return  # logged where it happened
        sentences = interaction.client.services.sentences
        if isinstance(error, app_commands.CheckFailure):
            text = sentences("replies.not_allowed")
        else:
            error_id = new_error_id()
            log.error("a command failed", exc_info=error, extra={"error_id": error_id, "trigger_id": interaction.id})
            text = sentences.notice(ParleyError(), error_id)
        if interaction.response.is_done():
            await interaction.followup.send(text, ephemeral=True)
        else:
            await interaction.response.send_message(text, ephemeral=True)


class Parley(commands.Bot):
    """Parley on Discord."""

    def __init__(self, services: Services) -> None:
        # No voice channels: nobody needs to be told that their libraries are missing.
        discord.VoiceClient.warn_nacl = False
        discord.VoiceClient.warn_dave = False
        self.services = services
        super().__init__(
            command_prefix=commands.when_mentioned,  # no command uses it
            help_command=None,
            tree_cls=ParleyTree,
            intents=intents(message_content=services.message_content),
            heartbeat_timeout=HEARTBEAT_SECONDS,
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            max_ratelimit_timeout=30.0,
            http_trace=self._trace(),
        )
        self.command_sync = CommandSync(self)
        self.rest_refusals = 0  # answers with status 429

    async def setup_hook(self) -> None:
        """Load the extensions; sync the commands when they have changed. Runs before the first READY only."""
        for extension in EXTENSIONS:
            if extension not in self.extensions:  # a login that failed later is done again
                await self.load_extension(extension)
        await self.command_sync.sync_when_changed()

    async def before_identify_hook(self, _shard_id: int | None, *, initial: bool = False) -> None:
        """Count a login before it is sent."""
        if not initial:
            await self.services.clock.sleep(IDENTIFY_AGAIN_SECONDS)
        await self.services.identifies.note()

    def wanted_intents(self) -> discord.Intents:
        """Return the intents for the next login."""
        return intents(message_content=self.services.message_content)

    async def on_message(self, message: discord.Message, /) -> None:
        """Leave messages to the cogs: there are no prefix commands."""

    def _trace(self) -> aiohttp.TraceConfig:
        """Return a trace that lets the edit pace learn from Discord's rate-limit headers."""
        trace = aiohttp.TraceConfig()

        async def learn(
            _session: aiohttp.ClientSession, _context: SimpleNamespace, end: aiohttp.TraceRequestEndParams
        ) -> None:
            if end.method != "PATCH":
                return
            match = RATE_LIMITED_PATH.search(end.url.path)
            remaining = end.response.headers.get("X-RateLimit-Remaining")
            reset_after = end.response.headers.get("X-RateLimit-Reset-After")
            if match and remaining is not None and reset_after is not None:
                self.services.pace.learn(
                    match["channel"] or match["token"],
                    self.services.clock.perf_seconds(),
                    remaining=int(float(remaining)),
                    reset_after_seconds=float(reset_after),
                )

        async def count(
            _session: aiohttp.ClientSession, _context: SimpleNamespace, end: aiohttp.TraceRequestEndParams
        ) -> None:
            self.rest_refusals += end.response.status == HTTPStatus.TOO_MANY_REQUESTS

        trace.on_request_end.append(learn)
        trace.on_request_end.append(count)
        self.services.rest.hang_on(trace)
        return trace
