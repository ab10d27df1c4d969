"""Message menus: "Ask AI about this" asks for a question and answers it with the message as context."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.app import Parley
from bot.core.conversation import Quote
from bot.core.limits import QUESTION_CHARS
from cogs.ui.asking import acknowledged, answer
from cogs.ui.attached import pictures_of, quoted_pictures
from cogs.ui.helping import HELP
from cogs.ui.menu_cog import MenuCog
from cogs.ui.modals import MODAL_SECONDS, TEXT_INPUT_CHARS, OpenModals
from cogs.ui.questions import conversation_of, plain_text

ASK_ABOUT = "Ask AI about this"


class AboutMessage(discord.ui.Modal):
    """Asks what a member wants to know about a message; about one that only they see, for them alone."""

    def __init__(
        self, bot: Parley, quote: Quote, message: discord.Message, *, opened_by: int, modals: OpenModals
    ) -> None:
        say = bot.services.sentences
        super().__init__(title=say("menus.title"), timeout=MODAL_SECONDS, custom_id=modals.open(opened_by))
        self._bot = bot
        self._modals = modals
        self._quote = quote
        self._files = bot.services.reading.files([], kept=True, quoted=quoted_pictures(message))
        self._question: discord.ui.TextInput[AboutMessage] = discord.ui.TextInput(
            style=discord.TextStyle.paragraph,
            max_length=min(TEXT_INPUT_CHARS, QUESTION_CHARS),
            placeholder=say("menus.example"),
            custom_id="question",
        )
        self.add_item(discord.ui.Label(text=say("menus.question"), component=self._question))
        self._private: discord.ui.Checkbox[AboutMessage] | None = None
        if not message.flags.ephemeral:
            self._private = discord.ui.Checkbox(custom_id="private")
            private, explained = say("menus.private"), say("menus.private_explained")
            self.add_item(discord.ui.Label(text=private, description=explained, component=self._private))

    async def on_timeout(self) -> None:
        """Let whoever sends it later be told."""
        self._modals.forget(self.custom_id)

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Answer in the channel's conversation, or in the member's own."""
        private = self._private is None or self._private.value
        text = self._question.value.strip()
        if not text:
            await interaction.response.send_message(self._bot.services.sentences("menus.no_question"), ephemeral=True)
            return
        only_for = interaction.user.id if private else None
        conversation = conversation_of(interaction.channel_id or 0, interaction.guild_id, only_for=only_for)
        question = await acknowledged(interaction, text, private=private, conversation=conversation)
        if question is not None:
            await answer(interaction, replace(question, quote=self._quote), self._files)


class Menus(MenuCog):
    """The message menus."""

    def __init__(self, bot: Parley) -> None:
        self._bot = bot
        self._modals = OpenModals("ask_about:")
        self._menu = app_commands.ContextMenu(
            name=ASK_ABOUT,
            callback=self._ask_about,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
            extras={HELP: "help.menu_ask"},
        )

    async def _ask_about(self, interaction: discord.Interaction[Parley], message: discord.Message) -> None:
        # Discord delivers a menu's message with its content, whatever the intents.
        text = plain_text(message, self._bot.user.id if self._bot.user is not None else 0)
        if not text and not pictures_of(message):
            answer = self._bot.services.sentences("menus.unreadable")
            await interaction.response.send_message(answer, ephemeral=True)
            return
        quote = Quote(message.author.display_name, text)
        modal = AboutMessage(self._bot, quote, message, opened_by=interaction.id, modals=self._modals)
        await interaction.response.send_modal(modal)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Answer a modal that nobody waits for any more."""
        await self._modals.answer_lost(interaction, self._bot.services.sentences("menus.closed"))


async def setup(bot: Parley) -> None:
    """Add the cog."""
    await bot.add_cog(Menus(bot))
