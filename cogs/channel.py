"""/channel configure: how the bot behaves in one channel."""

from __future__ import annotations

import logging

import discord
from discord import app_commands
from discord.ext import commands

from bot.app import Parley
from bot.core.preferences import ChannelMode

log = logging.getLogger(__name__)


@app_commands.default_permissions(manage_guild=True)
@app_commands.guild_only()
class Channel(commands.GroupCog, group_name="channel", group_description="How I behave in a channel"):
    """The settings of a channel."""

    def __init__(self, bot: Parley) -> None:
        self._services = bot.services

    @app_commands.command()
    @app_commands.describe(mode="mention: I answer when I am mentioned or replied to; auto: I answer every message")
    @app_commands.checks.has_permissions(manage_guild=True)
    async def configure(self, interaction: discord.Interaction[Parley], mode: ChannelMode) -> None:
        """Set which messages I answer in this channel"""
        channel = f"<#{interaction.channel_id}>"
        if mode is ChannelMode.AUTO and not self._services.message_content:
            text = self._services.sentences("replies.mode_auto_without_intent", channel=channel)
            await interaction.response.send_message(text, ephemeral=True)
            return
        await interaction.response.defer(ephemeral=True)
        await self._services.preferences.set_channel_mode(
            interaction.channel_id or 0, mode, changed_by=interaction.user.id
        )
        log.info("channel mode set", extra={"channel_id": interaction.channel_id, "mode": mode.value})
        text = self._services.sentences(f"replies.mode_{mode.value}", channel=channel)
        await interaction.edit_original_response(content=text)


async def setup(bot: Parley) -> None:
    """Add the cog."""
    await bot.add_cog(Channel(bot))
