"""What may be spent: which models, and what is known of limits that are reached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.errors import BudgetExhausted, Busy, LimitReached, MemberLimitReached, Paused
from bot.core.ports import Clock

ANY_END = "*"
NAMED_MODELS = 15  # more would make a refusal unreadable
KEPT_LIMITS = 1000  # beyond it those that have ended are forgotten
TOLD_BUSY_FOR = timedelta(minutes=1)
TOLD_PAUSED_FOR = timedelta(hours=1)
RECHECK_AFTER = timedelta(minutes=1)  # reservations become settlements: there may be room again before midnight


@dataclass(frozen=True, slots=True)
class AllowedModels:
    """The models that members may choose: names, or beginnings of names with ``*``. None at all allows every model."""

    names: tuple[str, ...] = ()

    def __contains__(self, model: str) -> bool:
        """Whether a model may be chosen."""
        return not self.names or any(
            model.startswith(name.removesuffix(ANY_END)) if name.endswith(ANY_END) else model == name
            for name in self.names
        )

    def names_model(self, model: str) -> bool:
        """Whether the operator wrote this model down, or its beginning: they know what it costs."""
        return bool(self.names) and model in self

    def __str__(self) -> str:
        """Return the names as a member reads them."""
        shown = ", ".join(f"`{name}`" for name in self.names[:NAMED_MODELS])
        return f"{shown} …" if len(self.names) > NAMED_MODELS else shown

    @property
    def whole_names(self) -> tuple[str, ...]:
        """The names that are a model's own."""
        return tuple(name for name in self.names if not name.endswith(ANY_END))


EVERY_MODEL = AllowedModels()


class ReachedLimits:
    """Remembers what the database said last, so that a flood of questions is refused without asking it again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._budget: BudgetExhausted | None = None
        self._check_again_at = clock.now()
        self._members: dict[int, MemberLimitReached] = {}
        self._told: dict[tuple[str, int], datetime] = {}

    def note(self, error: LimitReached, member_id: int, *, ordinary_micro_usd: int) -> None:
        """Remember a refusal by the database.

        ``ordinary_micro_usd``: what an ordinary question may cost. When a dearer one did not fit, others may.
        """
        now = self._clock.now()
        if isinstance(error, MemberLimitReached):
            if len(self._members) >= KEPT_LIMITS:
                self._members = {member: known for member, known in self._members.items() if known.resets_at > now}
            self._members[member_id] = error
        elif isinstance(error, BudgetExhausted) and error.micro_usd <= ordinary_micro_usd:
            self._budget = error
            self._check_again_at = min(error.resets_at, now + RECHECK_AFTER)

    def refusal(self, member_id: int) -> LimitReached | None:
        """Return the limit that a question of this member would certainly meet."""
        now = self._clock.now()
        known = self._members.get(member_id)
        if known is not None and now < known.resets_at:
            return known
        return self._budget if self._budget is not None and now < self._check_again_at else None

    def tell(self, error: LimitReached, member_id: int) -> bool:
        """Return whether a member has yet to be told of a limit, and take it for told until the limit resets."""
        return self._tell(error.code, member_id, error.resets_at)

    def tell_for_now(self, error: Busy | Paused, member_id: int) -> bool:
        """Return whether a member has yet to be told of what ends at no known time."""
        lasts = TOLD_BUSY_FOR if isinstance(error, Busy) else TOLD_PAUSED_FOR
        return self._tell(error.code, member_id, self._clock.now() + lasts)

    def was_told(self, error: LimitReached | Paused, member_id: int) -> bool:
        """Whether a member has been told of a limit that has not been reset since."""
        return self._was_told(error.code, member_id)

    def _tell(self, code: str, member_id: int, until: datetime) -> bool:
        if self._was_told(code, member_id):
            return False
        if len(self._told) >= KEPT_LIMITS:
            now = self._clock.now()
            self._told = {whom: told_until for whom, told_until in self._told.items() if told_until > now}
        self._told[code, member_id] = until
        return True

    def _was_told(self, code: str, member_id: int) -> bool:
        until = self._told.get((code, member_id))
        return until is not None and self._clock.now() < until
