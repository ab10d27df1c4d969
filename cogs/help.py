"""/help: what can be done where it is used, computed from the commands, the channel and the permissions."""

from __future__ import annotations

from collections.abc import Iterator

import discord
from discord import app_commands
from discord.ext import commands

from bot.app import Parley
from bot.core.limits import MESSAGE_CHARS
from bot.core.preferences import ChannelMode, VoiceMessages
from cogs.ui.helping import HELP
from cogs.ui.questions import may_send

NEW_LINE = "\n"
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
        lines = [*self._ways_to_ask(interaction), *self._good_to_know(interaction), "", *self._commands(interaction)]
        text = within("\n".join(lines), self._services.sentences("help.more"))
        await interaction.response.send_message(text, ephemeral=True)

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

    def _good_to_know(self, interaction: discord.Interaction[Parley]) -> Iterator[str]:
        say, services = self._services.sentences, self._services
        channel = interaction.channel
        parent = channel.parent_id if isinstance(channel, discord.Thread) else None
        voice = services.preferences.voice_messages(interaction.channel_id or 0, parent)
        if interaction.guild_id is None:
            voice = VoiceMessages.ANSWER
        elif not services.message_content:
            voice = VoiceMessages.OFF  # Discord shows others to nobody
        yield say("help.files")
        yield say(f"help.voice_{voice.value}")
        yield say("help.limit", count=services.member_requests_per_hour)
        yield say("help.kept", count=services.retention.days)
        yield say("help.whom_to_ask")

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
            names = " · ".join(f"`{sub.name}`" for sub in command.commands)
            if len(command.commands) == 1:
                return f"- `/{command.commands[0].qualified_name}`: {command.description}"
            say = self._services.sentences
            return say("help.group", name=command.name, commands=names, description=command.description)
        return f"- `/{command.name}`: {command.description}"


def within(text: str, hint: str) -> str:
    """Return a text that one message holds: cut after a line, with a hint below, where it is longer."""
    if len(text) <= MESSAGE_CHARS:
        return text
    return f"{text[: MESSAGE_CHARS - len(hint)].rpartition(NEW_LINE)[0]}\n{hint}"


async def setup(bot: Parley) -> None:
    """Add the cog."""
    await bot.add_cog(Help(bot))
