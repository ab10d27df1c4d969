"""The messages that Discord delivered to nobody: those of the minutes in which the bot was not connected."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import discord

from bot.app import Parley
from bot.core.errors import StoreUnavailable
from bot.core.preferences import ChannelMode

log = logging.getLogger(__name__)

MISSED_AGE = timedelta(minutes=15)
MISSED_MESSAGES = 50  # of a channel
DIRECT_CHANNELS = 20


async def places_to_look_at(bot: Parley, since: datetime) -> list[discord.abc.Messageable]:
    """Return where something may have been missed: the bot's threads, direct messages and, where set, auto channels."""
    if not bot.services.looks_back:
        return []
    found: list[discord.abc.Messageable] = [
        place
        for guild in bot.guilds
        for place in _answered_places(bot, guild)
        if place.last_message_id is not None and discord.utils.snowflake_time(place.last_message_id) > since
    ]
    try:
        direct_ids = await bot.services.direct_messages.recent(DIRECT_CHANNELS)
    except StoreUnavailable as error:
        log.warning("the direct messages are not known", extra={"detail": error.detail})
        direct_ids = ()
    return [*found, *(bot.get_partial_messageable(channel_id) for channel_id in direct_ids)]


def _answered_places(bot: Parley, guild: discord.Guild) -> Iterator[discord.TextChannel | discord.Thread]:
    services, own_id = bot.services, bot.user.id if bot.user is not None else 0
    plain = services.catch_up_channels and services.message_content
    for thread in guild.threads:
        if thread.owner_id == own_id or (plain and _is_auto(bot, thread.id, thread.parent_id)):
            yield thread
    if plain:
        yield from (channel for channel in guild.text_channels if _is_auto(bot, channel.id, None))


def _is_auto(bot: Parley, channel_id: int, parent_id: int | None) -> bool:
    return bot.services.preferences.channel_mode(channel_id, parent_id) is ChannelMode.AUTO


async def missed_messages(place: Any, since: datetime) -> list[discord.Message]:
    """Return the messages of a place since then, oldest first; none where Discord does not show them."""
    try:
        newest = [message async for message in place.history(limit=MISSED_MESSAGES, after=since, oldest_first=False)]
    except (discord.HTTPException, discord.RateLimited, OSError, TimeoutError) as error:
        log.info("could not look for missed messages", extra={"channel_id": place.id, "detail": type(error).__name__})
        return []
    return newest[::-1]
