"""Where a Markdown text can be cut: its lines, the seams between them, and the marks that a cut would go through."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from bot.core.markdown import CODE_SPAN, Fence, fence_after

_FILLED_LINE: Final = re.compile(r"^([^\S\n]*+)(\S(?:[^\n]*\S)?)", re.MULTILINE)
_HEADING: Final = re.compile(r"#{1,6}[ \t]|\*\*[^*\n]{1,200}\*\*:?\Z")
_ITEM: Final = re.compile(r"(?:[-*+]|\d{1,9}[.)])[ \t]")
_ITEM_OR_ROW: Final = re.compile(rf"{_ITEM.pattern}|\|")
_BLOCK: Final = re.compile(r"[>#*+`~|-]|\d")
_MARK: Final = re.compile(rf"\\[^\n]|{CODE_SPAN}|(?P<spoiler>\|\|)")

Span = tuple[int, int, str]  # first and last index at which a cut goes through it, and its mark


class Seam(NamedTuple):
    """A place to cut: one piece ends at ``end``, the next begins at ``start``; which fence is open on either side."""

    end: int
    start: int
    closes: Fence | None = None
    reopens: Fence | None = None
    resumes: str = ""  # block quote marks of a line that is cut in two


class Line(NamedTuple):
    """A line with something on it, from its first visible character to its last (in a fence: with its indent)."""

    start: int
    end: int
    before: Fence | None
    after: Fence | None
    marked: bool  # it, or a part of it, may look like a fence's mark
    heading: bool
    item: bool
    indented: bool

    @property
    def inner(self) -> Fence | None:
        """The fence that is open within the line."""
        return self.before or self.after

    @property
    def opens(self) -> bool:
        """Whether it opens a fence."""
        return self.before is None and self.after is not None

    @property
    def closes(self) -> bool:
        """Whether it closes a fence."""
        return self.before is not None and self.after is None


class Source:
    """A text with everything that a cut depends on, found in one pass from its beginning."""

    def __init__(self, text: str) -> None:
        self.text = text
        astral = not text.isascii() and max(text) > "\uffff"
        # Where each character begins, in UTF-16 code units.
        self._offsets: Sequence[int] = (
            [0, *accumulate(1 + (char > "\uffff") for char in text)] if astral else range(len(text) + 1)
        )
        self.lines = list(_lines(text))
        self._starts = [line.start for line in self.lines]
        # Seams at blocks; at blocks and list items; at all lines but those that belong together.
        self.levels: tuple[list[Seam], ...] = ([], [], [])
        self._rank_seams()
        self._code: list[Span] = []
        self._spoilers: list[Span] = []
        if "`" in text or "||" in text:
            self._find_spans()

    @property
    def end(self) -> Seam:
        """The end of the last line, where an open fence is closed."""
        return Seam(self.lines[-1].end, len(self.text), self.lines[-1].after)

    def reach(self, start: int, room: int) -> int:
        """Return the furthest index up to which the text from ``start`` fits into ``room`` UTF-16 code units."""
        return bisect_right(self._offsets, self._offsets[start] + room) - 1

    def fits(self, start: int, seam: Seam, room: int) -> bool:
        """Tell whether the piece from ``start`` to the seam, with its repair, fits into ``room``."""
        return self._offsets[seam.end] - self._offsets[start] + len(self.repair(seam)[0]) <= room

    def repair(self, seam: Seam) -> tuple[str, str]:
        """Return what closes the marks that the seam goes through, and what opens them again."""
        code, spoiler = _mark_around(self._code, seam.end), _mark_around(self._spoilers, seam.end)
        closing = f"\n{seam.closes.closing}" if seam.closes else code
        if spoiler and not closing and self.text[seam.end - 1] == "\\":
            closing = "\n"  # or the backslash would escape the mark
        if seam.reopens:
            return closing + spoiler, f"{seam.reopens.reopening(spoiler)}\n{seam.resumes}"
        # A block is one only at the beginning of a line.
        gap = "\n" if spoiler and not (seam.resumes or code) and _BLOCK.match(self.text, seam.start) else ""
        return closing + spoiler, seam.resumes + spoiler + gap + code

    def in_code(self, position: int) -> bool:
        """Tell whether the position is in a code span."""
        return bool(_mark_around(self._code, position))

    def meets_mark(self, seam: Seam) -> bool:
        """Tell whether a mark of the repair would stand beside the same character, and be read as another mark."""
        beside = self.text[seam.end - 1] + self.text[seam.start : seam.start + 1]
        return any(
            mark and mark[0] in beside
            for mark in (_mark_around(self._code, seam.end), _mark_around(self._spoilers, seam.end))
        )

    def line_at(self, position: int) -> int:
        """Return the index of the last line that begins before the position."""
        return bisect_left(self._starts, position) - 1

    def seam_behind(self, index: int) -> Seam:
        """Return the seam behind a line, whether its neighbours belong together or not."""
        line, following = self.lines[index], self.lines[index + 1]
        return Seam(line.end, following.start, line.after, following.before)

    def belongs_together(self, start: int, end: int) -> bool:
        """Tell whether the part is more than a line of prose: a list item, a table row, several lines."""
        return _ITEM_OR_ROW.match(self.text, start) is not None or self.text.find("\n", start, end) != -1

    def _rank_seams(self) -> None:
        in_list = False
        for index in range(len(self.lines) - 1):
            line = self.lines[index]
            if line.after is None:
                in_list = line.item or (in_list and (line.indented or not self._blank_before(index)))
            level = self._level(index, in_list=in_list)
            if level is not None:
                seam = self.seam_behind(index)
                for seams in self.levels[level:]:
                    seams.append(seam)

    def _blank_before(self, index: int) -> bool:
        return index > 0 and self.text.count("\n", self.lines[index - 1].end, self.lines[index].start) > 1

    def _level(self, index: int, *, in_list: bool) -> int | None:
        """Return the level of the seam behind a line: 0 block, 1 item, 2 line; ``None`` where lines belong together."""
        line, following = self.lines[index], self.lines[index + 1]
        if line.heading or line.opens or following.closes:
            return None
        if following.before is not None or (in_list and following.indented):
            return 2
        blank = self._blank_before(index + 1)
        if following.item:
            return 1 if in_list or not blank else 0
        return 0 if blank or line.closes or following.opens else 2

    def _find_spans(self) -> None:
        spoilers: list[int] = []
        for line in self.lines:
            if line.before is not None and line.after is not None:
                continue
            for match in _MARK.finditer(self.text, line.start, line.end):
                if match["spoiler"]:
                    spoilers.append(match.start())
                elif (mark := match["mark"]) and not line.opens and not line.closes:
                    self._code.append((match.start() + len(mark), match.end() - len(mark), mark))
        self._spoilers = [(start + 2, end, "||") for start, end in zip(spoilers[::2], spoilers[1::2], strict=False)]


def _lines(text: str) -> Iterator[Line]:
    fence: Fence | None = None
    end = 0
    for match in _FILLED_LINE.finditer(text):
        indent, line = match.groups()
        if fence is not None and (fence.left_by(line) or (fence.quote and text.count("\n", end, match.start()) > 1)):
            fence = None
        before, end = fence, match.end()
        fence = fence_after(line, before)
        yield Line(
            match.start(2) if before is None else match.start(),
            end=match.end(),
            before=before,
            after=fence,
            marked="```" in line or "~~~" in line,
            heading=before is None and _HEADING.match(line) is not None,
            item=before is None and len(indent) < 2 and _ITEM.match(line) is not None,
            indented=len(indent) >= 2,
        )


def _mark_around(spans: list[Span], position: int) -> str:
    index = bisect_right(spans, position, key=lambda span: span[0]) - 1
    return spans[index][2] if index >= 0 and position <= spans[index][1] else ""
