"""Who may ask at all: nobody while the operator has paused the bot, and no account that is newer than they want."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.core.errors.limits import AccountTooNew, Paused

DISCORD_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)  # developer documentation, "Snowflakes"
TIMESTAMP_SHIFT = 22


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Admission:
    """Looked at before every question, wherever it comes from. ``is_paused`` is asked each time: keep it cheap."""

    min_account_days: int = 0
    is_paused: Callable[[], bool] = _never

    def refusal(self, member_id: int, now: datetime) -> Paused | AccountTooNew | None:
        """Return why this member is not answered now."""
        if self.is_paused():
            return Paused()
        if not self.min_account_days:  # also where this host's clock is behind Discord's
            return None
        made_at = DISCORD_EPOCH + timedelta(milliseconds=member_id >> TIMESTAMP_SHIFT)
        old_enough_at = made_at + timedelta(days=self.min_account_days)
        return AccountTooNew(old_enough_at, days=self.min_account_days) if now < old_enough_at else None


ADMIT_EVERYBODY = Admission()
