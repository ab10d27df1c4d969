"""What the bot may do where it is asked: looked at before anything is paid for."""

from __future__ import annotations

from typing import Any

import discord


def may_answer(message: discord.Message, *, with_file: bool = False) -> bool:
    """Whether an answer to a message can be sent at all, and with a file where it will have one."""
    channel = message.channel
    if message.guild is None or not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        return True
    if isinstance(channel, discord.Thread) and channel.locked and channel.archived:
        return False
    return allows(channel.permissions_for(message.guild.me), channel, with_file=with_file)


def allows(permissions: discord.Permissions, channel: Any, *, with_file: bool = False) -> bool:
    """Whether these rights of the bot are enough to answer in a channel. For an interaction: ``app_permissions``."""
    in_thread = isinstance(channel, discord.Thread)
    may_send = permissions.send_messages_in_threads if in_thread else permissions.send_messages
    return permissions.view_channel and may_send and (permissions.attach_files or not with_file)
