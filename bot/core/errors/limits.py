"""What the operator allows is used up, or less than was asked for; nothing has been paid for."""

from __future__ import annotations

from datetime import datetime

from bot.core.caps import CapPeriod, CapScope
from bot.core.errors import ParleyError


class Busy(ParleyError):
    """Too many questions wait in this conversation."""

    code = "busy"
    retryable = True


class Paused(ParleyError):
    """The operator has switched answering off for a while."""

    code = "paused"
    retryable = True


class LimitReached(ParleyError):
    """Something is used up until ``resets_at``; nothing has been paid for."""

    code = "limit_reached"

    def __init__(self, resets_at: datetime, **fields: str | int) -> None:
        super().__init__(f"resets at {resets_at:%Y-%m-%d %H:%M} UTC", resets_at=int(resets_at.timestamp()), **fields)
        self.resets_at = resets_at


class BudgetExhausted(LimitReached):
    """A cap on spending does not allow the call, which could have cost ``micro_usd``.

    ``scope_id``: whose cap it is, the id of the server or of the member; 0 for the bot's own.
    """

    code = "budget_exhausted"

    def __init__(
        self, scope: CapScope, period: CapPeriod, resets_at: datetime, *, scope_id: int = 0, micro_usd: int = 0
    ) -> None:
        super().__init__(resets_at)
        self.scope = scope
        self.period = period
        self.scope_id = scope_id
        self.micro_usd = micro_usd

    @property
    def sentence_key(self) -> str:
        """The key of the sentence in the locales."""
        return f"errors.{self.code}_{self.scope}_{self.period}"

    @property
    def topic(self) -> str:
        """What a member is told of once until it resets."""
        return f"{self.sentence_key}:{self.scope_id}"


class MemberLimitReached(LimitReached):
    """The member has asked as often as one may within an hour."""

    code = "member_limit_reached"

    def __init__(self, resets_at: datetime, *, limit: int) -> None:
        super().__init__(resets_at, limit=limit)


class AccountTooNew(LimitReached):
    """The member's account is newer than the operator wants; it is old enough at ``resets_at``."""

    code = "account_too_new"

    def __init__(self, resets_at: datetime, *, days: int) -> None:
        super().__init__(resets_at, days=days)


class ModelNotAllowed(ParleyError):
    """The owner of the bot keeps to other models. ``allowed`` is what members read."""

    code = "model_not_allowed"

    def __init__(self, model: str, *, allowed: str) -> None:
        super().__init__(model=model, allowed=allowed)


class ModelUnpriced(ParleyError):
    """A member chose a model whose price nobody knows, on a server that takes money: the budget could not hold it."""

    code = "model_unpriced"

    def __init__(self, *, model: str) -> None:
        super().__init__(model=model)
