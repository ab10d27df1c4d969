"""Finds what an earlier process showed of a reply and did not write down: it was killed before it knew the message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import discord

from bot.core.conversation import Question

HISTORY_MESSAGES = 100  # the most that Discord gives at once (developer documentation, "Get Channel Messages")


@dataclass(frozen=True, slots=True)
class Traces:
    """What tells our own messages of one reply from all others.

    ``custom_ids``: of its buttons. ``texts``: finished pages that nobody wrote down as shown. ``file_names``: of those
    that have no words.
    """

    own_id: int
    known: frozenset[int]
    custom_ids: frozenset[str]
    texts: frozenset[str]
    file_names: frozenset[str] = frozenset()


async def find_pages(channel: discord.PartialMessageable, question: Question, traces: Traces) -> list[int]:
    """Return the ids of our messages after the question that belong to its reply, oldest first."""
    answered_id = question.route.reply_to or question.source_message_id
    found = []
    async for message in channel.history(limit=HISTORY_MESSAGES, after=discord.Object(question.trigger_id)):
        if message.author.id != traces.own_id or message.id in traces.known:
            continue
        replied_to = message.reference.message_id if message.reference else None
        if (
            replied_to == question.trigger_id
            or not traces.custom_ids.isdisjoint(_custom_ids(message))
            or not traces.file_names.isdisjoint(file.filename for file in message.attachments)
            or (replied_to in (None, answered_id) and message.content.strip() in traces.texts)
        ):
            found.append(message.id)
    return found


def _custom_ids(message: discord.Message) -> Iterator[str]:
    for row in message.components:
        if isinstance(row, discord.ActionRow):
            for item in row.children:
                if item.custom_id is not None:
                    yield item.custom_id
