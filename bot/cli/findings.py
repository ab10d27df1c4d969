"""What ``doctor`` finds, one line each."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from enum import StrEnum

OTHERS = stat.S_IRWXG | stat.S_IRWXO  # in a mode: whoever does not own the file


class Level(StrEnum):
    """How bad a finding is. Only a PROBLEM makes ``doctor`` end with 1."""

    OK = "ok"
    WARN = "warn"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. ``advice`` says what to do; neither text holds a secret."""

    level: Level
    subject: str
    text: str
    advice: str = ""

    def __str__(self) -> str:
        """Return the finding as a line, with the advice below it."""
        line = f"{self.level.value:<8} {self.subject}: {self.text}"
        return f"{line}\n{'':<9}-> {self.advice}" if self.advice else line


def ok(subject: str, text: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(Level.OK, subject, text)


def warn(subject: str, text: str, advice: str) -> Finding:
    """Return a finding that the bot can live with."""
    return Finding(Level.WARN, subject, text, advice)


def problem(subject: str, text: str, advice: str) -> Finding:
    """Return a finding that keeps the bot from working."""
    return Finding(Level.PROBLEM, subject, text, advice)
