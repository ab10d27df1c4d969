"""Opens threads for conversations. A thread of the bot's own says first how to talk in it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import discord

from bot.core.conversation import ReplyKind
from bot.core.errors.refusals import CannotMakeThreads, MayNotMakeThreads, NoThreadsHere
from bot.core.preferences import ChannelMode
from cogs.ui.calls import nonce
from cogs.ui.telling import parley

log = logging.getLogger(__name__)

NAME_CHARS = 100  # of a thread's name (Discord)


def check_threads(interaction: discord.Interaction[Any]) -> discord.TextChannel:
    """Return the channel in which a thread can be made for this interaction; raises a ``Refusal``.

    Asks nobody: rights and channel came with the interaction.
    """
    channel = interaction.channel
    if isinstance(channel, discord.Thread):
        channel = channel.parent
    if interaction.guild_id is None or not isinstance(channel, discord.TextChannel):
        raise NoThreadsHere
    if not interaction.permissions.create_public_threads:
        raise MayNotMakeThreads
    own = interaction.app_permissions
    if not (own.view_channel and own.create_public_threads and own.send_messages_in_threads):
        raise CannotMakeThreads
    return channel


def thread_name(words: str) -> str:
    """Return a thread's name made of the first words of a text."""
    name = " ".join(words.split())
    return f"{name[: NAME_CHARS - 1].rstrip()}…" if len(name) > NAME_CHARS else name or "…"


async def open_thread(
    interaction: discord.Interaction[Any],
    words: str,
    first_line: str,
    opened: Callable[[discord.Thread], Awaitable[None]],
) -> discord.Thread:
    """Open a public thread that answers every message where it can read them; its first message says how to go on.

    ``first_line`` stands above that. ``opened`` is done before anybody can have written there. Raises a ``Refusal``.
    """
    services = parley(interaction).services
    channel = check_threads(interaction)
    kind = discord.ChannelType.news_thread if channel.is_news() else discord.ChannelType.public_thread
    try:
        thread = await channel.create_thread(name=thread_name(words), type=kind)
    except discord.HTTPException as error:
        log.warning("could not open a thread", extra={"channel_id": channel.id, "code": error.code})
        raise CannotMakeThreads from error
    await opened(thread)
    await services.preferences.set_channel_mode(thread.id, ChannelMode.AUTO, changed_by=interaction.user.id)
    mention = interaction.client.user.mention if interaction.client.user is not None else ""
    key = "replies.thread_every_message" if services.message_content else "replies.thread_mention"
    own_nonce = services.sent.add(nonce(ReplyKind.NOTICE, thread.id, 0))
    try:
        await thread.send(f"{first_line}\n{services.sentences(key, mention=mention)}", nonce=own_nonce)
    except (discord.HTTPException, discord.RateLimited) as error:
        detail = type(error).__name__
        log.warning("a thread's first message was not sent", extra={"channel_id": thread.id, "detail": detail})
    return thread
