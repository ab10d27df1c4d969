"""Reads a text aloud for whoever asks by a command, a menu or a button."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import discord

from bot.app import Parley
from bot.core.conversation import ChatOptions
from bot.core.ports import FileReader
from bot.core.tasks import SpeechTask
from cogs.ui.questions import question_of_interaction, route_of_interaction
from cogs.ui.replies import screen_for
from cogs.ui.telling import told


def speech_task(interaction: discord.Interaction[Any], task: SpeechTask = SpeechTask()) -> SpeechTask:  # noqa: B008
    """Return a task as it can be answered where the interaction came from."""
    may_be_voice = interaction.guild_id is None or interaction.app_permissions.send_voice_messages
    return replace(task, may_be_voice=may_be_voice, limit_bytes=interaction.filesize_limit)


async def refuse_early(interaction: discord.Interaction[Any], bot: Parley, *, model: str | None = None) -> bool:
    """Refuse what memory alone can refuse, before anything is acknowledged; return whether it did."""
    refusal = bot.services.turns.early_refusal(None, member_id=interaction.user.id, model=model, capability="speech")
    if refusal is not None:
        await interaction.response.send_message(refusal, ephemeral=True)
    return refusal is not None


async def read_aloud(
    interaction: discord.Interaction[Any],
    bot: Parley,
    text: str,
    task: SpeechTask,
    *,
    response_id: int | None,
    private: bool,
    files: FileReader | None = None,
) -> None:
    """Read a text aloud, or the text of a file. The interaction has been deferred."""
    route = route_of_interaction(interaction, response_id=response_id, ephemeral=private)
    if (
        interaction.guild_id is not None
        and interaction.is_user_integration()
        and not interaction.is_guild_integration()
    ):
        route = replace(route, single_page=True)  # the app is the member's alone: only the response is there
    question = question_of_interaction(interaction, text=text, route=route, options=ChatOptions(), conversation=None)
    question = replace(question, task=speech_task(interaction, task))
    async with told(interaction, in_response=True):
        await bot.services.turns.ask(question, screen_for(bot, question), files)
