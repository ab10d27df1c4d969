"""Align Markdown tables, which Discord does not render, so that they can be read in a code block."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

WIDEST_TABLE: Final = 80  # columns of text: a wider code block wraps on a desktop, and the alignment is lost

_DELIMITER: Final = re.compile(r"\s*+\|?+(?:\s*+:?+-++:?+\s*+\|)*+(?:\s*+:?+-++:?+\s*+)?+$")
_PIPE: Final = re.compile(r"(?<!\\)\|")
_MARKS: Final = re.compile(r"\*\*([^*]+)\*\*|`+([^`]+)`+")


def is_table(header: str, delimiter: str) -> bool:
    """Tell whether two lines begin a table: a row, and a line of dashes with as many cells."""
    return (
        "|" in header
        and "|" in delimiter
        and "-" in delimiter
        and _DELIMITER.match(delimiter) is not None
        and len(_cells(header)) == len(_cells(delimiter))
    )


def align_table(lines: Sequence[str]) -> str | None:
    """Return the table with columns of equal width, or ``None`` when it is too wide for that.

    ``lines`` are the header, the delimiter and the rows. Bold and code marks are dropped from the cells.
    """
    rows = [[_plain(cell) for cell in _cells(line)] for line in (lines[0], *lines[2:])]
    columns = list(zip_longest(*rows, fillvalue=""))
    widths = [max(map(_width, column)) for column in columns]
    if sum(widths) + 3 * (len(widths) - 1) > WIDEST_TABLE:
        return None
    right = [cell.endswith(":") and not cell.startswith(":") for cell in _cells(lines[1])]
    right += [False] * (len(widths) - len(right))
    aligned = [" | ".join(map(_pad, row, widths, right)).rstrip() for row in zip(*columns, strict=True)]
    return "\n".join([aligned[0], "-+-".join("-" * width for width in widths), *aligned[1:]])


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [cell.strip() for cell in _PIPE.split(inner)]


def _plain(cell: str) -> str:
    return _MARKS.sub(lambda match: match[1] or match[2], cell).replace("\\|", "|")


def _pad(cell: str, width: int, right: bool) -> str:  # noqa: FBT001
    gap = " " * (width - _width(cell))
    return gap + cell if right else cell + gap


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
