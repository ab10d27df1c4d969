"""Writes a conversation into a file that a member takes along."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from enum import StrEnum

from bot.core.conversation import ChatRole, History, Turn
from bot.core.drawing import parted


class ExportFormat(StrEnum):
    """The formats of an exported conversation; the value is the file's suffix."""

    MARKDOWN = "md"
    JSON = "json"
    TEXT = "txt"


def export(history: History, file_format: ExportFormat, *, max_bytes: int) -> tuple[bytes, int]:
    """Return the file and how many of the oldest turns had to be left out of it to keep ``max_bytes``."""
    render: Callable[[str | None, Sequence[Turn]], str] = {
        ExportFormat.MARKDOWN: _markdown,
        ExportFormat.JSON: _json,
        ExportFormat.TEXT: _text,
    }[file_format]
    turns, summary = history.turns, history.summary
    if len(_encoded(render(summary, ()))) > max_bytes:
        summary = None
    # The file grows with every turn, so that the number of turns that fit can be searched for.
    fits, too_many = 0, len(turns) + 1
    wanted = len(turns)
    while too_many - fits > 1:
        if len(_encoded(render(summary, turns[len(turns) - wanted :]))) <= max_bytes:
            fits = wanted
        else:
            too_many = wanted
        wanted = (fits + too_many) // 2
    left_out = len(turns) - fits
    return _encoded(render(summary, turns[left_out:])), left_out


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _speaker(turn: Turn) -> str:
    return "Parley" if turn.chat_role is ChatRole.ASSISTANT else " ".join((turn.author_name or "member").split())


def _text_of(turn: Turn) -> str:
    return parted(turn.text)[0] if turn.chat_role is ChatRole.ASSISTANT else turn.text


def _when(turn: Turn) -> str:
    return f"{turn.asked_at:%Y-%m-%d %H:%M} UTC" if turn.asked_at else ""


def _markdown(summary: str | None, turns: Sequence[Turn]) -> str:
    parts = ["# Conversation"]
    if summary:
        parts.append(f"## Notes on its beginning\n\n{summary}")
    for turn in turns:
        when = f" · {_when(turn)}" if turn.asked_at else ""
        parts.append(f"## {_speaker(turn)}{when}")
        if turn.quote is not None:
            parts.append("\n".join(f"> {line}" for line in turn.quote.text.splitlines()))
        parts += [f"*File: {file.name}*" for file in turn.attachments]
        parts.append(_text_of(turn))
    return "\n\n".join(parts) + "\n"


def _text(summary: str | None, turns: Sequence[Turn]) -> str:
    parts = [f"Notes on the beginning:\n{summary}"] if summary else []
    for turn in turns:
        when = f" ({_when(turn)})" if turn.asked_at else ""
        files = "".join(f"[file: {file.name}]\n" for file in turn.attachments)
        parts.append(f"{_speaker(turn)}{when}:\n{files}{_text_of(turn)}")
    return "\n\n".join(parts) + "\n"


def _json(summary: str | None, turns: Sequence[Turn]) -> str:
    return json.dumps({"summary": summary, "turns": [_entry(turn) for turn in turns]}, ensure_ascii=False, indent=1)


def _entry(turn: Turn) -> dict[str, object]:
    entry: dict[str, object] = {"role": turn.chat_role.value, "name": _speaker(turn), "text": _text_of(turn)}
    if turn.asked_at is not None:
        entry["at"] = turn.asked_at.isoformat()
    if turn.quote is not None:
        entry["replies_to"] = {"name": turn.quote.author_name, "text": turn.quote.text}
    if turn.attachments:
        entry["files"] = [file.name for file in turn.attachments]
    return entry
