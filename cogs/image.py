"""/image: pictures. ``describe`` looks at one."""

from __future__ import annotations

from typing import Literal

import discord
from discord import app_commands
from discord.app_commands import Range
from discord.ext import commands

from bot.app import Parley
from bot.core.conversation import ChatOptions
from bot.core.limits import MAX_TOKENS, QUESTION_CHARS
from cogs.ui.describing import describe, describe_message

DESCRIBE = "Describe image"


@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
class Image(commands.GroupCog, name="image", description="Pictures"):
    """The picture commands and the picture menu."""

    def __init__(self, bot: Parley) -> None:
        self._bot = bot
        self._menu = app_commands.ContextMenu(
            name=DESCRIBE,
            callback=self._describe_menu,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
        )

    async def cog_load(self) -> None:
        """Add the menu: a cog does not do that by itself."""
        self._bot.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """Take the menu away."""
        self._bot.tree.remove_command(self._menu.name, type=self._menu.type)

    @app_commands.command(name="describe")
    @app_commands.describe(
        image="The picture: PNG, JPEG, WebP or a still GIF, up to 20 MiB and 40 megapixels",
        question="What you want to know about it",
        detail="How closely the AI looks: low is cheaper, high sees small print",
        alt_text="Write a text for people who do not see it, ready to be copied",
        max_tokens="The longest answer, in tokens (about 4 characters each)",
        private="Only you see the answer (on unless you switch it off)",
    )
    async def describe(
        self,
        interaction: discord.Interaction[Parley],
        image: discord.Attachment,
        question: Range[str, 1, QUESTION_CHARS] | None = None,
        detail: Literal["auto", "low", "high"] | None = None,
        alt_text: bool = False,
        max_tokens: Range[int, MAX_TOKENS[0], MAX_TOKENS[1]] | None = None,
        private: bool = True,
    ) -> None:
        """Look at a picture: describe it, or answer a question about it"""
        say = self._bot.services.sentences
        wanted = question or say("pictures.describe_alt_text" if alt_text else "pictures.describe_one")
        instructions = say("pictures.alt_text_instructions") if alt_text else None
        options = ChatOptions(max_tokens=max_tokens, system_prompt=instructions, detail=detail)
        await describe(interaction, [image], question=wanted, options=options, private=private)

    async def _describe_menu(self, interaction: discord.Interaction[Parley], message: discord.Message) -> None:
        await describe_message(interaction, message)


async def setup(bot: Parley) -> None:
    """Add the cog."""
    await bot.add_cog(Image(bot))
