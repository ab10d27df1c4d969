"""The button that reads an answer aloud. It survives restarts like the other ones: it carries the turn's id only."""

from __future__ import annotations

from typing import Any

import discord

from bot.core.errors import PrivateStaysPrivate
from bot.core.sound.words import spoken_words
from bot.core.tasks import SpeechTask
from cogs.ui.acknowledging import NotAcknowledged, defer
from cogs.ui.telling import parley, told
from cogs.ui.turn_button import TurnButton


class ReadAloudButton(
    TurnButton, discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"aloud:(?P<trigger_id>\d{1,20})"
):
    """Reads an answer aloud, to those who see it."""

    name, emoji = "aloud", "🔊"

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Read the stored answer; a private one privately. Whoever presses pays from their own limit."""
        from cogs.ui.speaking import read_aloud, refuse_early  # noqa: PLC0415 - they show the reply with these buttons

        bot = parley(interaction)
        private = interaction.message is not None and interaction.message.flags.ephemeral
        if await refuse_early(interaction, bot):
            return
        try:
            response_id = await defer(interaction, ephemeral=private)
        except NotAcknowledged:
            return
        async with told(interaction, in_response=True):
            turn = await bot.services.conversations.seen_turn(
                self.trigger_id, channel_id=interaction.channel_id or 0, by_id=interaction.user.id
            )
            if turn.is_private and not private:
                raise PrivateStaysPrivate
            text = spoken_words(turn.answer)
            await read_aloud(interaction, bot, text, SpeechTask(), response_id=response_id, private=private)
