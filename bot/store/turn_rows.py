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
    ReplyFile,
    ReplyKind,
    Turn,
    VoiceNote,
)
from bot.core.tasks import KeptTask
from bot.store.database import Parameters, milliseconds, moment
from bot.store.questions import (
    attachments_from_json,
    attachments_to_json,
    options_to_json,
    question_from_json,
    storable,
    task_from_json,
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
    return Turn(
        turn_id=row["turn_id"],
        chat_role=role,
        text=row["text"],
        author_name=row["author_name"],
        quote=quote,
        asked_at=asked_at,
        trigger_id=row["trigger_id"],
        attachments=attachments_from_json(row["attachments"]),
        author_id=row["author_id"],
    )


def contiguous(placed: Mapping[int, int]) -> tuple[int, ...]:
    """Return the messages of a reply up to the first gap: what stands behind one cannot be told which page it shows."""
    return tuple(placed[page] for page in takewhile(placed.__contains__, count()))


def page_rows(trigger_id: int, reply: Reply) -> list[Parameters]:
    """Return the rows of a reply's pages."""
    return [
        {"trigger_id": trigger_id, "page": number, "content": storable(page.content)}
        for number, page in enumerate(reply.pages)
    ]


def file_rows(trigger_id: int, reply: Reply) -> list[Parameters]:
    """Return the rows of a reply's files."""
    return [
        {
            "trigger_id": trigger_id,
            "page": page_number,
            "number": number,
            "name": file.name,
            "content": file.content,
            "description": None if file.description is None else storable(file.description),
            "spoiler": int(file.spoiler),
            "voice_seconds": None if file.voice is None else file.voice.duration_seconds,
            "waveform": None if file.voice is None else file.voice.waveform,
        }
        for page_number, page in enumerate(reply.pages)
        for number, file in enumerate(page.files)
    ]


def reply_file_from_row(row: sqlite3.Row) -> ReplyFile:
    """Read one file of a reply."""
    voice = None if row["voice_seconds"] is None else VoiceNote(row["voice_seconds"], row["waveform"])
    return ReplyFile(row["name"], row["content"], row["description"], bool(row["spoiler"]), voice)


def task_from_row(row: sqlite3.Row) -> KeptTask:
    """Read a task that was done."""
    return KeptTask(
        trigger_id=row["trigger_id"],
        author_id=row["author_id"],
        channel_id=row["channel_id"],
        private=bool(row["private"]),
        text=row["text"],
        task=task_from_json(row["task"]),
        result_text=row["result_text"],
        done_at=moment(row["done_at"]),
    )


def claim_from_row(
    row: sqlite3.Row, places: list[sqlite3.Row], pages: list[sqlite3.Row], files: list[sqlite3.Row]
) -> Claim:
    """Read one unfinished claim; ``places``, ``pages`` and ``files`` hold those of all claims, in order."""
    trigger_id = row["trigger_id"]
    message_ids = contiguous(
        {place["page"]: place["message_id"] for place in places if place["trigger_id"] == trigger_id}
    )
    reply = None
    if row["state"] == ClaimState.READY:
        reply = Reply(
            ReplyKind(row["reply_kind"]),
            tuple(
                Page(
                    page["content"],
                    tuple(
                        reply_file_from_row(file)
                        for file in files
                        if (file["trigger_id"], file["page"]) == (trigger_id, page["page"])
                    ),
                )
                for page in pages
                if page["trigger_id"] == trigger_id
            ),
            retryable=bool(row["retryable"]),
            incomplete=bool(row["incomplete"]),
        )
    question = question_from_json(row["question"], row["interaction_token"])
    return Claim(question, ClaimState(row["state"]), row["generations"], moment(row["claimed_at"]), message_ids, reply)
