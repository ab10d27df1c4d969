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
from bot.core.conversation import Claim
from bot.core.errors import DeliveryFailed
from cogs.ui.calls import UPLOAD_SECONDS
from cogs.ui.screen import files_of


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
        await self._services.turns.parked.show(interaction.user.id, partial(self._show, interaction))

    async def _show(self, interaction: discord.Interaction[Any], claim: Claim) -> None:
        if claim.reply is None:
            return
        first = self._services.sentences("replies.parked")
        try:
            async with asyncio.timeout(UPLOAD_SECONDS):
                await interaction.followup.send(first, ephemeral=True)
                for page in claim.reply.pages:
                    await interaction.followup.send(
                        page.content or discord.utils.MISSING, files=files_of(page), ephemeral=True
                    )
        except (TimeoutError, OSError, aiohttp.ClientError, discord.HTTPException, discord.RateLimited) as error:
            raise DeliveryFailed(type(error).__name__) from error


async def setup(bot: Parley) -> None:
    """Add the cog."""
    await bot.add_cog(Parked(bot))
