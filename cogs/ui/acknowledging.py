"""Acknowledges interactions within Discord's three seconds, also when Discord is unsure whether it was told."""

from __future__ import annotations

import asyncio
import logging

import aiohttp
import discord

from bot.app import NotAcknowledged

__all__ = ["NotAcknowledged", "defer"]

log = logging.getLogger(__name__)

ALREADY_ACKNOWLEDGED = 40060
ACKNOWLEDGE_SECONDS = 10.0


async def defer(interaction: discord.Interaction, *, ephemeral: bool, thinking: bool = True) -> int | None:
    """Defer the response; return the id of the message that will carry the answer, where Discord told it.

    The first await of every command. Raises ``NotAcknowledged`` when Discord did not take it in time.
    """
    try:
        async with asyncio.timeout(ACKNOWLEDGE_SECONDS):
            response = await interaction.response.defer(ephemeral=ephemeral, thinking=thinking)
            message_id = response.message_id if response is not None else None
            if message_id is None and interaction.message is not None and not thinking:
                message_id = interaction.message.id
            return message_id or (await interaction.original_response()).id
    except discord.HTTPException as error:
        if error.code == ALREADY_ACKNOWLEDGED:  # an earlier try arrived although its answer was lost
            return (await interaction.original_response()).id
        log.warning("an interaction was not acknowledged", extra={"trigger_id": interaction.id, "code": error.code})
        raise NotAcknowledged from error
    except (TimeoutError, aiohttp.ClientError, OSError, discord.RateLimited) as error:
        log.warning("an interaction was not acknowledged", extra={"trigger_id": interaction.id})
        raise NotAcknowledged from error
