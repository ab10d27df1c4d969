"""/help: what can be done where it is used, computed from the commands, the channel and the permissions."""

from __future__ import annotations

from collections.abc import Iterator

import discord
from discord import app_commands
from discord.ext import commands

from bot.app import Parley
from bot.core.limits import MESSAGE_CHARS
from bot.core.preferences import ChannelMode
from cogs.ui.helping import HELP
from cogs.ui.questions import may_send

GUILD_CONTEXT, BOT_DM_CONTEXT = 0, 1


class Help(commands.Cog):
    """Help."""

    def __init__(self, bot: Parley) -> None:
        self._bot = bot
        self._services = bot.services

    @app_commands.command()
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def help(self, interaction: discord.Interaction[Parley]) -> None:
        """Show what you can do with me here"""
        text = "\n".join([*self._ways_to_ask(interaction), "", *self._commands(interaction)])
        await interaction.response.send_message(text[:MESSAGE_CHARS], ephemeral=True)

    def _ways_to_ask(self, interaction: discord.Interaction[Parley]) -> Iterator[str]:
        say, reads_messages = self._services.sentences, self._services.message_content
        if interaction.guild_id is None:
            yield say("help.direct_message")
            return
        mention = self._bot.user.mention if self._bot.user is not None else ""
        channel = interaction.channel
        parent = channel.parent_id if isinstance(channel, discord.Thread) else None
        mode = self._services.preferences.channel_mode(interaction.channel_id or 0, parent)
        if not may_send(interaction):
            yield say("help.only_commands")
        elif mode is ChannelMode.AUTO and reads_messages:
            yield say("help.every_message")
        else:
            yield say("help.mention", mention=mention)
            if not reads_messages:
                yield say("help.withheld")
        yield say("help.elsewhere")

    def _commands(self, interaction: discord.Interaction[Parley]) -> Iterator[str]:
        tree = self._bot.tree
        context = BOT_DM_CONTEXT if interaction.guild_id is None else GUILD_CONTEXT
        listed = [*tree.get_commands(), *tree.get_commands(type=discord.AppCommandType.message)]
        for command in dict.fromkeys(listed):
            payload = command.to_dict(tree)
            contexts = payload.get("contexts")
            if contexts is not None and context not in contexts:
                continue
            if context == BOT_DM_CONTEXT and payload.get("dm_permission") is False:
                continue
            needed = command.default_permissions
            if interaction.guild_id is not None and needed is not None and not interaction.permissions >= needed:
                continue
            yield self._line(command)

    def _line(
        self,
        command: app_commands.Command[Help, ..., None] | app_commands.ContextMenu | app_commands.Group,
    ) -> str:
        if isinstance(command, app_commands.ContextMenu):
            return self._services.sentences(command.extras[HELP], name=command.name)
        if isinstance(command, app_commands.Group):
            names = " · ".join(sub.name for sub in command.commands)
            return f"- `/{command.name}` {names}: {command.description}"
        return f"- `/{command.name}`: {command.description}"


async def setup(bot: Parley) -> None:
    """Add the cog."""
    await bot.add_cog(Help(bot))
