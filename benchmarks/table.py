"""What a measurement found, and how it is printed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

HEADINGS = ("measurement", "bare", "Parley", "ratio", "target", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. ``bare`` is ``None`` where a bare bot has nothing to compare; a target is an upper bound."""

    name: str
    unit: str
    bare: float | None
    parley: float
    target: float | None = None

    def cells(self) -> tuple[str, ...]:
        """Return what stands in the columns."""
        ratio = "" if not self.bare else f"{self.parley / self.bare:.2f}"
        target = "" if self.target is None else f"<= {self.target:g} {self.unit}"
        met = "" if self.target is None else "met" if self.parley <= self.target else "NOT MET"
        return (self.name, self._figure(self.bare), self._figure(self.parley), ratio, target, met)

    def _figure(self, value: float | None) -> str:
        return "" if value is None else f"{value:.1f} {self.unit}"


def render(rows: Sequence[Row]) -> str:
    """Return the rows as a table in plain text."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]

    def joined(line: Sequence[str]) -> str:
        first, *figures, last = map(str.rjust, line, widths)
        return " | ".join((first.strip().ljust(widths[0]), *figures, last.strip())).rstrip()

    return "\n".join((joined(lines[0]), "-+-".join("-" * width for width in widths), *map(joined, lines[1:])))


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that is not below so many per cent of all (nearest rank)."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]
