"""Shows replies that were paid for and that Discord did not take, after their asker's next command, to nobody else."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands

from bot.app import Parley
from bot.core.conversation import Reply, ReplyKind
from bot.core.errors.delivery import DeliveryFailed
from bot.core.limits import MESSAGE_CHARS
from cogs.ui.calls import UPLOAD_SECONDS, refusal_of
from cogs.ui.channel_messages import files_of
from cogs.ui.telling import follow_up


class Parked(commands.Cog):
    """The replies that wait."""

    def __init__(self, bot: Parley) -> None:
        self._bot = bot
        self._services = bot.services

    async def cog_load(self) -> None:
        """Learn whose replies an earlier run parked."""
        await self._services.turns.parked.load()

    @commands.Cog.listener()
    async def on_app_command_completion(
        self,
        interaction: discord.Interaction[Any],
        _command: app_commands.Command[Any, ..., Any] | app_commands.ContextMenu,
    ) -> None:
        """Show what waits for this member."""
        await self._services.turns.parked.show(interaction.user.id, interaction.id, partial(self._show, interaction))

    async def _show(self, interaction: discord.Interaction[Any], reply: Reply, *, begins: bool) -> None:
        """Show a reply below the line that says what it is: in one message, so that the line never stands alone."""
        line = self._services.sentences("replies.parked") if begins and reply.kind is ReplyKind.ANSWER else ""
        try:
            # A follow-up has no nonce: what is sent twice stands twice.
            async with asyncio.timeout(UPLOAD_SECONDS):
                with self._services.rest.unrepeated():
                    for page in reply.pages:
                        content = f"{line}\n\n{page.content}".strip()
                        if len(content) > MESSAGE_CHARS:  # a page of words only: nothing is too large about it
                            await follow_up(interaction, line)
                            content = page.content
                        await follow_up(interaction, content, files_of(page))
                        line = ""
        except discord.HTTPException as error:
            raise (refusal_of(error) or DeliveryFailed(f"status {error.status} code {error.code}")) from error
        except (TimeoutError, OSError, aiohttp.ClientError, discord.RateLimited) as error:
            raise DeliveryFailed(type(error).__name__) from error


async def setup(bot: Parley) -> None:
    """Add the cog."""
    await bot.add_cog(Parked(bot))
