"""Cut a Markdown answer into Discord messages that each stand on their own."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Final

import regex

from bot.core.limits import MESSAGE_CHARS
from bot.core.markdown import fence_after
from bot.core.seams import Line, Seam, Source

SMALLEST_LIMIT: Final = 64  # below it, the marks that repair a fence would leave no room for text
_SOFT_CHARS: Final = 500  # longer bold text or code spans are cut like other text
_LOOK_AHEAD: Final = 100  # characters behind the place where a piece is full
_TRIES: Final = 50

_CJK: Final = r"\p{Han}\p{Hiragana}\p{Katakana}"
_CJK_STOPS: Final = "。！？，、；：…）」』】》〉”"  # noqa: RUF001 -- full-width punctuation is meant

_SPACES: Final = regex.compile(r"[^\S\n]++")
_BREAK: Final = regex.compile(
    rf"{_SPACES.pattern}|(?<=[{_CJK}{_CJK_STOPS}])(?=[{_CJK}])|(?<=[{_CJK_STOPS}])(?=[\p{{L}}\p{{N}}])"
)
_SENTENCE_END: Final = regex.compile(r"[.!?…。！？][\"'”’)\]*_|」』）]{0,4}\Z")  # noqa: RUF001
_BLOCK_MARK: Final = regex.compile(r"(?:#{1,3}|-#|>|>>>|[-*+]|\d{1,9}[.)])[ \t]")
_WHOLE: Final = regex.compile(
    r"<(?:a?:\w{2,32}:|@[!&]?|[#]|t:|id:)[\w:+-]{1,40}>"  # custom emoji, mention, timestamp
    r"|</[^:>\n]{1,100}:\d{1,20}>"  # mention of a command
    r"|\[[^\[\]\n]{0,500}+\]\(<?https?://[^\s()<>]{1,1500}+>?\)"
    rf"|<?https?://[^\s<>{_CJK}{_CJK_STOPS}]{{1,2000}}+>?"
    r"|`{2,10}|~{2,10}|\*{2,3}|__|\|\|"
)
_SOFT: Final = regex.compile(r"\*\*[^*\n]++\*\*|__[^_\n]++__|~~[^~\n]++~~")
_GRAPHEME: Final = regex.compile(r"\X")
_CJK_LETTER: Final = regex.compile(rf"[{_CJK}{_CJK_STOPS}]")


@dataclass(frozen=True, slots=True)
class Piece:
    """One message's part of a text: ``opening + text[start:end] + closing``.

    Between the spans of two pieces lies only whitespace. ``opening`` and ``closing`` are repair: they close a code
    fence, a code span or a spoiler that the cut goes through, and open it again; of a fence's info string only the
    language. The last piece closes a fence that the text leaves open.
    """

    start: int
    end: int
    opening: str = ""
    closing: str = ""


def split(text: str, limit: int = MESSAGE_CHARS, first_limit: int | None = None) -> list[str]:
    """Cut a Markdown text into messages of at most ``limit`` UTF-16 code units; whitespace alone gives none.

    ``first_limit`` is the limit of the first message, where something else stands above it.
    When the text grows at its end, only the last two messages change; except that a spoiler is known once its closing
    mark has come, and is repaired then in every message that it goes through.
    Raises ``ValueError`` for a limit below 64.
    """
    return [f"{piece.opening}{text[piece.start : piece.end]}{piece.closing}" for piece in cut(text, limit, first_limit)]


def cut(text: str, limit: int = MESSAGE_CHARS, first_limit: int | None = None) -> Iterator[Piece]:
    """Yield the pieces that ``split`` renders, in order."""
    room = limit if first_limit is None else first_limit
    if min(limit, room) < SMALLEST_LIMIT:
        raise ValueError(f"a message must have room for {SMALLEST_LIMIT} characters")
    source = Source(text)
    if not source.lines:
        return
    start, opening = source.lines[0].start, ""
    while not source.fits(start, source.end, room - len(opening)):
        seam = _Choice(source, start, room - len(opening), limit).seam()
        closing, reopening = source.repair(seam)
        yield Piece(start, seam.end, opening, closing)
        start, opening, room = seam.start, reopening, limit
    yield Piece(start, source.end.end, opening, source.repair(source.end)[0])


class _Choice:
    """Where one piece ends, given that the rest of the text does not fit into ``room``."""

    def __init__(self, source: Source, start: int, room: int, limit: int) -> None:
        self.source, self.start, self.room, self.limit = source, start, room, limit
        self.stop = source.reach(start, room)
        self.half = source.reach(start, room // 2)

    def seam(self) -> Seam:
        """Return the best seam: between blocks, items, lines, sentences, words, characters."""
        source, seam = self.source, None
        for seams in source.levels:
            seam, following = self._last_of(seams)
            if seam is not None and self._moves_whole(seam, following):
                return seam
        if seam is not None and seam.end >= self.half:
            return seam
        # What closes an open fence or spoiler has to fit as well.
        margin = 0
        for _ in range(3):
            fence = source.lines[source.line_at(self.stop)].inner
            margin = max(margin, len(source.repair(Seam(self.stop, self.stop, closes=fence))[0]))
            self.stop = source.reach(self.start, self.room - margin)
        index = source.line_at(self.stop)
        line = source.lines[index]
        inside = self.stop < line.end
        between_words = self._between_words(line) if inside and not line.closes else None
        return between_words or seam or self._last_resort(line, index - 1 if inside else index)

    def _last_resort(self, line: Line, index: int) -> Seam:
        """Return the seam behind the line with this index, although it belongs to the next, or else one in ``line``."""
        index = min(index, len(self.source.lines) - 2)
        behind = self.source.seam_behind(index) if index >= 0 else None
        if behind is not None and not self._fits(behind):
            behind = None
        # Behind a line that opens a fence the block would be empty: rather cut a word.
        if behind is not None and not self.source.lines[index].opens:
            return behind
        return (
            self._between_characters(line, keep_whole=True)
            or behind
            or self._between_characters(line, keep_whole=False)
            or self._anywhere(line)
        )

    def _fits(self, seam: Seam) -> bool:
        return seam.end > self.start and self.source.fits(self.start, seam, self.room)

    def _last_of(self, seams: list[Seam]) -> tuple[Seam | None, Seam]:
        """Return the last of the seams that this piece can end at, and the one after it."""
        index = bisect_right(seams, self.stop, key=lambda seam: seam.end)
        while index and seams[index - 1].end > self.start and not self._fits(seams[index - 1]):
            index -= 1
        seam = seams[index - 1] if index and seams[index - 1].end > self.start else None
        return seam, seams[index] if index < len(seams) else self.source.end

    def _moves_whole(self, seam: Seam, following: Seam) -> bool:
        """Tell whether to leave what lies between the seams to the next piece: it fits there, and it is worth it."""
        worth = seam.end >= self.half or self.source.belongs_together(seam.start, following.end)
        return worth and self.source.fits(seam.start, following, self.limit - len(self.source.repair(seam)[1]))

    def _between_words(self, line: Line) -> Seam | None:
        """Return the last end of a sentence in the second half, or else the last seam between words."""
        source, begin = self.source, max(line.start, self.start)
        whole, soft = self._spans(_WHOLE, line), self._spans(_SOFT, line)
        breaks = self._breaks(begin, line.end)
        sentences = [end for end in breaks if end >= self.half and self._ends_sentence(begin, end)]
        spare: Seam | None = None
        for ends in (sentences if line.inner is None else [], breaks):
            for end in reversed(ends):
                if end < self.half and spare:
                    break
                if _inside(whole, end) or (seam := self._within(line, end)) is None:
                    continue
                awkward = _inside(soft, end) or source.in_code(end)
                if not awkward and not _BLOCK_MARK.match(source.text, seam.start, line.end):
                    return seam
                spare = spare or seam
        return spare

    def _spans(self, pattern: regex.Pattern[str], line: Line) -> list[tuple[int, int]]:
        """Return what the pattern finds around the place where the piece is full, if it is not too long to be kept."""
        begin, end = max(line.start, self.start), min(line.end, self.stop + self.limit)
        longest = _SOFT_CHARS if pattern is _SOFT else self.limit
        found = (match.span() for match in pattern.finditer(self.source.text, begin, end))
        return [(first, last) for first, last in found if last - first <= longest]

    def _breaks(self, begin: int, end: int) -> list[int]:
        """Return where words end, up to the place where the piece is full."""
        text = self.source.text
        pattern = _BREAK if _CJK_LETTER.search(text, begin, self.stop) else _SPACES
        found = (match.start() for match in pattern.finditer(text, begin, min(end, self.stop + _LOOK_AHEAD)))
        return list(takewhile(lambda position: position <= self.stop, found))

    def _ends_sentence(self, begin: int, end: int) -> bool:
        text = self.source.text
        return not text[end - 1].isalnum() and _SENTENCE_END.search(text, max(begin, end - 6), end) is not None

    def _between_characters(self, line: Line, *, keep_whole: bool) -> Seam | None:
        """Return the last seam between graphemes, and outside of links and mentions where ``keep_whole`` is set."""
        text, begin = self.source.text, max(line.start, self.start)
        ends: Sequence[int] = range(begin + 1, self.stop + 1)
        if not text[begin : self.stop + 1].isascii():
            found = (match.end() for match in _GRAPHEME.finditer(text, begin, line.end))
            ends = list(takewhile(lambda end: end <= self.stop, found))
        whole = self._spans(_WHOLE, line) if keep_whole else []
        for end in islice((end for end in reversed(ends) if not _inside(whole, end)), _TRIES):
            if (seam := self._within(line, end)) is not None:
                return seam
        return None

    def _anywhere(self, line: Line) -> Seam:
        """Return a seam in a character that is longer than a piece, or in what only looks like the marks of fences."""
        room = self.room - len(self.source.repair(self._seam(line, self.stop, self.stop))[0])
        end = max(self.source.reach(self.start, room), self.start + 1)
        return self._seam(line, end, end)

    def _seam(self, line: Line, end: int, following: int) -> Seam:
        text, closes = self.source.text, line.inner
        quoted = line.inner.quote if line.inner else "> " if text.startswith(">", line.start) else ""
        if line.marked:
            # The first half of a line may look like a fence's mark although the whole line does not.
            begins = self.start <= line.start
            head = text[line.start : end] if begins else quoted + text[self.start : end]
            closes = fence_after(head, line.before if begins else line.inner)
        return Seam(end, following, closes, line.inner, resumes=quoted)

    def _within(self, line: Line, end: int) -> Seam | None:
        """Return the seam within a line, unless it does not fit or the rest of the line would look like a mark."""
        text = self.source.text
        spaces = _SPACES.match(text, end, line.end)
        seam = self._seam(line, end, spaces.end() if spaces else end)
        if end >= line.end or not self._fits(seam) or not text[max(line.start, self.start) : end].strip():
            return None
        if self.source.meets_mark(seam):
            return None
        if line.marked and fence_after(seam.resumes + text[seam.start : line.end], line.inner) != line.inner:
            return None
        return seam


def _inside(spans: list[tuple[int, int]], position: int) -> bool:
    index = bisect_left(spans, (position,)) - 1
    return index >= 0 and position < spans[index][1]
