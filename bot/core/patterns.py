"""Whether a regular expression can be searched for in about linear time: told from its form, not by trying it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

PATTERN_CHARS: Final = 500
UNBOUNDED: Final = 4  # each further one may multiply the work by the length of the text
REPEATS: Final = 1000
_QUANTIFIER: Final = re.compile(r"(?:\*|\+|\?|\{(?!\})(?P<least>[0-9]*)(?P<open>,)?(?P<most>[0-9]*)\})[?+]?")


@dataclass(slots=True)
class _Group:
    """What an open group holds so far. ``varies``: it can match the same text in more than one way."""

    varies: bool = False


def is_safe(pattern: str) -> bool:
    """Whether the pattern is valid and keeps to a safe form.

    Refused: groups that vary (by a quantifier or an alternative) and are repeated, look-around, backreferences, more
    than four unbounded quantifiers, large counts.
    """
    if len(pattern) > PATTERN_CHARS:
        return False
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return _has_safe_form(pattern)


def _has_safe_form(pattern: str) -> bool:
    groups = [_Group()]
    unbounded = at = 0
    while at < len(pattern):
        atom, at = _atom(pattern, at)
        if atom is None:
            return False
        varies = False
        if atom == "(":
            groups.append(_Group())
            continue
        if atom == "|":
            groups[-1].varies = True
            continue
        if atom == ")":
            varies = groups.pop().varies
            groups[-1].varies |= varies
        quantifier = _QUANTIFIER.match(pattern, at)
        if quantifier is None:
            continue
        at = quantifier.end()
        least, most = _counts(quantifier)
        if max(least, most or 0) > REPEATS or (varies and most != 1):
            return False
        groups[-1].varies |= least != most
        unbounded += most is None
    return unbounded <= UNBOUNDED


def _atom(pattern: str, at: int) -> tuple[str | None, int]:
    """Return the atom at a place (``None`` for one that is refused) and where it ends."""
    character = pattern[at]
    if character == "\\":
        refused = pattern[at + 1] in "123456789kg"
        return (None if refused else "\\"), at + 2
    if character == "[":
        end = at + 1 + (pattern[at + 1] == "^")
        end += pattern[end] == "]"
        while pattern[end] != "]":
            end += 1 + (pattern[end] == "\\")
        return "[", end + 1
    if character == "(" and pattern[at + 1] == "?":
        return ("(", at + 3) if pattern[at + 2] == ":" else (None, at)
    return character, at + 1


def _counts(quantifier: re.Match[str]) -> tuple[int, int | None]:
    """Return the least and the most repetitions; ``None`` for no end."""
    sign = quantifier[0][0]
    if sign != "{":
        return (1 if sign == "+" else 0), (1 if sign == "?" else None)
    least = int(quantifier["least"] or 0)  # {,n} is {0,n}
    if quantifier["open"] is None:
        return least, least
    return least, int(quantifier["most"]) if quantifier["most"] else None
