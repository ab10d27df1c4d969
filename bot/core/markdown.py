"""What the splitter and the pages know about Markdown: lengths, code fences, code spans."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# Marks of more than ten characters are taken as text: nobody writes them, and they must not fill a message.
_QUOTE: Final = r"(?P<quote>(?:[ \t]*+>)*+)"
_OPENER: Final = re.compile(
    _QUOTE + r"(?P<indent>[ \t]*+)(?P<marker>(?:(?:[-*+]|\d{1,9}[.)])[ \t]++)*+)(?P<spoiler>(?:\|\|)?+)"
    r"(?P<mark>`{3,10}+(?!`)|~{3,10}+(?!~))(?P<info>[^\n]*)"
)
_CLOSER: Final = re.compile(_QUOTE + r"[ \t]*+(?P<mark>`{3,}+|~{3,}+)\s*+(?:\|\|)*+\s*+$")
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9_+#.-]{1,20}+(?!\S)")

# A code span stays within its line and ends with a run as long as the one that opened it.
CODE_SPAN: Final = r"(?<!`)(?P<mark>`{1,10}+)(?!`)(?P<code>[^\n]*?[^`\n])(?P=mark)(?!`)"


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 code units, the strictest way in which Discord may count."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(frozen=True, slots=True)
class Fence:
    """An open code fence, and what it takes to close it and to open it again in the next message."""

    mark: str
    language: str = ""
    quote: str = ""  # the block quote marks before it

    @property
    def closing(self) -> str:
        """The line that closes it."""
        return f"{self.quote}{self.mark}"

    def reopening(self, spoiler: str = "") -> str:
        """Return the line that opens it again; with the language, of at most 20 characters."""
        return f"{self.quote}{spoiler}{self.mark}{self.language}"

    def closed_by(self, line: str) -> bool:
        """Tell whether the line is its closing mark."""
        match = _CLOSER.match(line)
        return (
            match is not None
            and match["mark"][0] == self.mark[0]
            and len(match["mark"]) >= len(self.mark)
            and bool(match["quote"]) == bool(self.quote)
        )

    def left_by(self, line: str) -> bool:
        """Tell whether the line ends it without a mark: the block quote around it is over."""
        return bool(self.quote) and not line.lstrip().startswith(">")


def match_opener(line: str) -> re.Match[str] | None:
    """Match a line that opens a code fence, alone or in a block quote, a list item or a spoiler.

    Groups: quote, indent, marker (of list items), spoiler, mark, info.
    """
    if "```" not in line and "~~~" not in line:
        return None
    match = _OPENER.match(line)
    if match is None or ("`" if match["mark"][0] == "`" else "~~~") in match["info"]:
        return None
    return match


def opened_by(line: str) -> Fence | None:
    """Return the fence that the line opens, if it does."""
    match = match_opener(line)
    if match is None:
        return None
    language = _LANGUAGE.match(match["info"].strip())
    quote = "> " * min(4, match["quote"].count(">"))
    return Fence(mark=match["mark"], language=language[0] if language else "", quote=quote)


def fence_after(line: str, fence: Fence | None) -> Fence | None:
    """Return the fence that is open after the line, given the one that is open before it."""
    if fence is None or fence.left_by(line):
        return opened_by(line)
    return None if fence.closed_by(line) else fence
