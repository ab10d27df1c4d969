"""The one way into the ledger: a call's worst case, under every cap that holds for whoever makes it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final

from bot.core.caps import CapPeriod, CapScope, SpendingCaps
from bot.core.errors.limits import BudgetExhausted, MemberLimitReached
from bot.core.ports.money import Payer, Reservation
from bot.store.database import Transaction, milliseconds, moment

HOUR: Final = timedelta(hours=1)

# What counts against a cap since a moment. Each reads an index only (migrations/0009_spending_caps.sql).
SPENT: Final = """
SELECT coalesce(sum(coalesce(settled_micro_usd, reserved_micro_usd)), 0) AS micro_usd
FROM usage_ledger WHERE created_at >= :since
"""
SPENT_BY: Final = {
    CapScope.BOT: SPENT,
    CapScope.SERVER: f"{SPENT} AND guild_id = :scope_id",
    CapScope.MEMBER: f"{SPENT} AND author_id = :scope_id",
}

# An answer's own attempts under the same trigger end before the call that follows from it, so the next number is free.
RESERVE: Final = """
INSERT INTO usage_ledger (trigger_id, attempt, run_id, capability, model, reserved_micro_usd, author_id, guild_id,
                          channel_id, created_at)
SELECT :trigger_id, 1 + coalesce(max(attempt), 0), :run_id, :capability, :model, :micro_usd, :author_id, :guild_id,
       :channel_id, :now
FROM usage_ledger WHERE trigger_id = :trigger_id
RETURNING usage_id
"""

# A row of an earlier day comes along to today: it can only grow where it is checked.
RESERVE_MORE: Final = """
UPDATE usage_ledger
SET reserved_micro_usd = reserved_micro_usd + :micro_usd, created_at = max(created_at, :today)
WHERE trigger_id = :trigger_id AND run_id = :run_id AND settled_micro_usd IS NULL
  AND attempt = (SELECT max(attempt) FROM usage_ledger WHERE trigger_id = :trigger_id)
RETURNING usage_id
"""

# What a member asked within the last hour, whatever became of it: a trigger counts once, however often it was tried.
# Returns the moment of the oldest one that fills the limit, and nothing while there is room.
MEMBER_FULL: Final = """
SELECT max(created_at) AS asked_at FROM usage_ledger
WHERE author_id = :author_id AND created_at > :hour_ago AND trigger_id <> :trigger_id
GROUP BY trigger_id ORDER BY asked_at DESC LIMIT 1 OFFSET :limit - 1
"""


async def reserve(
    transaction: Transaction,
    payer: Payer,
    reservation: Reservation,
    *,
    caps: SpendingCaps,
    run_id: int,
    now: datetime,
    member_requests_per_hour: int | None = None,
) -> int:
    """Write a call's worst case into the ledger and return the id of its row; raises the ``LimitReached``.

    Limits and caps are checked in the transaction that writes the row: calls side by side cannot pass them together.
    """
    if member_requests_per_hour is not None:
        window = {"hour_ago": milliseconds(now - HOUR), "limit": member_requests_per_hour}
        for row in await transaction.run(MEMBER_FULL, {**asdict(payer), **window}):
            raise MemberLimitReached(moment(row["asked_at"]) + HOUR, limit=member_requests_per_hour)
    await _check(transaction, payer, reservation.micro_usd, caps, now)
    [row] = await transaction.run(
        RESERVE, {**asdict(payer), **asdict(reservation), "run_id": run_id, "now": milliseconds(now)}
    )
    return int(row["usage_id"])


async def reserve_more(
    transaction: Transaction, payer: Payer, micro_usd: int, *, caps: SpendingCaps, run_id: int, now: datetime
) -> None:
    """Add to the worst case of the newest open call of a trigger.

    Raises ``BudgetExhausted``, and then the transaction must not be kept: the sums are checked as they have become.
    """
    whose = {"trigger_id": payer.trigger_id, "run_id": run_id}
    today = milliseconds(CapPeriod.DAY.start(now))
    if not await transaction.run(RESERVE_MORE, {**whose, "micro_usd": micro_usd, "today": today}):
        raise LookupError(f"nothing is reserved for {payer.trigger_id}")
    await _check(transaction, payer, micro_usd, caps, now, is_written=True)


async def _check(
    transaction: Transaction,
    payer: Payer,
    micro_usd: int,
    caps: SpendingCaps,
    now: datetime,
    *,
    is_written: bool = False,
) -> None:
    """Raise ``BudgetExhausted`` with the cap that ends last of those that do not allow so much more.

    ``is_written``: the ledger has it already.
    """
    more = 0 if is_written else micro_usd
    whose = {CapScope.BOT: 0, CapScope.SERVER: payer.guild_id, CapScope.MEMBER: payer.author_id}
    for scope, period, cap in caps:
        scope_id = whose[scope]
        if scope_id is None:  # a direct message, or where a member brought the bot along: no server pays
            continue
        since = milliseconds(period.start(now))
        [spent] = await transaction.run(SPENT_BY[scope], {"since": since, "scope_id": scope_id})
        if more + spent["micro_usd"] > cap:
            raise BudgetExhausted(scope, period, period.end(now), scope_id=scope_id, micro_usd=micro_usd)
