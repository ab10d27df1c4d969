"""What the button under an answer does that offers to draw: it asks for the picture, for whoever pressed it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import discord

from bot.core.conversation import ChatOptions, Question
from bot.core.drawing import parted
from bot.core.errors import UnknownTurn
from bot.core.ports import Screen
from bot.core.tasks import PictureTask
from cogs.ui.acknowledging import NotAcknowledged, defer
from cogs.ui.questions import question_of_interaction, route_of_interaction
from cogs.ui.telling import Told, member_of, parley, refused_in_time, told


async def draw(
    interaction: discord.Interaction[Any], trigger_id: int, screen_for: Callable[[Question], Screen]
) -> None:
    """Draw what the stored answer wishes to be drawn: a task with a trigger, a reservation and limits of its own."""
    services = parley(interaction).services
    private = interaction.message is not None and interaction.message.flags.ephemeral
    refusal = services.turns.early_refusal(None, member_id=interaction.user.id, capability="image")
    if refusal is not None:
        await interaction.response.send_message(refusal, ephemeral=True)
        return
    try:
        async with refused_in_time(interaction):
            turn = await services.conversations.turn(
                trigger_id, channel_id=interaction.channel_id or 0, by=member_of(interaction)
            )
            _, wish = parted(turn.answer)
            if wish is None:
                raise UnknownTurn
        response_id = await defer(interaction, ephemeral=private)
    except (Told, NotAcknowledged):
        return
    async with told(interaction, in_response=True):
        route = route_of_interaction(interaction, response_id=response_id, ephemeral=private)
        question = question_of_interaction(
            interaction, text=wish, route=route, options=ChatOptions(), conversation=None
        )
        question = replace(question, task=PictureTask())
        await services.turns.ask(question, screen_for(question))
