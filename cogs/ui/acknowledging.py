"""Acknowledges interactions within Discord's three seconds, also when Discord is unsure whether it was told."""

from __future__ import annotations

import asyncio
import logging

import aiohttp
import discord

from bot.app import NotAcknowledged
from cogs.ui.calls import UNREADABLE

__all__ = ["NotAcknowledged", "defer"]

log = logging.getLogger(__name__)

ALREADY_ACKNOWLEDGED = 40060
# Of each try. Discord takes the first answer for three seconds; later ones only learn whether it had come.
TRIES_SECONDS = (2.0, 3.0, 5.0)


async def defer(interaction: discord.Interaction, *, ephemeral: bool, thinking: bool = True) -> int | None:
    """Defer the response; return the id of the message that will carry the answer, where Discord told it.

    The first await of every command. Raises ``NotAcknowledged`` when Discord did not take it in time.
    """
    acknowledged = False
    failure: Exception | None = None
    for seconds in TRIES_SECONDS:
        try:
            async with asyncio.timeout(seconds):
                if not acknowledged:
                    response = await interaction.response.defer(ephemeral=ephemeral, thinking=thinking)
                    acknowledged = True
                    message_id = response.message_id if response is not None else None
                    if message_id is None and interaction.message is not None and not thinking:
                        message_id = interaction.message.id
                    if message_id:
                        return message_id
                return (await interaction.original_response()).id
        except discord.HTTPException as error:
            failure = error
            if error.code == ALREADY_ACKNOWLEDGED:  # an earlier try arrived although its answer was lost
                acknowledged = True
            elif error.status < 500:
                break
        except (TimeoutError, aiohttp.ClientError, OSError, discord.RateLimited, *UNREADABLE) as error:
            failure = error
    code = failure.code if isinstance(failure, discord.HTTPException) else None
    log.warning("an interaction was not acknowledged", extra={"trigger_id": interaction.id, "code": code})
    raise NotAcknowledged from failure
