"""Reads a question out of what Discord delivers."""

from __future__ import annotations

import re

import discord

from bot.core.conversation import ChatOptions, ConversationKey, Question, Quote, ReplyRoute, TriggerKind
from bot.core.limits import QUESTION_CHARS


def plain_text(message: discord.Message, own_id: int) -> str:
    """Return a message's words with the bot's own mention left out and other mentions as names."""
    text = re.sub(rf"<@!?{own_id}>", "", message.content)
    for user in message.mentions:
        text = text.replace(f"<@{user.id}>", f"@{user.display_name}").replace(f"<@!{user.id}>", f"@{user.display_name}")
    for role in message.role_mentions:
        text = text.replace(role.mention, f"@{role.name}")
    for channel in message.channel_mentions:
        text = text.replace(channel.mention, f"#{channel.name}")
    return text.strip()[:QUESTION_CHARS]


def conversation_of(channel_id: int, guild_id: int | None, *, only_for: int | None = None) -> ConversationKey:
    """Return the conversation of a channel, or one member's own conversation in it."""
    return ConversationKey(channel_id=channel_id, guild_id=guild_id, member_id=only_for)


def question_of_message(message: discord.Message, *, own_id: int) -> Question:
    """Return the question that a message asks; its text may be empty."""
    guild_id = message.guild.id if message.guild else None
    return Question(
        trigger_id=message.id,
        kind=TriggerKind.MESSAGE,
        author_id=message.author.id,
        author_name=message.author.display_name,
        text=plain_text(message, own_id),
        route=ReplyRoute(channel_id=message.channel.id),
        asked_at=message.created_at,
        guild_id=guild_id,
        conversation=conversation_of(message.channel.id, guild_id),
        quote=_quote_of(message, own_id),
        hears_others=_author_may_read_history(message),
    )


def _author_may_read_history(message: discord.Message) -> bool:
    author, channel = message.author, message.channel
    if message.guild is None:
        return True
    if isinstance(author, discord.Member) and isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        return channel.permissions_for(author).read_message_history
    return True  # a message that came before its server did: for a moment after a new session nobody knows


def _quote_of(message: discord.Message, own_id: int) -> Quote | None:
    replied = message.reference.resolved if message.reference else None
    if not isinstance(replied, discord.Message):
        return None
    text = plain_text(replied, own_id)
    # Without the Message Content intent Discord withholds most messages of other people.
    return Quote(replied.author.display_name, text) if text else None


def route_of_interaction(interaction: discord.Interaction, *, response_id: int | None, ephemeral: bool) -> ReplyRoute:
    """Return the way back to an interaction that has been acknowledged."""
    return ReplyRoute(
        channel_id=interaction.channel_id or 0,
        application_id=interaction.application_id,
        interaction_token=interaction.token,
        response_id=response_id,
        ephemeral=ephemeral,
        single_page=ephemeral or not may_send(interaction),
        upload_bytes=interaction.filesize_limit,
    )


def may_read_history(interaction: discord.Interaction) -> bool:
    """Whether the member may read what was said in the channel earlier."""
    return interaction.guild_id is None or interaction.permissions.read_message_history


def may_send(interaction: discord.Interaction) -> bool:
    """Whether the bot can send messages of its own where the command was used."""
    if interaction.guild_id is None:
        return interaction.context.dm_channel
    permissions = interaction.app_permissions
    in_thread = isinstance(interaction.channel, discord.Thread)
    may = permissions.send_messages_in_threads if in_thread else permissions.send_messages
    return permissions.view_channel and may


def server_of(interaction: discord.Interaction) -> int | None:
    """Return the server that an interaction counts for; none where a member alone brought the bot along."""
    brought = interaction.is_user_integration() and not interaction.is_guild_integration()
    return None if brought else interaction.guild_id


def question_of_interaction(
    interaction: discord.Interaction,
    *,
    text: str,
    route: ReplyRoute,
    options: ChatOptions,
    conversation: ConversationKey | None,
) -> Question:
    """Return the question that a slash command asks. A public answer quotes it: Discord shows no options."""
    return Question(
        trigger_id=interaction.id,
        kind=TriggerKind.INTERACTION,
        author_id=interaction.user.id,
        author_name=interaction.user.display_name,
        text=text,
        route=route,
        asked_at=interaction.created_at,
        guild_id=server_of(interaction),
        conversation=conversation,
        options=options,
        show_question=not route.ephemeral,
        hears_others=may_read_history(interaction) or (conversation is not None and conversation.member_id is not None),
    )
