"""Replies that are stored: delivered, parked, taken up again after a restart; and what is wiped afterwards."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from bot.core.conversation import Claim, ClaimState, Question, Reply
from bot.core.ports.clock import Clock
from bot.store import turn_sql as sql
from bot.store.database import Database, Parameters, Transaction, milliseconds
from bot.store.questions import question_from_json
from bot.store.turn_rows import claim_from_row, file_rows, page_rows

INTERACTION_TOKEN_AGE = timedelta(minutes=15)  # Discord refuses it afterwards
FAILED_QUESTION_AGE = timedelta(hours=24)
PARKED_AGE = timedelta(days=7)
# Files of replies that are not delivered yet and are written anew by every sweep; more of them wait for a later one.
SWEPT_FILE_BYTES = 16 * 1024 * 1024


class Outbox:
    """What becomes of a claim once it has its reply. Every public method is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        # Reservations of an earlier run are never released: nobody knows what was spent before it died.
        self._run_id = secrets.randbits(62)
        self.ended: Counter[str] = Counter()  # state -> claims that this run of the program ended so

    async def fail(
        self,
        trigger_id: int,
        reason: str,
        error_id: str,
        reply: Reply,
        *,
        billed: int,
        most_micro_usd: int | None = None,
    ) -> None:
        """Put a notice into the outbox (READY), and settle what is still reserved, at most so much, or release it.

        What an earlier run of the program reserved is settled in full in any case.
        """
        now = self._now()

        async def work(transaction: Transaction) -> None:
            cost: Parameters = {"run_id": self._run_id, "billed": int(billed), "most": most_micro_usd}
            await transaction.run(sql.SETTLE_FAILED, {"trigger_id": trigger_id, "now": now, **cost})
            await self._make_ready(transaction, trigger_id, reply, now, reason=reason, error_id=error_id)

        await self._database.transaction(work)

    async def explain(self, trigger_id: int, reason: str, error_id: str, reply: Reply) -> None:
        """Put a notice into the outbox in place of the READY reply, which Discord refuses."""
        now = self._now()

        async def work(transaction: Transaction) -> None:
            if await transaction.run(sql.UNREADY, {"trigger_id": trigger_id, "now": now}):
                await transaction.run(sql.EMPTY_OUTBOX, {"trigger_id": trigger_id})
                await self._make_ready(transaction, trigger_id, reply, now, reason=reason, error_id=error_id)

        await self._database.transaction(work)

    async def finish(self, trigger_id: int) -> None:
        """End a READY claim and wipe it; a failed question stays for ``take_failed`` when its notice is retryable."""
        await self._end(sql.FINISH, trigger_id)

    async def expire(self, trigger_id: int, reason: str) -> None:
        """End the claim without a delivered reply, and wipe it; its reservation stays in the ledger."""
        await self._end(sql.EXPIRE, trigger_id, reason=reason)

    async def cancel(self, trigger_id: int, *, billed: bool, reason: str, most_micro_usd: int | None = None) -> None:
        """End an unfinished claim as CANCELLED, wipe it, and settle its reservations or release them."""
        parameters: Parameters = {"trigger_id": trigger_id, "now": self._now(), "reason": reason}
        cost: Parameters = {**parameters, "run_id": self._run_id, "billed": int(billed), "most": most_micro_usd}

        async def work(transaction: Transaction) -> bool:
            if await transaction.run(sql.CANCEL, parameters):
                await transaction.run(sql.SETTLE_FAILED, cost)
                await transaction.run(sql.FORGET_QUESTION, parameters)
                await transaction.run(sql.EMPTY_OUTBOX, parameters)
                await transaction.run(sql.EMPTY_OUTBOX_FILES, parameters)
                return True
            return False

        if await self._database.transaction(work):
            self.ended[ClaimState.CANCELLED] += 1

    async def park(self, trigger_id: int) -> None:
        """Leave a READY reply where it is until its author's next command; its token is of no use any more."""
        parameters: Parameters = {"trigger_id": trigger_id, "now": self._now()}

        async def work(transaction: Transaction) -> None:
            await transaction.run(sql.PARK, parameters)
            await transaction.run(sql.KEEP_QUESTION, parameters)

        await self._database.transaction(work)

    async def keep_last_pages(self, trigger_id: int, count: int) -> None:
        """Forget all but the last pages of a reply, and their files."""

        async def work(transaction: Transaction) -> None:
            await transaction.run(sql.KEEP_LAST_PAGES, {"trigger_id": trigger_id, "count": count})
            await transaction.run(sql.KEEP_FILES_OF_PAGES, {"trigger_id": trigger_id})

        await self._database.transaction(work)

    async def parked_authors(self) -> frozenset[int]:
        """Return whose replies are parked."""
        return frozenset(row["author_id"] for row in await self._database.run(sql.PARKED_AUTHORS))

    async def parked(self, author_id: int) -> Sequence[Claim]:
        """Return a member's parked replies, oldest first."""

        async def work(transaction: Transaction) -> list[Claim]:
            claims = []
            for row in await transaction.run(sql.PARKED, {"author_id": author_id}):
                named: Parameters = {"trigger_id": row["trigger_id"]}
                pages, files = await transaction.run(sql.PAGES, named), await transaction.run(sql.FILES, named)
                claims.append(claim_from_row(row, [], pages, files))
            return claims

        return await self._database.transaction(work)

    async def unfinished(self) -> Sequence[Claim]:
        """Return every claim that has not ended, oldest first."""

        async def work(transaction: Transaction) -> list[Claim]:
            claims = await transaction.run(sql.UNFINISHED)
            places = await transaction.run(sql.UNFINISHED_PLACES)
            pages = await transaction.run(sql.UNFINISHED_PAGES)
            files = await transaction.run(sql.UNFINISHED_FILES)
            return [claim_from_row(row, places, pages, files) for row in claims]

        return await self._database.transaction(work)

    async def kept_question(self, trigger_id: int, author_id: int) -> Question | None:
        """Return the kept question of a FAILED claim to its author and leave it where it is."""
        rows = await self._database.run(sql.KEPT_QUESTION, {"trigger_id": trigger_id, "author_id": author_id})
        return question_from_json(rows[0]["question"], None) if rows else None

    async def take_failed(self, trigger_id: int, author_id: int) -> Question | None:
        """Return the kept question of a FAILED claim to its author, once. Its route has no interaction token."""
        rows = await self._database.run(sql.TAKE_FAILED, {"trigger_id": trigger_id, "author_id": author_id})
        return question_from_json(rows[0]["question"], None) if rows else None

    async def sweep(self) -> None:
        """Wipe interaction tokens after 15 minutes, kept questions after 24 hours, parked replies after 7 days.

        Also empties the write-ahead log, so that what was wiped or deleted until now leaves the disk. To be called at
        start and every few minutes.
        """
        now = self._clock.now()

        async def work(transaction: Transaction) -> None:
            await transaction.run(sql.SWEEP_TOKENS, {"before": milliseconds(now - INTERACTION_TOKEN_AGE)})
            await transaction.run(sql.SWEEP_QUESTIONS, {"before": milliseconds(now - FAILED_QUESTION_AGE)})
            for row in await transaction.run(sql.PARKED_BEFORE, {"before": milliseconds(now - PARKED_AGE)}):
                await self._end_in(transaction, sql.EXPIRE, row["trigger_id"], reason="parked too long")
            # secure_delete overwrites a row where it lies, but not the copies that stay behind when SQLite moves rows
            # between pages. Emptying a whole table overwrites its pages; what is still needed is written anew.
            anew = [
                (sql.PENDING, sql.EMPTY_PENDING, sql.PUT_PENDING),
                (sql.UNFINISHED_PAGES, sql.EMPTY_WHOLE_OUTBOX, sql.PUT_PAGE),
            ]
            if (await transaction.run(sql.UNFINISHED_FILE_BYTES))[0]["bytes"] <= SWEPT_FILE_BYTES:
                anew.append((sql.UNFINISHED_FILES, sql.EMPTY_ALL_OUTBOX_FILES, sql.PUT_FILE))
            for every, empty, put in anew:
                kept = await transaction.run(every)
                await transaction.run(empty)
                await transaction.run_many(put, [dict(row) for row in kept])

        await self._database.transaction(work)
        await self._database.checkpoint()

    async def _make_ready(
        self,
        transaction: Transaction,
        trigger_id: int,
        reply: Reply,
        now: int,
        *,
        reason: str | None = None,
        error_id: str | None = None,
    ) -> bool:
        """Put the reply into the outbox; ``False`` when the claim has a reply already."""
        rows = await transaction.run(
            sql.MAKE_READY,
            {
                "trigger_id": trigger_id,
                "reply_kind": reply.kind.value,
                "retryable": int(reply.retryable),
                "incomplete": int(reply.incomplete),
                "reason": reason,
                "error_id": error_id,
                "now": now,
            },
        )
        if not rows:
            await require(transaction, trigger_id, *ClaimState)
            return False
        await transaction.run_many(sql.PUT_PAGE, page_rows(trigger_id, reply))
        await transaction.run_many(sql.PUT_FILE, file_rows(trigger_id, reply))
        return True

    async def _end(self, statement: str, trigger_id: int, *, reason: str | None = None) -> None:
        state = await self._database.transaction(
            lambda transaction: self._end_in(transaction, statement, trigger_id, reason)
        )
        if state is not None:
            self.ended[state] += 1

    async def _end_in(
        self, transaction: Transaction, statement: str, trigger_id: int, reason: str | None = None
    ) -> str | None:
        """Return the state that the claim ended in; ``None`` when it had ended before."""
        parameters: Parameters = {"trigger_id": trigger_id, "reason": reason, "now": self._now()}
        rows = await transaction.run(statement, parameters)
        if not rows:
            await require(transaction, trigger_id, *sql.ENDED)
            return None
        await transaction.run(sql.KEEP_QUESTION if rows[0]["keeps_question"] else sql.FORGET_QUESTION, parameters)
        await transaction.run(sql.EMPTY_OUTBOX, parameters)
        await transaction.run(sql.EMPTY_OUTBOX_FILES, parameters)
        return str(rows[0]["state"])

    def _now(self) -> int:
        return milliseconds(self._clock.now())


async def require(transaction: Transaction, trigger_id: int, *states: ClaimState) -> None:
    """Raise ``LookupError`` when a claim is in no such state."""
    rows = await transaction.run(sql.STATE, {"trigger_id": trigger_id})
    if not rows or rows[0]["state"] not in states:
        raise LookupError(f"claim {trigger_id} is {rows[0]['state'] if rows else 'unknown'}")
