"""The words of a text: what of an answer is read aloud, and where a long one is cut."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from bot.core.cleaning import clean
from bot.core.markdown import CODE_SPAN, Fence, fence_after, match_opener
from bot.core.tokens import estimate_tokens

_SMALL: Final = re.compile(r"-#[^\n]*")
_LINE_MARK: Final = re.compile(r"(?:[ \t]*(?:>{1,3}|#{1,6}|[-*+•]|\d{1,9}[.)])[ \t]+)+(?=\S)")
_NUMBERED: Final = re.compile(r"[ \t]*\d{1,9}[.)][ \t]")
_RULE: Final = re.compile(r"[ \t]*(?:[-*_=][ \t]*){3,}$")
_TABLE_RULE: Final = re.compile(r"[ \t:|-]*$")  # with the two marks looked for by themselves: in linear time
_LINK: Final = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\n]*\)")
_ADDRESS_BEHIND: Final = re.compile(r"[ \t]*\(<https?://[^\s<>]+>\)")  # as an answer shows a link's target
_ADDRESS: Final = re.compile(r"<?https?://(?:www\.)?([^\s<>/?#)]+)[^\s<>)]*>?")
_EMOJI: Final = re.compile(r"<a?:(\w{2,32}):\d+>")
_MENTION: Final = re.compile(r"<(?:@[!&]?|#|t:|id:)[\w:+-]{1,40}>|</([^:>\n]{1,100}):\d{1,20}>")
_STRONG: Final = re.compile(r"\*{1,3}(?=\S)([^*\n]+?)(?<=\S)\*{1,3}|~~([^~\n]+)~~")
_SPOILER: Final = re.compile(r"\|\|([^|\n]+)\|\|")
_UNDERLINED: Final = re.compile(r"(?<!\w)_{1,3}(?=\S)([^_\n]+?)(?<=\S)_{1,3}(?!\w)")
_ESCAPE: Final = re.compile(r"\\([^\w\s])")
_CODE: Final = re.compile(CODE_SPAN)

_SENTENCE: Final = re.compile(
    "(?<=[.!?…])[\"'”’)\\]]{0,3}\\s+|(?<=[。！？])[”」』）]{0,3}\\s*|\\n+"  # noqa: RUF001 - full-width punctuation is meant
)
_WORD: Final = re.compile(r"\s+|(?<=[，、；：])")  # noqa: RUF001

VERBATIM: Final = 0.8  # so much of the words must be the same ones
# Thai, Lao, Burmese, Khmer, kana and Chinese characters: no spaces between words.
_UNSPACED: Final = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
_SAID: Final = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")


def spoken_words(markdown: str) -> str:
    """Return an answer as it is read aloud: without code blocks, marks, small print and addresses."""
    fence: Fence | None = None
    lines = []
    for line in clean(markdown).split("\n"):
        inside = fence is not None or match_opener(line) is not None
        fence = fence_after(line, fence)
        if not inside:
            lines.append(_spoken_line(line))
    text = "\n".join(lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _spoken_line(line: str) -> str:
    if _SMALL.match(line) or _RULE.match(line) or _is_table_rule(line):
        return ""
    line = _SPOILER.sub(r"\1", line)
    mark = _LINE_MARK.match(line)
    if mark is not None and not _NUMBERED.match(line):  # a list's numbers are worth hearing
        line = line[mark.end() :]
    if line.count("|") >= 2:  # a table's row
        line = ", ".join(cell.strip() for cell in line.split("|") if cell.strip())
    line = _CODE.sub(lambda code: code["code"], line)
    line = _ADDRESS_BEHIND.sub("", _LINK.sub(r"\1", line))
    line = _ADDRESS.sub(r"\1", line)
    line = _MENTION.sub(lambda mention: mention[1] or "", _EMOJI.sub(r"\1", line))
    for _ in range(2):  # bold inside of italics
        line = _STRONG.sub(lambda m: m[1] or m[2], line)
    line = _ESCAPE.sub(r"\1", _UNDERLINED.sub(r"\1", line))
    return re.sub(r"[ \t\u200b]+", " ", line).strip()


def _is_table_rule(line: str) -> bool:
    return "|" in line and "--" in line and _TABLE_RULE.match(line) is not None


def speech_parts(text: str, *, limit_chars: int, limit_tokens: int | None = None) -> list[str]:
    """Cut a text at the ends of sentences into parts that one call takes; whitespace alone gives none.

    Only a sentence that is too long by itself is cut between words, and only a word that is, inside.
    """
    parts: list[str] = []
    start = end = tokens = 0
    for place in _seams(text, limit_chars, limit_tokens):
        # A running sum: the tokens of pieces are never fewer than those of the whole.
        more = 0 if limit_tokens is None else estimate_tokens(text[end:place])
        too_many = limit_tokens is not None and tokens + more > limit_tokens
        if end > start and (too_many or len(text[start:place].strip()) > limit_chars):
            parts.append(text[start:end].strip())
            start, tokens = end, 0
        end = place
        tokens += more
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def _fits(piece: str, limit_chars: int, limit_tokens: int | None) -> bool:
    piece = piece.strip()
    return len(piece) <= limit_chars and (limit_tokens is None or estimate_tokens(piece) <= limit_tokens)


def _seams(text: str, limit_chars: int, limit_tokens: int | None) -> Iterator[int]:
    """Yield the places where the text may be cut, its end among them, so that what lies between two of them fits."""
    start = 0
    for end in (*(seam.end() for seam in _SENTENCE.finditer(text)), len(text)):
        if not _fits(text[start:end], limit_chars, limit_tokens):
            words = (start + seam.end() for seam in _WORD.finditer(text[start:end]))
            before = start
            for place in (*words, end):
                while not _fits(text[before:place], limit_chars, limit_tokens):
                    before += _room(text[before:place], limit_chars, limit_tokens)
                    yield before
                yield place
                before = place
        else:
            yield end
        start = end


def _room(word: str, limit_chars: int, limit_tokens: int | None) -> int:
    room = min(len(word), limit_chars)
    while room > 1 and not _fits(word[:room], limit_chars, limit_tokens):
        room //= 2
    return room


def is_verbatim(text: str, said: str) -> bool:
    """Whether nearly all words are the same, as often; of scripts without spaces, the characters.

    Their order is not looked at: that would take quadratic time.
    """
    wanted, heard = (Counter(_SAID.findall(one.casefold())) for one in (text, said))
    return 2 * (wanted & heard).total() >= VERBATIM * (wanted.total() + heard.total())
