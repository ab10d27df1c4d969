"""Notes on a conversation, on request: what was stated word for word, of questions how they began.

No model is behind it, so what it keeps can be told in advance: the notes that came along, then the first sentence of
every member's message. When that is more than was asked for, the beginnings of questions go, the oldest first, then
the newest of what was stated.
"""

from __future__ import annotations

import re

from bot.sandbox.standin.heard import Heard, Said, excerpt

_REQUEST = re.compile(r"\bwrite the notes\b.*?\b(?P<words>\d{2,4}) words\b", re.IGNORECASE | re.DOTALL)
_SENTENCE = re.compile(r".+?(?:[.!?…\u3002\uff01\uff1f](?=\s|$)|$)", re.DOTALL)
_ASKED = "asked: "
QUESTION_CHARS = 50


def write_notes(heard: Heard) -> str | None:
    """Return the notes that were asked for, or ``None`` when nobody asked: a member's own words never do."""
    wanted = _REQUEST.search(heard.question) if heard.author is None else None
    if wanted is None:
        return None
    lines = [*heard.notes, *(_line(said) for said in heard.earlier)]
    room = int(wanted["words"])
    while sum(len(line.split()) for line in lines) > room:
        asked = next((line for line in lines if _ASKED in line), lines[-1])
        lines.remove(asked)
    return "\n".join(lines) or "Nothing was said."


def _line(said: Said) -> str:
    who = excerpt(said.author) if said.author else "Somebody"
    first = _SENTENCE.match(said.text.strip())
    sentence = " ".join((first[0] if first else "").split())
    if sentence.endswith(("?", "\uff1f")):
        return f"- {who} {_ASKED}{excerpt(sentence, QUESTION_CHARS)}"
    return f"- {who}: {sentence}"
