"""Calls that belong to no claim, in the same ledger and under the same cap."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict
from datetime import timedelta
from typing import Final

from bot.core.errors import BudgetExhausted, MemberLimitReached
from bot.core.ports import Clock, Payer, Reservation, Settlement
from bot.store.database import Database, Parameters, Transaction, milliseconds, moment
from bot.store.turn_sql import MEMBER_FULL
from bot.store.turns import HOUR

# The cap is checked where the row is written: calls side by side cannot pass it together. An answer's own attempts
# under the same trigger end before the call that follows from it, so the next number is free.
RESERVE: Final = """
INSERT INTO usage_ledger (trigger_id, attempt, run_id, capability, model, reserved_micro_usd, author_id, guild_id,
                          channel_id, created_at)
SELECT :trigger_id, 1 + (SELECT coalesce(max(attempt), 0) FROM usage_ledger WHERE trigger_id = :trigger_id), :run_id,
       :capability, :model, :micro_usd, :author_id, :guild_id, :channel_id, :now
WHERE :micro_usd + (
    SELECT coalesce(sum(coalesce(settled_micro_usd, reserved_micro_usd)), 0)
    FROM usage_ledger WHERE created_at >= :midnight
) <= :cap
RETURNING usage_id
"""

SETTLE: Final = """
UPDATE usage_ledger
SET settled_micro_usd = :micro_usd, usage = :usage, price_version = :price_version, settled_at = :now
WHERE usage_id = :usage_id AND settled_micro_usd IS NULL
"""

NOTHING_SPENT: Final = Settlement(0, None, "")


class SqliteCallLedger:
    """Implements ``CallLedger``. What is not settled when the program dies stays reserved: it may have been spent."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._run_id = secrets.randbits(62)

    async def reserve(
        self,
        payer: Payer,
        reservation: Reservation,
        *,
        daily_cap_micro_usd: int,
        member_requests_per_hour: int | None = None,
    ) -> int:
        """Reserve a call's worst case and return the id of its entry; raises the ``LimitReached``."""
        now = self._clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        parameters: Parameters = {
            **asdict(payer),
            **asdict(reservation),
            "payer_id": payer.author_id,
            "run_id": self._run_id,
            "cap": daily_cap_micro_usd,
            "midnight": milliseconds(midnight),
            "hour_ago": milliseconds(now - HOUR),
            "limit": member_requests_per_hour,
            "now": milliseconds(now),
        }

        async def work(transaction: Transaction) -> int:
            if member_requests_per_hour is not None:
                for row in await transaction.run(MEMBER_FULL, parameters):
                    raise MemberLimitReached(moment(row["asked_at"]) + HOUR, limit=member_requests_per_hour)
            for row in await transaction.run(RESERVE, parameters):
                return int(row["usage_id"])
            raise BudgetExhausted(midnight + timedelta(days=1), micro_usd=reservation.micro_usd)

        return await self._database.transaction(work)

    async def settle(self, entry_id: int, settlement: Settlement | None) -> None:
        """Settle a reservation; ``None`` releases it. A second call changes nothing."""
        settled = settlement or NOTHING_SPENT
        await self._database.run(
            SETTLE,
            {
                "usage_id": entry_id,
                "micro_usd": settled.micro_usd,
                "usage": json.dumps(asdict(settled.usage)) if settled.usage else None,
                "price_version": settled.price_version or None,
                "now": milliseconds(self._clock.now()),
            },
        )
