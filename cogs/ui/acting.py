"""What the buttons under a finished answer do. Whose turn it is, and whether it is still there, is looked up anew."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import Any

import discord

from bot.core.conversation import ConversationKey, ReplyRoute
from bot.core.conversations import GO_ON
from bot.core.errors.delivery import DeliveryFailed, DeliveryRefused
from bot.core.errors.refusals import MayNotReadHistory, PrivateStaysPrivate
from bot.core.kept import KeptTurn
from cogs.ui.acknowledging import NotAcknowledged, defer
from cogs.ui.asking import ask, is_private, is_refused
from cogs.ui.calls import call
from cogs.ui.questions import may_read_history, may_send, question_of_interaction, route_of_interaction
from cogs.ui.telling import follow_up, member_of, parley, told
from cogs.ui.threads import open_thread

log = logging.getLogger(__name__)

Interaction = discord.Interaction[Any]


async def _latest_turn(interaction: Interaction, trigger_id: int) -> KeptTurn:
    turn = await parley(interaction).services.conversations.latest_turn(
        trigger_id, channel_id=interaction.channel_id or 0, by=member_of(interaction)
    )
    if turn.is_private and not is_private(interaction):
        raise PrivateStaysPrivate
    return turn


async def regenerate(interaction: Interaction, trigger_id: int) -> None:
    """Answer the latest question anew, where its answer stands; that comes back when it fails."""
    if await is_refused(interaction):
        return
    private = is_private(interaction)
    try:
        response_id = await defer(interaction, ephemeral=private, thinking=False)
    except NotAcknowledged:
        return
    async with told(interaction, in_response=False):
        turn = await _latest_turn(interaction, trigger_id)
        if private or not may_send(interaction):  # only the interaction's token leads to the message
            route = route_of_interaction(interaction, response_id=response_id, ephemeral=private)
            shown: tuple[int, ...] = ()
        else:  # the button is under the last page, and only the channel leads to the others
            route = ReplyRoute(channel_id=interaction.channel_id or 0)
            pressed = (response_id,) if response_id is not None and response_id not in turn.shown_ids else ()
            shown = turn.shown_ids + pressed
        question = turn.asked_again(
            trigger_id=interaction.id,
            route=route,
            asked_at=interaction.created_at,
            by=interaction.user.id,
            in_place=True,
        )
        question = replace(question, hears_others=turn.is_private or may_read_history(interaction))
        await ask(interaction, question, takes_over=shown)


async def go_on(interaction: Interaction, trigger_id: int) -> None:
    """Ask the model to go on with an answer that was cut; what comes is a reply below it."""
    if await is_refused(interaction):
        return
    private = is_private(interaction)
    by_response = private or not may_send(interaction)
    try:
        response_id = await defer(interaction, ephemeral=private, thinking=by_response)
    except NotAcknowledged:
        return
    async with told(interaction, in_response=by_response, public=not private):
        turn = await _latest_turn(interaction, trigger_id)
        if by_response:
            route = route_of_interaction(interaction, response_id=response_id, ephemeral=private)
        else:
            route = ReplyRoute(channel_id=interaction.channel_id or 0, reply_to=response_id)
        question = question_of_interaction(
            interaction, text=GO_ON, route=route, options=turn.options, conversation=turn.key
        )
        question = replace(question, show_question=False, continues=turn.trigger_id)
        await ask(interaction, question)


async def branch(interaction: Interaction, trigger_id: int) -> None:
    """Continue the conversation from this answer in a thread, or, in a direct message, as a new one there."""
    try:
        await defer(interaction, ephemeral=True)
    except NotAcknowledged:
        return
    async with told(interaction, in_response=True):
        turn = await parley(interaction).services.conversations.turn(
            trigger_id, channel_id=interaction.channel_id or 0, by=member_of(interaction)
        )
        await branch_from(interaction, turn)


async def branch_from(interaction: Interaction, turn: KeptTurn, name: str | None = None) -> None:
    """Branch off after a turn and say where. Raises a ``ParleyError``."""
    services = parley(interaction).services
    conversations, sentences = services.conversations, services.sentences
    with conversations.alone(turn.trigger_id):
        if turn.is_private or _in_private_thread(interaction):
            raise PrivateStaysPrivate  # a branch is a public thread
        if interaction.guild_id is None:
            await conversations.begin_anew(turn)
            await interaction.edit_original_response(content=sentences("replies.branched_here"))
            return
        if not may_read_history(interaction):
            raise MayNotReadHistory
        link = f"https://discord.com/channels/{interaction.guild_id}/{interaction.channel_id}"
        if turn.shown_ids:
            link = f"{link}/{turn.shown_ids[-1]}"
        first_line = sentences("replies.branch_first_line", link=link)

        async def opened(thread: discord.Thread) -> None:
            await conversations.copy(turn, ConversationKey(thread.id, interaction.guild_id))

        thread = await open_thread(interaction, name or turn.text, first_line, opened)
        await interaction.edit_original_response(content=sentences("replies.branched", thread=thread.mention))


def _in_private_thread(interaction: Interaction) -> bool:
    return isinstance(interaction.channel, discord.Thread) and interaction.channel.is_private()


async def delete(interaction: Interaction, trigger_id: int) -> None:
    """Forget a turn, and take away the messages of its reply."""
    services = parley(interaction).services
    try:
        shown_id = await defer(interaction, ephemeral=is_private(interaction), thinking=False)
    except NotAcknowledged:
        return
    async with told(interaction, in_response=False):
        message_ids = await services.conversations.delete(
            trigger_id, channel_id=interaction.channel_id or 0, by=member_of(interaction)
        )
        await services.store.forget_task(trigger_id)
        channel = interaction.client.get_partial_messageable(interaction.channel_id or 0, guild_id=interaction.guild_id)
        try:
            for message_id in message_ids:
                if message_id != shown_id:
                    with suppress(discord.NotFound):
                        await call(channel.get_partial_message(message_id).delete, clock=services.clock)
            with suppress(discord.NotFound):
                await call(interaction.delete_original_response, clock=services.clock)
        except (DeliveryFailed, DeliveryRefused) as error:
            log.warning("a forgotten answer stays in sight", extra={"trigger_id": trigger_id, "detail": error.detail})
            await follow_up(interaction, services.sentences("replies.forgotten_but_shown"))
