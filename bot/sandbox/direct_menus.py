"""Message menus in direct messages, for which SimCord has no call: what it does in a server, done there."""

from __future__ import annotations

import discord
import simcord
from simcord.actors import _dispatch_actor_interaction, _resolve_visible_command
from simcord.backend import serializers

MESSAGE_MENU = discord.AppCommandType.message.value
COMMAND = discord.InteractionType.application_command.value


async def use_menu_directly(env: simcord.Env, user: simcord.UserHandle, name: str, message_id: int) -> None:
    """Use a message menu in somebody's direct messages; raises what SimCord raises in a server."""
    channel = user.dm_channel
    root = _resolve_visible_command(user, channel.id, name, MESSAGE_MENU)
    message = serializers.message_payload(env.backend, env.backend.get_message(channel.id, message_id))
    data = {
        "id": root["id"],
        "name": root["name"],
        "type": MESSAGE_MENU,
        "target_id": str(message_id),
        "resolved": {"messages": {str(message_id): dict(message)}},
    }
    await _dispatch_actor_interaction(user, COMMAND, channel, data)
