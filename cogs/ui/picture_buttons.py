"""The buttons under pictures. They survive restarts: the custom id has the trigger's id, the pictures are Discord's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import discord

from bot.core.conversation import Question, Reply
from bot.core.limits import PICTURE_PROMPT_CHARS
from bot.core.sentences import Sentences
from bot.core.tasks import PictureAction, PictureTask
from cogs.ui import picturing
from cogs.ui.asking import is_private
from cogs.ui.attached import pictures_of
from cogs.ui.describing import describe_message
from cogs.ui.modals import MODAL_SECONDS, TEXT_INPUT_CHARS
from cogs.ui.telling import parley
from cogs.ui.turn_button import TurnButton

FIRST = "0"
EDITING = "edit_picture:"
PROMPT = "prompt"
WHICH = "which"

Interaction = discord.Interaction[Any]
Button = discord.ui.DynamicItem[discord.ui.Button[Any]]


class VaryButton(TurnButton, Button, template=r"vary:(?P<trigger_id>\d{1,20})"):
    """Makes a variation of the one picture."""

    name, emoji = "vary", "🎲"

    async def callback(self, interaction: Interaction) -> None:
        """Make it."""
        await _vary(interaction, self.trigger_id, number=0)


class VarySelect(discord.ui.DynamicItem[discord.ui.Select[Any]], template=r"varyone:(?P<trigger_id>\d{1,20})"):
    """Makes a variation of one of several pictures."""

    def __init__(self, trigger_id: int, options: list[discord.SelectOption], placeholder: str | None = None) -> None:
        select: discord.ui.Select[Any] = discord.ui.Select(
            custom_id=f"varyone:{trigger_id}", placeholder=placeholder, options=options
        )
        super().__init__(select)
        self.trigger_id = trigger_id

    @classmethod
    async def from_custom_id(
        cls, interaction: Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Make the select that was used."""
        options = item.options if isinstance(item, discord.ui.Select) else []
        return cls(int(match["trigger_id"]), options)

    async def callback(self, interaction: Interaction) -> None:
        """Make a variation of the one that was chosen."""
        await _vary(interaction, self.trigger_id, number=int(self.item.values[0]))


class EditButton(TurnButton, Button, template=r"edit:(?P<trigger_id>\d{1,20})"):
    """Asks what is to be changed in a picture."""

    name, emoji = "edit", "🖌️"

    async def callback(self, interaction: Interaction) -> None:
        """Ask."""
        found = await picturing.kept_pictures(interaction, self.trigger_id)
        if found is not None:
            say = parley(interaction).services.sentences
            sources = _sources(interaction)
            await interaction.response.send_modal(EditPicture(say, self.trigger_id, len(sources)))


class AgainButton(TurnButton, Button, template=r"redraw:(?P<trigger_id>\d{1,20})"):
    """Asks for the same pictures anew."""

    name, emoji = "redraw", "🔁"

    async def callback(self, interaction: Interaction) -> None:
        """Ask anew, for the person who pressed."""
        found = await picturing.kept_pictures(interaction, self.trigger_id)
        if found is not None:
            private = is_private(interaction)
            await picturing.ask_for_pictures(interaction, found[0].text, found[1], private=private)


class DescribeButton(TurnButton, Button, template=r"describe:(?P<trigger_id>\d{1,20})"):
    """Describes the pictures."""

    name, emoji = "describe", "🔎"

    async def callback(self, interaction: Interaction) -> None:
        """Describe them, to whoever pressed."""
        if interaction.message is not None:
            await describe_message(interaction, interaction.message)


class DeletePicturesButton(TurnButton, Button, template=r"unpicture:(?P<trigger_id>\d{1,20})"):
    """Takes pictures away and forgets what they were asked for with."""

    name, emoji = "unpicture", "🗑️"

    async def callback(self, interaction: Interaction) -> None:
        """Do that, for the person who asked or a moderator."""
        await picturing.delete_pictures(interaction, self.trigger_id)


