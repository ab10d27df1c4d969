"""Reads a text aloud for whoever asks by a command, a menu or a button."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import discord

from bot.core.ports.files import FileReader
from bot.core.tasks import SpeechTask
from cogs.ui.asking import acknowledged, answer


def speech_task(interaction: discord.Interaction[Any], task: SpeechTask = SpeechTask()) -> SpeechTask:  # noqa: B008
    """Return a task as it can be answered where the interaction came from."""
    may_be_voice = interaction.guild_id is None or interaction.app_permissions.send_voice_messages
    return replace(task, may_be_voice=may_be_voice, limit_bytes=interaction.filesize_limit)


async def read_aloud(
    interaction: discord.Interaction[Any],
    text: str,
    task: SpeechTask = SpeechTask(),  # noqa: B008
    *,
    private: bool,
    files: FileReader | None = None,
) -> None:
    """Read a text aloud, or the text of a file. It acknowledges. Whoever asks pays from their own limit."""
    question = await acknowledged(interaction, text, private=private, model=task.model, capability="speech")
    if question is None:
        return
    if (
        interaction.guild_id is not None
        and interaction.is_user_integration()
        and not interaction.is_guild_integration()
    ):  # the app is the member's alone: only the response is there
        question = replace(question, route=replace(question.route, single_page=True))
    await answer(interaction, replace(question, task=speech_task(interaction, task)), files)
