"""What a request tells the stand-in: the question, what came before it, the options that were set."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.sandbox.standin.tokens import text_of
from bot.sandbox.standin.vision import SeenPicture

# How the bot frames a member's message: "[name, time]", then perhaps a quoted message and files, then the words.
_FRAME = re.compile(
    r"(?:\[(?P<author>[^\[\],\n]*)[^\[\]\n]*\]\n)?"
    r"(?:(?:Context: (?!attached )[^\n]*\n(?P<quote>(?:>[^\n]*\n)+))?"
    r"(?P<files>(?:Context: attached (?:file|picture) [^\n]*\n(?:>[^\n]*\n)*)*)\n)?"
)
_FILE = re.compile(
    r'^Context: attached (?:file|picture) [^"\n]*"(?P<name>[^"\n]*)" \((?P<size>[^\n]*)\)$', re.MULTILINE
)
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "stop")


@dataclass(frozen=True, slots=True)
class Said:
    """A member's words without the frame, and whose they are."""

    text: str
    author: str | None
    quote: str | None
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """One request, as a person would retell it. ``earlier`` are the user turns before the question, oldest first.

    ``may_draw``: the bot told how an answer offers to draw.
    ``notes`` are the quoted lines of the system prompt: what the bot noted of turns that do not come along any more.
    """

    model: str
    question: str
    author: str | None
    quote: str | None
    files: tuple[str, ...]
    earlier: tuple[Said, ...]
    answers: int
    system_chars: int
    notes: tuple[str, ...]
    cap_tokens: int | None
    options: tuple[tuple[str, Any], ...]
    may_draw: bool = False
    pictures: tuple[SeenPicture, ...] = ()

    @property
    def turn(self) -> int:
        """The number of this turn among those that came along, from 1."""
        return len(self.earlier) + 1


def hear(body: Mapping[str, Any], pictures: Sequence[SeenPicture] = ()) -> Heard:
    """Return what an accepted request says. ``pictures``: what is seen on those of its last message."""
    messages = body["messages"]
    said = [_said(text_of(message)) for message in messages if message["role"] == "user"]
    *earlier, asked = said or [_said("")]
    systems = [text_of(message) for message in messages if message["role"] in ("system", "developer")]
    return Heard(
        model=body["model"],
        question=asked.text,
        author=asked.author,
        quote=asked.quote,
        files=asked.files,
        earlier=tuple(earlier),
        answers=sum(message["role"] == "assistant" for message in messages),
        system_chars=sum(map(len, systems)),
        notes=tuple(line[2:] for text in systems for line in text.splitlines() if line.startswith("> ")),
        cap_tokens=cap_of(body),
        options=tuple((name, body[name]) for name in _SAMPLING if body.get(name) is not None),
        may_draw=any("[[draw:" in text for text in systems),
        pictures=tuple(pictures),
    )


def cap_of(body: Mapping[str, Any]) -> int | None:
    """Return the most tokens that the answer may have."""
    cap: int | None = body.get("max_completion_tokens") or body.get("max_tokens")
    return cap


def _said(text: str) -> Said:
    frame = _FRAME.match(text)
    if frame is None:
        return Said(text, None, None)
    quote = frame["quote"]
    files = tuple(f"{file['name']} ({file['size']})" for file in _FILE.finditer(frame["files"] or ""))
    quoted = " ".join(line.removeprefix(">").strip() for line in quote.splitlines()) if quote else None
    return Said(text[frame.end() :], frame["author"], quoted, files)


def excerpt(text: str, chars: int = 60) -> str:
    """Return a text's first words on one line; a backtick could open a code block around ours, so none is left."""
    words = " ".join(text.replace("`", "'").split())
    if len(words) <= chars:
        return words
    return words[:chars].rsplit(" ", 1)[0].rstrip() + "…"
