"""Between the core's values and the rows of a turn's tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from itertools import count, takewhile

from bot.core.conversation import (
    Answer,
    ChatRole,
    Claim,
    ClaimState,
    History,
    Page,
    Question,
    Quote,
    Reply,
    ReplyKind,
    Turn,
)
from bot.store.database import Parameters, milliseconds, moment
from bot.store.questions import (
    attachments_from_json,
    attachments_to_json,
    options_to_json,
    question_from_json,
    storable,
)


def turn_pair(question: Question, answer: Answer, history: History, now: int) -> list[Parameters]:
    """Return the rows of a question and its answer. Their roles come from here and from nobody's text."""
    both: dict[str, int] = {
        "trigger_id": question.trigger_id,
        "conversation_id": history.conversation_id,
        "epoch": history.epoch,
        "now": now,
    }
    quote = question.quote
    asked: Parameters = {
        **both,
        "chat_role": ChatRole.USER.value,
        "text": question.text,
        "author_id": question.author_id,
        "author_name": question.author_name,
        "quote_author_name": quote.author_name if quote else None,
        "quote_text": quote.text if quote else None,
        "asked_at": milliseconds(question.asked_at),
        "message_id": question.source_message_id,
        "options": options_to_json(question.options),
        "attachments": attachments_to_json(question.attachments),
        "incomplete": 0,
    }
    answered: Parameters = {
        **dict.fromkeys(asked),
        **both,
        "chat_role": ChatRole.ASSISTANT.value,
        "text": storable(answer.text),
        "incomplete": int(answer.incomplete),
    }
    return [asked, answered]


def turn_from_row(row: sqlite3.Row) -> Turn:
    """Read one row of the history."""
    quote = None if row["quote_text"] is None else Quote(row["quote_author_name"], row["quote_text"])
    asked_at = None if row["asked_at"] is None else moment(row["asked_at"])
    role = ChatRole(row["chat_role"])
    attachments = attachments_from_json(row["attachments"])
    return Turn(row["turn_id"], role, row["text"], row["author_name"], quote, asked_at, row["trigger_id"], attachments)


def contiguous(placed: Mapping[int, int]) -> tuple[int, ...]:
    """Return the messages of a reply up to the first gap: what stands behind one cannot be told which page it shows."""
    return tuple(placed[page] for page in takewhile(placed.__contains__, count()))


def claim_from_row(row: sqlite3.Row, places: list[sqlite3.Row], pages: list[sqlite3.Row]) -> Claim:
    """Read one unfinished claim; ``places`` and ``pages`` hold those of all claims, pages in order."""
    trigger_id = row["trigger_id"]
    message_ids = contiguous(
        {place["page"]: place["message_id"] for place in places if place["trigger_id"] == trigger_id}
    )
    reply = None
    if row["state"] == ClaimState.READY:
        reply = Reply(
            ReplyKind(row["reply_kind"]),
            tuple(
                Page(page["content"], page["file_name"], page["file_bytes"])
                for page in pages
                if page["trigger_id"] == trigger_id
            ),
            retryable=bool(row["retryable"]),
            incomplete=bool(row["incomplete"]),
        )
    question = question_from_json(row["question"], row["interaction_token"])
    return Claim(question, ClaimState(row["state"]), row["generations"], message_ids, reply)
