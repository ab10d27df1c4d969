"""What the picture commands and the buttons under pictures share: from what a member chose to a turn."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import discord

from bot.core.errors.delivery import DeliveryFailed, DeliveryRefused
from bot.core.errors.refusals import NotYours, UnknownTurn
from bot.core.ports.files import FileReader
from bot.core.tasks import KeptTask, PictureAction, PictureTask
from cogs.ui.acknowledging import NotAcknowledged, defer
from cogs.ui.asking import acknowledged, answer, is_private
from cogs.ui.calls import call
from cogs.ui.telling import Told, follow_up, member_of, parley, refused_in_time, told

log = logging.getLogger(__name__)

Interaction = discord.Interaction[Any]


async def ask_for_pictures(
    interaction: Interaction, text: str, task: PictureTask, files: FileReader | None = None, *, private: bool
) -> None:
    """Acknowledge the interaction and answer it with pictures. Every press pays for itself."""
    if not text.strip() and task.action is not PictureAction.VARY:
        say = parley(interaction).services.sentences
        await interaction.response.send_message(say("pictures.no_words"), ephemeral=True)
        return
    question = await acknowledged(interaction, text, private=private, model=task.model, capability="image")
    if question is not None:
        await answer(interaction, replace(question, task=task), files)


async def kept_pictures(interaction: Interaction, trigger_id: int) -> tuple[KeptTask, PictureTask] | None:
    """Return what the pictures were asked for with; otherwise say that it is not kept, and return ``None``."""
    services = parley(interaction).services
    try:
        async with refused_in_time(interaction):
            kept = await services.store.kept_task(trigger_id)
            if kept is None or kept.channel_id != interaction.channel_id or not isinstance(kept.task, PictureTask):
                raise UnknownTurn
    except Told:
        return None
    return kept, kept.task


async def change_picture(
    interaction: Interaction, text: str, task: PictureTask, sources: Sequence[discord.Attachment]
) -> None:
    """Make one new picture from these ones."""
    services = parley(interaction).services
    if not sources:
        await interaction.response.send_message(services.sentences("pictures.none_left"), ephemeral=True)
        return
    # The style stands in the picture already.
    task = replace(task, count=1, style=None)
    await ask_for_pictures(interaction, text, task, services.reading.pictures(sources), private=is_private(interaction))


async def delete_pictures(interaction: Interaction, trigger_id: int) -> None:
    """Forget what pictures were asked for with, and take their message away."""
    services = parley(interaction).services
    try:
        await defer(interaction, ephemeral=is_private(interaction), thinking=False)
    except NotAcknowledged:
        return
    async with told(interaction, in_response=False):
        kept = await services.store.kept_task(trigger_id)
        if kept is None or kept.channel_id != interaction.channel_id:
            raise UnknownTurn
        if not member_of(interaction).may_change(kept.author_id):
            raise NotYours
        await services.store.forget_task(trigger_id)
        try:
            with suppress(discord.NotFound):
                await call(interaction.delete_original_response, clock=services.clock)
        except (DeliveryFailed, DeliveryRefused) as error:
            log.warning("forgotten pictures stay in sight", extra={"trigger_id": trigger_id, "detail": error.detail})
            await follow_up(interaction, services.sentences("replies.forgotten_but_shown"))
