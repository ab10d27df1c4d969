"""A generated completion, and its two forms on the wire: one JSON object, or a stream of events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.sandbox.standin.behaviours import Say

DONE = b"data: [DONE]\n\n"
_OBFUSCATED_TO = 16  # OpenAI pads deltas to a common length, so that their sizes do not betray the words


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer as it is generated; ``deltas`` joined are its text (or its refusal)."""

    number: int
    created: int
    model: str
    say: Say
    deltas: tuple[str, ...]
    usage: Mapping[str, Any]
    audio: Mapping[str, Any] | None = None  # in place of the text

    @property
    def _head(self) -> dict[str, Any]:
        return {"id": f"chatcmpl-standin-{self.number}", "created": self.created, "model": self.model}

    @property
    def _wordless(self) -> bool:
        return self.say.content_none or self.say.refusal is not None

    def as_json(self) -> dict[str, Any]:
        """Return the object of an answer without streaming."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if self._wordless or self.audio else "".join(self.deltas),
            "refusal": self.say.refusal,
            "annotations": [],
        }
        if self.audio is not None:
            message["audio"] = self.audio
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.say.finish_reason}
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [] if self.say.no_choices else [choice],
            "service_tier": "default",
            **({} if self.say.no_usage else {"usage": self.usage}),
        }

    def as_events(self, options: Mapping[str, Any]) -> Events:
        """Return the events of a streamed answer; ``options`` are the request's ``stream_options``."""
        with_usage = bool(options.get("include_usage")) and not self.say.no_usage
        obfuscated = options.get("include_obfuscation", True)
        head = {
            **self._head,
            "object": "chat.completion.chunk",
            "service_tier": "default",
            **({"usage": None} if with_usage else {}),
        }

        def event(delta: dict[str, Any], finish_reason: str | None = None, padding: str = "") -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
            chunk = {**head, "choices": [] if self.say.no_choices else [choice]}
            return sse({**chunk, "obfuscation": padding} if padding else chunk)

        field = "content" if self.say.refusal is None else "refusal"
        start = {"role": "assistant", "content": None if self._wordless else "", "refusal": None}
        tail = event({}, self.say.finish_reason)
        if with_usage:
            tail += sse({**head, "choices": [], "usage": self.usage})
        return Events(
            start=event(start),
            deltas=tuple(
                event({field: text}, padding="x" * (_OBFUSCATED_TO - len(text) % _OBFUSCATED_TO) if obfuscated else "")
                for text in self.deltas
            ),
            end=tail + DONE,
        )


@dataclass(frozen=True, slots=True)
class Events:
    """A streamed answer, serialised before its first byte is sent: while it streams there is nothing to compute."""

    start: bytes
    deltas: tuple[bytes, ...]
    end: bytes


def sse(event: object) -> bytes:
    """Return one server-sent event."""
    return b"data: " + json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
