"""Turn a model's Markdown into what Discord shows as it was meant. For display only: nothing of it is stored."""

from __future__ import annotations

import re
from typing import Final

import regex

from bot.core.markdown import CODE_SPAN, Fence, match_opener, opened_by
from bot.core.tables import align_table, is_table

_BREAKER: Final = "\u200b"  # zero-width space: keeps backticks apart

_NEWLINE: Final = re.compile("\r\n?|[\u2028\u2029]")
_UNPAIRED: Final = re.compile("[\ud800-\udfff]")
_CONTROL: Final = regex.compile(r"[^\P{Cc}\n\t]|\p{Bidi_Control}")
_MARKS_BEYOND_SIX: Final = regex.compile(r"(?<=[\p{Mn}\p{Me}]{6})[\p{Mn}\p{Me}]++")

_BACKTICKS: Final = re.compile("`{2,}")
_OPENED_BEHIND_TEXT: Final = re.compile(r"([^`\n]*[^`\s])\s*(```[\w+#.-]*)\s*$")
_CLOSED_BEHIND_TEXT: Final = re.compile(r"(?![>\s]*+(?:[-*+]\s|\d+[.)]\s)?\s*`)([^`\n]*[^`\s])\s*```\s*$")
_URL: Final = r"[a-zA-Z][a-zA-Z0-9+.-]{1,20}:(?:[^\s()<>\\]|\([^\s()<>\\]*+\))++"
_INLINE: Final = re.compile(
    rf"(?P<escape>\\[^\w\s])|{CODE_SPAN}|(?P<stray>`++)"
    rf"|!?\[(?P<label>(?:\\.|[^\[\]\\\n]|\[[^\[\]\n]*+\])*+)\]\(\s*+<?(?P<url>{_URL})>?\s*+\)"
    r"|\](?=\(\s*+<?[a-zA-Z][\w+.-]*+:)"
)
_SPOILER: Final = re.compile(rf"\\[^\w\s]|{CODE_SPAN}|(?P<spoiler>\|\|)")


def clean(text: str) -> str:
    """Return a model's text as it is to be shown in Discord.

    - Unpaired surrogates, control and bidi control characters go; more than six combining marks on a letter go.
    - Code fences are written as Discord knows them: three backticks at the beginning of a line, not indented, closed,
      not empty, and with no run of three backticks inside. A backtick that belongs to no code span is escaped.
    - A masked link shows its target: ``text (<url>)``, or ``<url>`` when that is its text. The angle brackets keep
      Discord from fetching a preview. Links that stand for themselves stay as they are.
    - A table of up to 80 columns of text stands aligned in a code block; wider tables stay as they are.
    """
    text = _drop_invisible(text)
    writer = _Writer()
    for line in text.split("\n"):
        writer.take(line)
    return writer.finish()


def clean_lines(text: str) -> list[str]:
    """Return a member's text as lines that open no code fence and whose code spans and spoilers end within the line.

    Links show their targets as in ``clean``; of several blank lines one is left.
    """
    lines: list[str] = []
    for raw in _drop_invisible(text).strip().split("\n"):
        line = _close_spoilers(_INLINE.sub(_show_inline, raw.rstrip()))
        if line or (lines and lines[-1]):
            opener = match_opener(line)
            lines.append(f"{line[: opener.start('mark')]}\\{line[opener.start('mark') :]}" if opener else line)
    return lines


def _close_spoilers(line: str) -> str:
    """Escape the last mark of an odd number of them."""
    marks = [match.start() for match in _SPOILER.finditer(line) if match["spoiler"]] if "||" in line else []
    return f"{line[: marks[-1]]}\\|\\|{line[marks[-1] + 2 :]}" if len(marks) % 2 else line


def _drop_invisible(text: str) -> str:
    if not text.isascii() and _UNPAIRED.search(text):
        # Two halves that came in two pieces make a whole again.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    text = _CONTROL.sub("", _NEWLINE.sub("\n", text))
    return text if text.isascii() else _MARKS_BEYOND_SIX.sub("", text)


