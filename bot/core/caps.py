"""The caps on spending: for whom, for how long, how much. Days and months are those of the calendar in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class CapScope(StrEnum):
    """Whose spending a cap holds for."""

    BOT = "bot"
    SERVER = "server"
    MEMBER = "member"


class CapPeriod(StrEnum):
    """For how long a cap holds."""

    DAY = "day"
    MONTH = "month"

    def start(self, now: datetime) -> datetime:
        """Return when the period that ``now`` is in began."""
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight if self is CapPeriod.DAY else midnight.replace(day=1)

    def end(self, now: datetime) -> datetime:
        """Return when the next one begins."""
        return self.start(self.start(now) + timedelta(days=1 if self is CapPeriod.DAY else 32))


@dataclass(frozen=True, slots=True)
class SpendingCaps:
    """The most that may be spent, in millionths of a US dollar. ``None``: there is no such cap."""

    bot_day: int
    bot_month: int | None = None
    server_day: int | None = None
    server_month: int | None = None
    member_day: int | None = None
    member_month: int | None = None

    def __iter__(self) -> Iterator[tuple[CapScope, CapPeriod, int]]:
        """Yield the caps there are: those that last longest first, and of these the widest."""
        for period in (CapPeriod.MONTH, CapPeriod.DAY):
            for scope in CapScope:
                cap: int | None = getattr(self, f"{scope}_{period}")
                if cap is not None:
                    yield scope, period, cap
