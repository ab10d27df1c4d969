"""Tells the person behind an interaction, and nobody else where Discord allows it, what stood in the way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import discord

from bot.app import Parley
from bot.core.errors import ParleyError, StoreUnavailable, new_error_id
from bot.core.errors.delivery import DeliveryFailed
from bot.core.errors.refusals import Refusal
from bot.core.kept import Member
from bot.core.sentences import Sentences
from cogs.ui.acknowledging import defer
from cogs.ui.calls import CALL_SECONDS, UNREADABLE

log = logging.getLogger(__name__)

LOOK_UP_SECONDS = 2.0
# What answers at once or under a button never thinks.
STANDING = frozenset(
    {
        discord.InteractionResponseType.channel_message,
        discord.InteractionResponseType.deferred_message_update,
        discord.InteractionResponseType.message_update,
    }
)


def parley(interaction: discord.Interaction[Any]) -> Parley:
    """Return the bot that an interaction belongs to."""
    bot: Parley = interaction.client
    return bot


def member_of(interaction: discord.Interaction[Any]) -> Member:
    """Return who is behind an interaction, with what Discord says of their rights right now."""
    return Member(interaction.user.id, interaction.guild_id is None or interaction.permissions.manage_messages)


def sentence_for(error: ParleyError, sentences: Sentences, **about: object) -> str:
    """Return what a member reads: a refusal as it is; a failure with the id under which the log has it."""
    if isinstance(error, Refusal):
        return sentences(error.sentence_key, **error.fields)
    error_id = new_error_id()
    log.warning("could not do it", extra={**about, "error_id": error_id, "code": error.code, "detail": error.detail})
    return sentences.notice(error, error_id)


class Told(Exception):
    """What stood in the way has been told."""


@asynccontextmanager
async def refused_in_time(interaction: discord.Interaction[Any]) -> AsyncIterator[None]:
    """Look something up before an interaction is acknowledged: what goes wrong is its first answer, in private.

    Raises ``Told`` then. Discord waits three seconds for that answer.
    """
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            yield
    except (ParleyError, TimeoutError) as error:
        problem = error if isinstance(error, ParleyError) else StoreUnavailable("too slow")
        text = sentence_for(problem, parley(interaction).services.sentences, trigger_id=interaction.id)
        await interaction.response.send_message(text, ephemeral=True)
        raise Told from error


async def follow_up(interaction: discord.Interaction[Any], text: str, files: Sequence[discord.File] = ()) -> None:
    """Send something after the response that only this person sees.

    While Discord shows that the bot is thinking, a follow-up takes that place and is as public, whatever it asks for.
    Raises ``DeliveryFailed`` when that may be so, and what Discord raises.
    """
    if interaction.response.type not in STANDING and await _may_think(interaction):
        raise DeliveryFailed("the response may still be thinking")
    await interaction.followup.send(text or discord.utils.MISSING, files=files, ephemeral=True)


async def _may_think(interaction: discord.Interaction[Any]) -> bool:
    """Whether a follow-up would take the place of the response, for all that Discord tells."""
    try:
        async with asyncio.timeout(CALL_SECONDS):
            shown: discord.Message = await interaction.original_response()
            if shown.flags.loading:  # perhaps it was looked at before it was edited: discord.py remembers
                shown = await interaction.followup.fetch_message(shown.id)
    except (discord.DiscordException, TimeoutError, OSError, aiohttp.ClientError, *UNREADABLE):
        return True
    return shown.flags.loading


@asynccontextmanager
async def told(
    interaction: discord.Interaction[Any], *, in_response: bool, public: bool = False
) -> AsyncIterator[None]:
    """Turn what goes wrong inside into a sentence. The interaction has been deferred.

    ``in_response``: Discord shows that the bot is thinking, and the sentence takes that place, unless it is ``public``:
    then it goes. Otherwise the sentence is a follow-up that only this person sees.
    """
    try:
        yield
    except ParleyError as error:
        await _tell(interaction, error, in_response=in_response, public=public)
    except Exception:
        log.exception("an interaction failed", extra={"trigger_id": interaction.id})
        await _tell(interaction, ParleyError(), in_response=in_response, public=public)


@asynccontextmanager
async def deferred(interaction: discord.Interaction[Any], *, ephemeral: bool) -> AsyncIterator[int | None]:
    """Defer a command, give the id of its response, and turn what goes wrong inside into a sentence for this person.

    Nothing inside is done when Discord no longer knows the interaction.
    """
    response_id = await defer(interaction, ephemeral=ephemeral)
    async with told(interaction, in_response=True, public=not ephemeral):
        yield response_id


async def _tell(interaction: discord.Interaction[Any], error: ParleyError, *, in_response: bool, public: bool) -> None:
    text = sentence_for(error, parley(interaction).services.sentences, trigger_id=interaction.id)
    if in_response and not public:
        await interaction.edit_original_response(content=text)
        return
    if in_response:
        # While Discord shows the bot thinking, a follow-up takes that place and is as public.
        await interaction.edit_original_response(content="…")
    try:
        await follow_up(interaction, text)
    except DeliveryFailed as undelivered:
        detail = {"trigger_id": interaction.id, "detail": undelivered.detail}
        log.warning("what stood in the way was not told", extra=detail)
    if in_response:
        with suppress(discord.NotFound):
            await interaction.delete_original_response()
