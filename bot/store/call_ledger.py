"""Calls that belong to no claim, in the same ledger and under the same caps."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict
from typing import Final

from bot.core.caps import SpendingCaps
from bot.core.ports.clock import Clock
from bot.core.ports.money import Payer, Reservation, Settlement
from bot.store.database import Database, milliseconds
from bot.store.reserving import reserve

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
        caps: SpendingCaps,
        member_requests_per_hour: int | None = None,
    ) -> int:
        """Reserve a call's worst case and return the id of its entry; raises the ``LimitReached``."""
        return await self._database.transaction(
            lambda transaction: reserve(
                transaction,
                payer,
                reservation,
                caps=caps,
                run_id=self._run_id,
                now=self._clock.now(),
                member_requests_per_hour=member_requests_per_hour,
            )
        )

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
