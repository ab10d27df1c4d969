"""An extension for a bot in the sandbox: a message menu, and a listener with a mistake."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.app import Parley

MISTAKE = "make a mistake"


class WithMistake(commands.Cog):
    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        if message.content == MISTAKE:
            raise LookupError("a mistake")


async def count_letters(interaction: discord.Interaction[Parley], message: discord.Message) -> None:
    await interaction.response.send_message(f"{len(message.content)} letters")


async def setup(bot: Parley) -> None:
    bot.tree.add_command(app_commands.ContextMenu(name="Count letters", callback=count_letters))
    await bot.add_cog(WithMistake())
