"""Describes pictures: for the command, for the message menu, and for the button under pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import discord

from bot.core.conversation import ChatOptions
from bot.core.limits import PICTURES
from bot.core.ports.files import FileReader
from cogs.ui.asking import acknowledged, answer
from cogs.ui.attached import pictures_of, quoted_pictures
from cogs.ui.telling import parley


async def describe(
    interaction: discord.Interaction[Any],
    files: FileReader | None,
    *,
    question: str,
    options: ChatOptions,
    private: bool,
    show_question: bool = False,
) -> None:
    """Answer a question about pictures, once: no history is read and nothing is kept. It acknowledges."""
    asked = await acknowledged(interaction, question, private=private, options=options)
    if asked is not None:
        asked = replace(asked, show_question=asked.show_question or show_question)
        await answer(interaction, asked, files)


async def describe_message(
    interaction: discord.Interaction[Any],
    message: discord.Message,
    *,
    question: str | None = None,
    private: bool = True,
) -> None:
    """Describe the pictures of a message, or answer a question about them. It acknowledges the interaction."""
    say = parley(interaction).services.sentences
    pictures = pictures_of(message)
    if not pictures:
        await interaction.response.send_message(say("pictures.none_here"), ephemeral=True)
        return
    if question is None:
        question = say("pictures.describe_one" if len(pictures) == 1 else "pictures.describe_several")
        if len(pictures) > PICTURES:
            question = say("pictures.describe_first", limit=PICTURES, pictures=len(pictures))
    # Not the member's own pictures: one that cannot be used is left out, and named.
    reading = parley(interaction).services.reading
    files = reading.files([], kept=False, quoted=quoted_pictures(message), about_quoted=True)
    await describe(
        interaction,
        files,
        question=question,
        options=ChatOptions(),
        private=private,
        show_question=len(pictures) > PICTURES,  # it says which ones are described
    )
