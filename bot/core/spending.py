"""What may be spent: which models, and what is known of limits that are reached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.caps import CapScope
from bot.core.errors.limits import BudgetExhausted, Busy, LimitReached, MemberLimitReached, Paused
from bot.core.ports.clock import Clock

ANY_END = "*"
NAMED_MODELS = 15  # more would make a refusal unreadable
KEPT_LIMITS = 1000  # beyond it those that have ended are forgotten
TOLD_LIMIT_FOR = timedelta(days=1)  # a limit may last for months: whoever comes back after days is told again
TOLD_BUSY_FOR = timedelta(minutes=1)
TOLD_PAUSED_FOR = timedelta(hours=1)
RECHECK_AFTER = timedelta(minutes=1)  # reservations become settlements: there may be room again before the day ends


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
        self._known: dict[tuple[str, int | None], tuple[LimitReached, datetime]] = {}  # whose -> what, and until when
        self._told: dict[tuple[str, int], datetime] = {}

    def note(self, error: LimitReached, member_id: int, *, ordinary_micro_usd: int) -> None:
        """Remember a refusal by the database.

        ``ordinary_micro_usd``: what an ordinary question may cost. When a dearer one did not fit, others may.
        """
        now = self._clock.now()
        if isinstance(error, MemberLimitReached):
            whose, until = (error.code, member_id), error.resets_at
        elif isinstance(error, BudgetExhausted) and error.micro_usd <= ordinary_micro_usd:
            whose, until = (error.scope, error.scope_id), min(error.resets_at, now + RECHECK_AFTER)
        else:
            return
        if len(self._known) >= KEPT_LIMITS:
            self._known = {key: known for key, known in self._known.items() if known[1] > now}
        self._known[whose] = (error, until)

    def refusal(self, member_id: int, guild_id: int | None) -> LimitReached | None:
        """Return the limit that a question of this member would certainly meet there."""
        now = self._clock.now()
        for whose in (
            (MemberLimitReached.code, member_id),
            (CapScope.BOT, 0),
            (CapScope.SERVER, guild_id),
            (CapScope.MEMBER, member_id),
        ):
            error, until = self._known.get(whose, (None, now))
            if now < until:
                return error
        return None

    def tell(self, error: LimitReached, member_id: int) -> bool:
        """Return whether a member has yet to be told of a limit; take it for told until the reset, a day at most."""
        return self._tell(error.topic, member_id, min(error.resets_at, self._clock.now() + TOLD_LIMIT_FOR))

    def tell_for_now(self, error: Busy | Paused, member_id: int) -> bool:
        """Return whether a member has yet to be told of what ends at no known time."""
        lasts = TOLD_BUSY_FOR if isinstance(error, Busy) else TOLD_PAUSED_FOR
        return self._tell(error.topic, member_id, self._clock.now() + lasts)

    def was_told(self, error: LimitReached | Paused, member_id: int) -> bool:
        """Whether a member has been told of a limit lately that has not been reset since."""
        return self._was_told(error.topic, member_id)

    def _tell(self, topic: str, member_id: int, until: datetime) -> bool:
        if self._was_told(topic, member_id):
            return False
        if len(self._told) >= KEPT_LIMITS:
            now = self._clock.now()
            self._told = {whom: told_until for whom, told_until in self._told.items() if told_until > now}
        self._told[topic, member_id] = until
        return True

    def _was_told(self, topic: str, member_id: int) -> bool:
        until = self._told.get((topic, member_id))
        return until is not None and self._clock.now() < until
