"""Tokens without a vocabulary, and a prompt cache that is simulated on them.

A token here is a short word with the space before it, a piece of a longer word, up to three digits, up to three
punctuation marks, a Han, kana or hangul character, or a run of white space: about four characters of English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_CJK = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
_PIECE = re.compile(
    rf"[{_CJK}]| ?(?:(?![{_CJK}])[^\W\d_]){{1,8}}| ?\d{{1,3}}| ?[^\w\s]{{1,3}}|\n+|[^\S\n]+|.", re.DOTALL
)

# OpenAI's prompt cache: identical beginnings of at least 1,024 tokens, in steps of 128.
CACHE_FROM_TOKENS = 1024
CACHE_STEP_TOKENS = 128


def pieces_of(text: str) -> list[str]:
    """Return the text cut into tokens; joined they are the text again."""
    return _PIECE.findall(text)


def text_of(message: Mapping[str, Any]) -> str:
    """Return a message's words; a part that is no text is named in brackets."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    # A picture is counted by itself: in words nothing tells that one came along.
    words = [part for part in content if part.get("type") != "image_url"]
    return "\n".join(part["text"] if part.get("type") == "text" else f"[{part.get('type')}]" for part in words)


def picture_pieces(message: Mapping[str, Any]) -> list[str]:
    """Return the tokens of a message's pictures, the same for the same picture: 85 at low detail, or else 765."""
    images = [part.get("image_url") for part in message["content"] if part.get("type") == "image_url"]
    pieces: list[str] = []
    for image in images:
        low = isinstance(image, dict) and image.get("detail") == "low"
        pieces += [f"<picture {hash(str(image))}>"] * (85 if low else 765)
    return pieces


def prompt_pieces(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the tokens of a prompt: each message costs its words and three for its frame, the answer's start three."""
    pieces: list[str] = []
    for message in messages:
        pieces += ("<start>", message["role"], "<words>", *pieces_of(text_of(message)))
        if isinstance(message.get("content"), list):
            pieces += picture_pieces(message)
    return [*pieces, "<start>", "assistant", "<words>"]


class PrefixCache:
    """Knows the beginnings of all prompts so far, per model.

    The real cache forgets after minutes and may miss; this one does neither, so that tests can count on it.
    """

    def __init__(self) -> None:
        self._known: set[int] = set()

    def look_up(self, model: str, pieces: Sequence[str]) -> tuple[int, int]:
        """Return how many tokens of this prompt were cached, and how many are cached from now on besides."""
        cached = written = 0
        digest = hash(model)
        for end in range(CACHE_STEP_TOKENS, len(pieces) + 1, CACHE_STEP_TOKENS):
            digest = hash((digest, *pieces[end - CACHE_STEP_TOKENS : end]))
            if end < CACHE_FROM_TOKENS:
                continue
            if digest in self._known:
                cached = end
            else:
                self._known.add(digest)
                written = end - cached
        return cached, written
