"""What the cogs with a message menu share: discord.py adds a cog's commands by itself, but not its menus."""

from __future__ import annotations

from discord import app_commands
from discord.ext import commands

from bot.app import Parley


class MenuCog(commands.Cog):
    """A cog with one menu."""

    _bot: Parley
    _menu: app_commands.ContextMenu

    async def cog_load(self) -> None:
        """Add the menu."""
        self._bot.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """Take the menu away."""
        self._bot.tree.remove_command(self._menu.name, type=self._menu.type)
