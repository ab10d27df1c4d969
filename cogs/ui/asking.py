"""Asks for whoever used a command, a menu or a button: refused at once, or acknowledged and then answered."""

from __future__ import annotations

from typing import Any

import discord

from bot.core.catalogue import Capability
from bot.core.conversation import ChatOptions, ConversationKey, Question
from bot.core.ports.files import FileReader
from cogs.ui.acknowledging import NotAcknowledged, defer
from cogs.ui.questions import question_of_interaction, route_of_interaction, server_of
from cogs.ui.telling import parley, told

Interaction = discord.Interaction[Any]


def is_private(interaction: Interaction) -> bool:
    """Whether the message under which a button was pressed is seen by one person only."""
    return interaction.message is not None and interaction.message.flags.ephemeral


async def is_refused(
    interaction: Interaction,
    conversation: ConversationKey | None = None,
    *,
    model: str | None = None,
    capability: Capability = "chat",
) -> bool:
    """Say at once, and only to this person, what memory alone knows to be in the way; return whether it did."""
    refusal = parley(interaction).services.turns.early_refusal(
        conversation,
        member_id=interaction.user.id,
        guild_id=server_of(interaction),
        model=model,
        capability=capability,
    )
    if refusal is not None:
        await interaction.response.send_message(refusal, ephemeral=True)
    return refusal is not None


async def acknowledged(
    interaction: Interaction,
    text: str,
    *,
    private: bool,
    options: ChatOptions = ChatOptions(),  # noqa: B008
    conversation: ConversationKey | None = None,
    model: str | None = None,
    capability: Capability = "chat",
) -> Question | None:
    """Refuse or acknowledge an interaction; return what it asks, ``None`` when nothing is left to do.

    ``model``: the one that the member chose for the capability.
    """
    if await is_refused(interaction, conversation, model=model or options.model, capability=capability):
        return None
    try:
        response_id = await defer(interaction, ephemeral=private)
    except NotAcknowledged:
        return None
    route = route_of_interaction(interaction, response_id=response_id, ephemeral=private)
    return question_of_interaction(interaction, text=text, route=route, options=options, conversation=conversation)


async def ask(
    interaction: Interaction,
    question: Question,
    files: FileReader | None = None,
    *,
    takes_over: tuple[int, ...] = (),
    retries: int | None = None,
) -> None:
    """Answer a question where its route leads, over the messages of an answer that it takes over."""
    from cogs.ui.replies import screen_for  # noqa: PLC0415 - the buttons that it shows ask with this module

    bot = parley(interaction)
    await bot.services.turns.ask(question, screen_for(bot, question, takes_over=takes_over), files, retries=retries)


async def answer(interaction: Interaction, question: Question, files: FileReader | None = None) -> None:
    """Answer a question in place of the response; so is told what goes wrong."""
    async with told(interaction, in_response=True):
        await ask(interaction, question, files)
