"""The one place where an event of a stream, or a whole answer, is checked and becomes plain values."""

from __future__ import annotations

from typing import Any, NamedTuple

from jiter import from_json

from bot.core.conversation import EndReason, Usage
from bot.core.errors.provider import InvalidReply

END_REASONS = {
    "stop": EndReason.STOP,
    "length": EndReason.LENGTH,
    "content_filter": EndReason.CONTENT_FILTER,
}


class ErrorObject(Exception):
    """The server sent an error where an answer was to come. ``body`` is the error, of any shape."""

    def __init__(self, body: object) -> None:
        super().__init__("an error object instead of an answer")
        self.body = body


class Chunk(NamedTuple):
    """What one event adds to an answer. ``tokens``: the model said something, shown or not (it may be reasoning)."""

    text: str = ""
    refused: bool = False
    tokens: bool = False
    end_reason: EndReason | None = None
    usage: Usage | None = None


def read_chunk(data: bytes) -> Chunk:
    """Read one event, or a whole completion. Unknown fields and missing choices are let pass.

    Raises ``InvalidReply`` for what cannot be part of an answer, ``ErrorObject`` for the server's error.
    """
    try:
        event = from_json(data)
    except ValueError:  # its text may quote the data
        raise InvalidReply("an event is not JSON") from None
    if not isinstance(event, dict):
        raise InvalidReply("an event is not an object")
    if event.get("error"):
        raise ErrorObject(event["error"])
    if event.get("object") == "error":  # as vLLM wrote it
        raise ErrorObject(event)
    usage = _usage(event.get("usage"))
    choices = event.get("choices")
    if not choices:
        return Chunk(usage=usage)
    choice = choices[0] if isinstance(choices, list) else None
    if not isinstance(choice, dict):
        raise InvalidReply("choices are not objects")
    return _chunk(choice, usage)


def _chunk(choice: dict[str, Any], usage: Usage | None) -> Chunk:
    delta = choice.get("delta") or choice.get("message") or {}
    if not isinstance(delta, dict):
        raise InvalidReply("a delta is not an object")
    text = delta.get("content") or ""
    if not isinstance(text, str):
        raise InvalidReply("content is not text")
    finish_reason = choice.get("finish_reason") or None  # some servers send "" until the end
    if finish_reason is not None and not isinstance(finish_reason, str):
        raise InvalidReply("a finish reason is not text")
    return Chunk(
        text=text,
        refused=bool(delta.get("refusal")),
        tokens=bool(text) or any(value for name, value in delta.items() if name != "role"),
        # A reason that is not known yet is an end as good as any.
        end_reason=None if finish_reason is None else END_REASONS.get(finish_reason, EndReason.STOP),
        usage=usage,
    )


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    prompt, completion = _count(value.get("prompt_tokens")), _count(value.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    read, made = value.get("prompt_tokens_details"), value.get("completion_tokens_details")
    read, made = read if isinstance(read, dict) else {}, made if isinstance(made, dict) else {}
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=_count(read.get("cached_tokens")) or 0,
        cache_write_tokens=_count(read.get("cache_write_tokens")) or 0,
        reasoning_tokens=_count(made.get("reasoning_tokens")) or 0,
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
