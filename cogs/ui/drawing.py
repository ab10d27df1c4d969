"""What the button under an answer does that offers to draw: it asks for the picture, for whoever pressed it."""

from __future__ import annotations

from typing import Any

import discord

from bot.core.drawing import parted
from bot.core.errors.refusals import UnknownTurn
from bot.core.tasks import PictureTask
from cogs.ui.asking import is_private
from cogs.ui.picturing import ask_for_pictures
from cogs.ui.telling import Told, member_of, parley, refused_in_time


async def draw(interaction: discord.Interaction[Any], trigger_id: int) -> None:
    """Draw what the stored answer wishes to be drawn: a task with a trigger, a reservation and limits of its own."""
    conversations = parley(interaction).services.conversations
    try:
        async with refused_in_time(interaction):
            turn = await conversations.turn(
                trigger_id, channel_id=interaction.channel_id or 0, by=member_of(interaction)
            )
            _, wish = parted(turn.answer)
            if wish is None:
                raise UnknownTurn
    except Told:
        return
    await ask_for_pictures(interaction, wish, PictureTask(), private=is_private(interaction))
