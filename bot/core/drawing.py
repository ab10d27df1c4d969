"""The one thing that a model's answer may propose: that a picture be drawn. A member decides it with a button.

The model is told to put the wish on a last line of a fixed form. The line is data: it is never shown, and never acted
on by itself. This works on every server, also on those without tool calls.
"""

from __future__ import annotations

import re
from typing import Final

OPENING: Final = "[[draw:"
WISH_CHARS: Final = 1000

_WISH: Final = re.compile(
    rf"(?:\A|\n)[ \t]*\[\[draw:[ \t]*(?P<wish>[^\n\[\]]{{0,{WISH_CHARS - 1}}}[^\n\[\]\s])[ \t]*\]\]\s*\Z"
)


def parted(answer: str) -> tuple[str, str | None]:
    """Return an answer's words without the line, and what is to be drawn; ``None`` where no such line ends it."""
    found = _WISH.search(answer)
    if found is None or answer.count("```", 0, found.start()) % 2:  # a code block that shows the form is no wish
        return answer, None
    return answer[: found.start()].rstrip(), found["wish"].strip()


def without_growing_wish(text: str) -> str:
    """Return unfinished text without a last line that may become a wish."""
    head, _, last = text.rstrip().rpartition("\n")
    begun = last.strip()
    is_wish = begun.startswith(OPENING) or (begun != "" and OPENING.startswith(begun))
    return head if is_wish else text