def _break_backticks(line: str) -> str:
    return _BACKTICKS.sub(lambda run: _BREAKER.join(run[0]), line) if "```" in line else line


def _show_inline(match: re.Match[str]) -> str:
    if match["stray"]:
        return "\\`" * len(match["stray"])
    if match["mark"]:
        mark, code = match["mark"], match["code"]
        if len(mark) > 2 or "```" in code:
            # Three backticks are a code block wherever they stand; single ones are harmless between two.
            mark, code = "``", _BACKTICKS.sub(lambda run: _BREAKER.join(run[0]), code)
        return f"{mark}{code}{mark}"
    if match["url"]:
        label, url = _INLINE.sub(_show_inline, match["label"]).strip(), match["url"]
        return f"{label} (<{url}>)" if label and label != url else f"<{url}>"
    return match[0] if match["escape"] else "] "


class _Writer:
    """Takes the lines of a text one by one and writes them as Discord needs them."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._prose: list[str] = []
        self._fence: Fence | None = None
        self._indent = 0  # of the open fence: taken from its lines
        self._filled = False
        self._opened_at = 0

    def take(self, line: str) -> None:
        """Take the next line."""
        if self._fence is not None and self._fence.left_by(line):
            self._close()
        if self._fence is None:
            self._outside(line)
        elif self._fence.closed_by(line):
            self._close("||" if "||" in line else "")
        elif self._fence.mark == "```" and "```" in line and (match := _CLOSED_BEHIND_TEXT.match(line)):
            self._inside(match[1])
            self._close()
        else:
            self._inside(line)

    def finish(self) -> str:
        """Return the text; an open fence is closed."""
        if self._fence is not None:
            self._close()
        self._flush()
        return "\n".join(self._out)

    def _outside(self, line: str) -> None:
        opener = match_opener(line)
        if opener is None and "```" in line and (match := _OPENED_BEHIND_TEXT.match(line)):
            self._prose.append(match[1])
            line = match[2]
            opener = match_opener(line)
        if opener is None:
            self._prose.append(line)
            return
        self._flush()
        self._fence = opened_by(line)
        self._filled = False
        indent = opener["indent"]
        prefix = f"{opener['quote']}{indent}{opener['marker']}"
        # Behind a quote mark or a list marker the indent is part of the block around the fence.
        self._indent = 0 if prefix.strip() else len(indent)
        info = opener["info"].strip().replace("`", "'")
        self._out.append(f"{prefix if prefix.strip() else ''}{opener['spoiler']}```{info}")
        self._opened_at = len(self._out)

    def _inside(self, line: str) -> None:
        self._filled = self._filled or bool(line.strip(" \t>" if self._quote else None))
        shift = min(self._indent, len(line) - len(line.lstrip(" \t")))
        self._out.append(_break_backticks(line[shift:]))

    @property
    def _quote(self) -> str:
        return self._fence.quote if self._fence is not None else ""

    def _close(self, spoiler: str = "") -> None:
        if not self._filled:
            # Discord takes a block without text for the beginning of a longer one.
            self._out[self._opened_at :] = [f"{self._quote} "]
        self._out.append(f"{self._quote}```{spoiler}")
        self._fence = None

    def _flush(self) -> None:
        """Write the prose so far, and the tables in it."""
        lines, self._prose = self._prose, []
        text: list[str] = []
        index = 0
        while index < len(lines):
            end = index + 1
            if end < len(lines) and is_table(lines[index], lines[end]):
                while end < len(lines) and "|" in lines[end]:
                    end += 1
                if table := align_table(lines[index:end]):
                    self._write_prose(text)
                    self._out += ["```", _break_backticks(table), "```"]
                    text, index = [], end
                    continue
            text += lines[index:end]
            index = end
        self._write_prose(text)

    def _write_prose(self, lines: list[str]) -> None:
        if lines:
            self._out.append(_INLINE.sub(_show_inline, "\n".join(lines)))
