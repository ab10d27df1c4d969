"""/channel configure: how the bot behaves in one channel."""

from __future__ import annotations

import logging

import discord
from discord import app_commands
from discord.ext import commands

from bot.app import Parley
from bot.core.preferences import ChannelMode, VoiceMessages
from cogs.ui.listening import TRANSCRIBE

log = logging.getLogger(__name__)


@app_commands.default_permissions(manage_guild=True)
@app_commands.guild_only()
class Channel(commands.GroupCog, group_name="channel", group_description="How I behave in a channel"):
    """The settings of a channel."""

    def __init__(self, bot: Parley) -> None:
        self._services = bot.services

    @app_commands.command()
    @app_commands.describe(
        mode="mention: I answer when I am mentioned or replied to; auto: I answer every message",
        voice_messages="off: I leave them alone; transcribe: I write them down; answer: I answer them, too",
    )
    @app_commands.checks.has_permissions(manage_guild=True)
    async def configure(
        self,
        interaction: discord.Interaction[Parley],
        mode: ChannelMode | None = None,
        voice_messages: VoiceMessages | None = None,
    ) -> None:
        """Set which messages I answer in this channel"""
        sentences = self._services.sentences
        channel = f"<#{interaction.channel_id}>"
        if mode is None and voice_messages is None:
            await interaction.response.send_message(sentences("replies.nothing_to_set"), ephemeral=True)
            return
        if mode is ChannelMode.AUTO and not self._services.message_content:
            text = sentences("replies.mode_auto_without_intent", channel=channel)
            await interaction.response.send_message(text, ephemeral=True)
            return
        await interaction.response.defer(ephemeral=True)
        channel_id, preferences, told = interaction.channel_id or 0, self._services.preferences, []
        if mode is not None:
            await preferences.set_channel_mode(channel_id, mode, changed_by=interaction.user.id)
            log.info("channel mode set", extra={"channel_id": channel_id, "mode": mode.value})
            told.append(sentences(f"replies.mode_{mode.value}", channel=channel))
        if voice_messages is not None:
            await preferences.set_voice_messages(channel_id, voice_messages, changed_by=interaction.user.id)
            log.info("voice messages set", extra={"channel_id": channel_id, "mode": voice_messages.value})
            told.append(sentences(f"replies.voice_{voice_messages.value}", channel=channel))
            if voice_messages is not VoiceMessages.OFF and not self._services.message_content:
                told.append(sentences("replies.voice_without_intent", name=TRANSCRIBE))
        await interaction.edit_original_response(content="\n".join(told))


async def setup(bot: Parley) -> None:
    """Add the cog."""
    await bot.add_cog(Channel(bot))
