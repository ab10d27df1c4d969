"""The message menu "Transcribe / translate", and the buttons under transcripts."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.app import Parley
from bot.core.limits import LANGUAGE_CHARS
from bot.core.tasks import SoundAction, SoundTask
from cogs.ui.helping import HELP
from cogs.ui.listening import TRANSCRIBE, ask_about_sound, sound_of
from cogs.ui.menu_cog import MenuCog
from cogs.ui.modals import MODAL_SECONDS, OpenModals
from cogs.ui.transcript_buttons import TRANSCRIPT_BUTTONS


class AboutSound(discord.ui.Modal):
    """Asks what is to be done with the sound of a message. ``private``: nobody else sees the message, or the answer."""

    def __init__(
        self, bot: Parley, file: discord.Attachment, *, private: bool, opened_by: int, modals: OpenModals
    ) -> None:
        say = bot.services.sentences
        super().__init__(title=say("menus.sound_title"), timeout=MODAL_SECONDS, custom_id=modals.open(opened_by))
        self._file = file
        self._modals = modals
        self._to: discord.ui.TextInput[AboutSound] = discord.ui.TextInput(
            required=False, max_length=LANGUAGE_CHARS, placeholder=say("menus.sound_example"), custom_id="to"
        )
        self._summary: discord.ui.Checkbox[AboutSound] = discord.ui.Checkbox(custom_id="summary")
        to, summary = say("menus.sound_to"), say("menus.sound_summary")
        self.add_item(discord.ui.Label(text=to, description=say("menus.sound_to_explained"), component=self._to))
        self.add_item(discord.ui.Label(text=summary, component=self._summary))
        self._private: discord.ui.Checkbox[AboutSound] | None = None
        if not private:
            self._private = discord.ui.Checkbox(custom_id="private")
            self.add_item(discord.ui.Label(text=say("menus.private"), component=self._private))

    async def on_timeout(self) -> None:
        """Let whoever sends it later be told."""
        self._modals.forget(self.custom_id)

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Write it down."""
        to = self._to.value.strip() or None
        action = SoundAction.TRANSCRIBE if to is None else SoundAction.TRANSLATE
        task = SoundTask(action=action, to=to, summary=self._summary.value)
        private = self._private is None or self._private.value
        await ask_about_sound(interaction, task, file=self._file, private=private)


class Transcripts(MenuCog):
    """The menu; the commands are in the group ``/audio``."""

    def __init__(self, bot: Parley) -> None:
        self._bot = bot
        self._modals = OpenModals("sound:")
        self._menu = app_commands.ContextMenu(
            name=TRANSCRIBE,
            callback=self._transcribe_message,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
            extras={HELP: "help.menu_transcribe"},
        )

    async def _transcribe_message(self, interaction: discord.Interaction[Parley], message: discord.Message) -> None:
        # Discord delivers a menu's message with its files, whatever the intents.
        file = sound_of(message)
        if file is None:
            await interaction.response.send_message(self._bot.services.sentences("menus.no_sound"), ephemeral=True)
            return
        private = message.flags.ephemeral
        modal = AboutSound(self._bot, file, private=private, opened_by=interaction.id, modals=self._modals)
        await interaction.response.send_modal(modal)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Answer a modal that nobody waits for any more."""
        await self._modals.answer_lost(interaction, self._bot.services.sentences("menus.closed"))


async def setup(bot: Parley) -> None:
    """Add the cog and the buttons of its replies."""
    bot.add_dynamic_items(*TRANSCRIPT_BUTTONS)
    await bot.add_cog(Transcripts(bot))