PICTURE_BUTTONS = (VaryButton, VarySelect, EditButton, AgainButton, DescribeButton, DeletePicturesButton)


class EditPicture(discord.ui.Modal):
    """Asks what is to be changed, and in which picture. ``edit_submitted`` answers it, also after a restart."""

    def __init__(self, say: Sentences, trigger_id: int, pictures: int) -> None:
        super().__init__(title=say("pictures.edit_title"), timeout=MODAL_SECONDS, custom_id=f"{EDITING}{trigger_id}")
        prompt: discord.ui.TextInput[EditPicture] = discord.ui.TextInput(
            style=discord.TextStyle.paragraph,
            max_length=min(TEXT_INPUT_CHARS, PICTURE_PROMPT_CHARS),
            placeholder=say("pictures.edit_example"),
            custom_id=PROMPT,
        )
        self.add_item(discord.ui.Label(text=say("pictures.edit_what"), component=prompt))
        if pictures > 1:
            which: discord.ui.Select[EditPicture] = discord.ui.Select(
                custom_id=WHICH, options=_options(say, pictures, chosen=FIRST)
            )
            self.add_item(discord.ui.Label(text=say("pictures.which"), component=which))


async def edit_submitted(interaction: Interaction) -> None:
    """Edit the picture that somebody sent the modal for; nothing for any other interaction."""
    data: Mapping[str, Any] = interaction.data or {}
    prefix, _, trigger_id = str(data.get("custom_id", "")).rpartition(":")
    if interaction.type is not discord.InteractionType.modal_submit or f"{prefix}:" != EDITING:
        return
    found = await picturing.kept_pictures(interaction, int(trigger_id))
    if found is None:
        return
    given = {part["custom_id"]: part for row in data["components"] if (part := row.get("component")) is not None}
    number = int(given[WHICH]["values"][0]) if WHICH in given else 0
    task = replace(found[1], action=PictureAction.EDIT)
    await picturing.change_picture(
        interaction, given[PROMPT]["value"].strip(), task, _sources(interaction)[number:][:1]
    )


def picture_view(say: Sentences, question: Question, reply: Reply) -> discord.ui.View:
    """Return the buttons under finished pictures."""
    trigger_id, count = question.trigger_id, sum(len(page.files) for page in reply.pages)
    view = discord.ui.View(timeout=None)
    if count > 1:
        view.add_item(VarySelect(trigger_id, _options(say, count), say("pictures.vary_which")))
    else:
        view.add_item(VaryButton(trigger_id, say("buttons.vary")))
    view.add_item(EditButton(trigger_id, say("buttons.edit")))
    if isinstance(question.task, PictureTask) and question.task.action is PictureAction.GENERATE:
        # What was edited or varied is not kept: only a prompt can be asked again.
        view.add_item(AgainButton(trigger_id, say("buttons.again")))
    view.add_item(DescribeButton(trigger_id, say("buttons.describe")))
    view.add_item(DeletePicturesButton(trigger_id, say("buttons.delete")))
    return view


def _options(say: Sentences, count: int, *, chosen: str | None = None) -> list[discord.SelectOption]:
    return [
        discord.SelectOption(
            label=say("pictures.number", number=number + 1), value=str(number), default=str(number) == chosen
        )
        for number in range(count)
    ]


def _sources(interaction: Interaction) -> list[discord.Attachment]:
    """Return the pictures above the button: Discord sent their links along anew."""
    return pictures_of(interaction.message) if interaction.message is not None else []


async def _vary(interaction: Interaction, trigger_id: int, *, number: int) -> None:
    found = await picturing.kept_pictures(interaction, trigger_id)
    if found is not None:
        sources = _sources(interaction)[number : number + 1]
        await picturing.change_picture(interaction, "", replace(found[1], action=PictureAction.VARY), sources)
