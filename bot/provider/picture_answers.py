"""Reads what the images endpoints answer: JSON or events, bytes or addresses. For a thread: an answer has megabytes."""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.core.errors.provider import InvalidReply
from bot.core.pictures.formats import kind_of_picture
from bot.core.ports.money import MediaUsage
from bot.provider.chunks import ErrorObject


@dataclass(frozen=True, slots=True)
class PictureAnswer:
    """What one answer holds. ``broken``: pictures that are none, or were cut off."""

    contents: tuple[bytes, ...] = ()
    urls: tuple[str, ...] = ()
    broken: int = 0
    usage: MediaUsage = field(default_factory=MediaUsage)


@dataclass(frozen=True, slots=True)
class Partial:
    """A picture that is not finished."""

    content: bytes


def read_answer(body: bytes) -> PictureAnswer:
    """Return what a JSON answer holds. Raises ``InvalidReply`` for what is none."""
    answer = _object(body)
    data = answer.get("data")
    if not isinstance(data, list):
        raise InvalidReply("no data in the answer")
    contents, urls, broken = [], [], 0
    for each in data:
        item = each if isinstance(each, dict) else {}
        content = _picture(item.get("b64_json"))
        if content is not None:
            contents.append(content)
        elif isinstance(item.get("url"), str) and item["url"]:
            urls.append(item["url"])
        else:
            broken += 1
    return PictureAnswer(tuple(contents), tuple(urls), broken, _usage(answer.get("usage")))


def read_event(data: bytes) -> PictureAnswer | Partial | None:
    """Return what an event holds; ``None`` for one that does not matter. Raises ``ErrorObject`` or ``InvalidReply``."""
    if data.startswith(b"[DONE]"):
        return None
    event = _object(data)
    kind = str(event.get("type", ""))
    content = _picture(event.get("b64_json"))
    if kind.endswith(".partial_image"):
        return Partial(content) if content is not None else None
    if kind.endswith(".completed"):
        usage = _usage(event.get("usage"))
        return PictureAnswer((content,), usage=usage) if content is not None else PictureAnswer(broken=1, usage=usage)
    return None


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        raise InvalidReply("neither JSON nor a picture") from None
    if not isinstance(found, dict):
        raise InvalidReply("JSON that is no object")
    if found.get("error"):
        raise ErrorObject(found)
    return found


def _picture(encoded: object) -> bytes | None:
    if not isinstance(encoded, str) or not encoded:
        return None
    try:
        content = binascii.a2b_base64(encoded.rpartition(",")[2] if encoded.startswith("data:") else encoded)
    except ValueError:
        return None
    return content if kind_of_picture(content) is not None else None


def _usage(value: object) -> MediaUsage:
    usage = value if isinstance(value, dict) else {}
    details = usage.get("input_tokens_details")
    return MediaUsage(
        input_tokens=_count(usage.get("input_tokens")),
        input_image_tokens=_count(details.get("image_tokens")) if isinstance(details, dict) else 0,
        output_tokens=_count(usage.get("output_tokens")),
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
