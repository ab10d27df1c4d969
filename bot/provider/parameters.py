"""The body of one chat completion: what is sent, what a server refused, and what was left out."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bot.core.catalogue import ModelEntry
from bot.core.ports.chat import ChatMessage, ChatRequest
from bot.provider.translate import Failure

# The two names of the cap on an answer's tokens: the new one, and the one that compatible servers know.
OTHER_CAP = {"max_completion_tokens": "max_tokens", "max_tokens": "max_completion_tokens"}

# What a member can set, by its name in the request, with its public name.
PUBLIC_NAMES = {
    "temperature": "temperature",
    "top_p": "top_p",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "max_completion_tokens": "max_tokens",
    "max_tokens": "max_tokens",
    "response_format": "json",
    "json_schema": "schema",
}
KEPT = {"model", "messages"}
# A kind of response_format with a name of its own: a server that takes no schema may still take JSON mode.
SCHEMA = "json_schema"
JSON_MODE = {"type": "json_object"}
BAD_SCHEMA = re.compile(r"(invalid|bad|unsupported) (json )?schema", re.IGNORECASE)

REFUSED_CODES = {"unsupported_parameter", "unsupported_value", "unknown_parameter", "extra_forbidden"}
REFUSED_PROSE = re.compile(
    r"un(supported|known|recognized|expected)|not (supported|permitted|allowed)|does ?n[o']t support", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Refused:
    """A parameter that a server refuses, and what to send instead. ``always``: whatever its value is."""

    name: str
    replacement: str | None
    always: bool = True


def is_openai(base_url: str) -> bool:
    """Return whether a base URL is OpenAI's own, in any region."""
    host = urlsplit(base_url).hostname or ""
    return host == "api.openai.com" or host.endswith(".api.openai.com")


class Parameters:
    """The parameters of one request, which shrink as the server refuses them."""

    def __init__(self, request: ChatRequest, entry: ModelEntry, *, openai: bool) -> None:
        self.mark = secrets.token_hex(16)  # stands for a picture's bytes in the body
        self.pictures = tuple(picture for message in request.messages for picture in message.pictures)
        self._values: dict[str, Any] = {
            "model": request.model,
            "messages": [
                {"role": message.chat_role, "content": self._content(message, request.picture_detail)}
                for message in request.messages
            ],
            entry.cap_parameter: request.max_tokens,
            "stream_options": {"include_usage": True},
        }
        self._left_out: list[str] = []
        self._refused: set[str] = set()
        if entry.reasoning_effort is not None:
            self._values["reasoning_effort"] = entry.reasoning_effort
        self._instructions = ""
        if request.json_schema is not None:
            asked = request.json_schema
            described = {"name": asked.name, "schema": asked.schema, "strict": asked.strict}
            self._values["response_format"] = {"type": SCHEMA, SCHEMA: described}
            self._instructions = asked.instructions
        elif request.json:
            self._values["response_format"] = JSON_MODE
        for name in ("temperature", "top_p", "frequency_penalty", "presence_penalty"):
            value = getattr(request, name)
            if value is not None:
                self._values[name] = value
                if name not in entry.sampling:
                    self.change(name, None)
        if openai:
            # Compatible servers may refuse keys that they do not know.
            self._values["stream_options"]["include_obfuscation"] = False
            if request.member_hash is not None:
                self._values["safety_identifier"] = request.member_hash
            if request.conversation_hash is not None:
                self._values["prompt_cache_key"] = request.conversation_hash

    def _content(self, message: ChatMessage, detail: str | None) -> str | list[dict[str, Any]]:
        if not message.pictures:
            return message.text
        parts: list[dict[str, Any]] = [{"type": "text", "text": message.text}]
        for picture in message.pictures:
            image = {"url": f"data:{picture.mime};base64,{self.mark}"}
            parts.append({"type": "image_url", "image_url": image if detail is None else {**image, "detail": detail}})
        return parts

    @property
    def body(self) -> dict[str, Any]:
        """What to send, except ``stream``; marks stand for the bytes of ``pictures``."""
        return dict(self._values)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters by the names under which a refusal is remembered."""
        return tuple(SCHEMA if name == "response_format" and self._has_schema else name for name in self._values)

    @property
    def ignored_options(self) -> tuple[str, ...]:
        """The member's options that are not sent, by their public names."""
        return tuple(dict.fromkeys(PUBLIC_NAMES[name] for name in self._left_out if name in PUBLIC_NAMES))

    def change(self, name: str, replacement: str | None) -> None:
        """Send a parameter under another name, or (``None``) not at all; JSON mode in place of a schema."""
        if name == SCHEMA and self._has_schema:
            self._say_schema_in_words()
            return
        if name not in self._values or name in KEPT:
            return
        self._refused.add(name)
        value = self._values.pop(name)
        if replacement is None or replacement in self._refused:
            self._left_out.append(name)
        else:
            self._values[replacement] = value

    def refused(self, failure: Failure) -> Refused | None:
        """Return the parameter that the server refuses; ``None`` when it is not about one."""
        if failure.status not in (400, 422):
            return None
        name = self._named(failure)
        if name is None:
            return None
        if name == "response_format" and self._has_schema:
            return Refused(SCHEMA, name, always=self._is_unknown(failure) and not BAD_SCHEMA.search(failure.message))
        other = OTHER_CAP.get(name)
        return Refused(name, None if other in self._refused else other)

    @staticmethod
    def _is_unknown(failure: Failure) -> bool:
        return bool(failure.words & REFUSED_CODES or REFUSED_PROSE.search(failure.message))

    @property
    def _has_schema(self) -> bool:
        return bool(self._values.get("response_format", JSON_MODE)["type"] == SCHEMA)

    def _say_schema_in_words(self) -> None:
        first, *others = self._values["messages"]
        first = {**first, "content": f"{first['content']}\n\n{self._instructions}"}
        self._values |= {"messages": [first, *others], "response_format": JSON_MODE}
        self._left_out.append(SCHEMA)

    def _named(self, failure: Failure) -> str | None:
        changeable = self._values.keys() - KEPT
        if self._has_schema and "response_format" in (failure.param or failure.message):
            return (
                "response_format"  # whatever it says: a schema is a language of its own, and servers know parts of it
            )
        if not self._is_unknown(failure):
            return None
        if failure.param is not None:
            name = re.split(r"[.\[]", failure.param)[0]
            return name if name in changeable else None
        found = re.search(rf"\b({'|'.join(sorted(changeable))})\b", failure.message)
        return found[1] if found else None
