"""The button that reads an answer aloud. It survives restarts like the other ones: it carries the turn's id only."""

from __future__ import annotations

from typing import Any

import discord

from bot.core.errors.refusals import PrivateStaysPrivate
from bot.core.sound.words import spoken_words
from cogs.ui.asking import is_private
from cogs.ui.speaking import read_aloud
from cogs.ui.telling import Told, parley, refused_in_time
from cogs.ui.turn_button import TurnButton


class ReadAloudButton(
    TurnButton, discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"aloud:(?P<trigger_id>\d{1,20})"
):
    """Reads an answer aloud, to those who see it."""

    name, emoji = "aloud", "🔊"

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Read the stored answer; a private one privately."""
        private = is_private(interaction)
        try:
            async with refused_in_time(interaction):
                turn = await parley(interaction).services.conversations.seen_turn(
                    self.trigger_id, channel_id=interaction.channel_id or 0, by_id=interaction.user.id
                )
                if turn.is_private and not private:
                    raise PrivateStaysPrivate
        except Told:
            return
        await read_aloud(interaction, spoken_words(turn.answer), private=private)
