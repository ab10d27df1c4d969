"""The tables of a turn's life. Every public method is one transaction."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import timedelta

from bot.core.caps import SpendingCaps
from bot.core.conversation import Answer, Claim, ClaimState, ConversationKey, History, Question, Reply
from bot.core.errors import BeingAnswered, BudgetExhausted
from bot.core.ports import Clock, Payer, Reservation, Settlement
from bot.core.tasks import KeptTask
from bot.store import turn_sql as sql
from bot.store.database import Database, Parameters, Transaction, milliseconds
from bot.store.questions import question_from_json, question_to_json, storable, task_to_json
from bot.store.reserving import reserve, reserve_more
from bot.store.turn_rows import (
    claim_from_row,
    file_rows,
    page_rows,
    task_from_row,
    turn_from_row,
    turn_pair,
)

INTERACTION_TOKEN_AGE = timedelta(minutes=15)  # Discord refuses it afterwards
FAILED_QUESTION_AGE = timedelta(hours=24)
PARKED_AGE = timedelta(days=7)
TASK_AGE = timedelta(days=30)
# Files of replies that are not delivered yet and are written anew by every sweep; more of them wait for a later one.
SWEPT_FILE_BYTES = 16 * 1024 * 1024


class SqliteTurnStore:
    """Implements ``TurnStore``.

    What a crash can repeat may be called twice: the first reply of a claim stays, and the second call of ``complete``,
    ``fail``, ``finish`` or ``expire`` changes nothing. A claim that is unknown, or not where the call says it is,
    raises ``LookupError``: a mistake in the caller.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        # Reservations of an earlier run are never released: nobody knows what was spent before it died.
        self._run_id = secrets.randbits(62)
        self.ended: Counter[str] = Counter()  # state -> claims that this run of the program ended so

    async def claim(self, question: Question) -> bool:
        """Record the trigger as CLAIMED; ``False`` when it was claimed before.

        Raises ``BeingAnswered`` when another unfinished claim is about the same turn.
        """
        now = self._now()
        about = question.replaces if question.replaces is not None else question.continues
        claim: Parameters = {
            "trigger_id": question.trigger_id,
            "author_id": question.author_id,
            "guild_id": question.guild_id,
            "channel_id": question.route.channel_id,
            "message_id": question.source_message_id,
            "about_trigger_id": about,
            "replaces_trigger_id": question.replaces,
            "now": now,
        }
        pending: Parameters = {
            "trigger_id": question.trigger_id,
            "claimed_at": now,
            "question": question_to_json(question),
            "interaction_token": question.route.interaction_token,
        }

        async def work(transaction: Transaction) -> bool:
            if not await transaction.run(sql.CLAIM, claim):
                if about is not None and not await transaction.run(sql.STATE, claim):
                    raise BeingAnswered
                return False
            await transaction.run(sql.PUT_PENDING, pending)
            if question.restores is not None:
                await transaction.run(sql.TAKE_PLACES, {**claim, "replaces": question.replaces})
            elif question.route.response_id is not None:
                await transaction.run(sql.PLACE, {**claim, "page": 0, "message_id": question.route.response_id})
            return True

        return await self._database.transaction(work)

    async def begin(
        self,
        trigger_id: int,
        reservation: Reservation,
        *,
        caps: SpendingCaps,
        member_requests_per_hour: int | None = None,
        payer_id: int | None = None,
    ) -> None:
        """Move the claim to GENERATING and reserve the worst case, or raise the ``LimitReached``."""
        now = self._clock.now()

        async def work(transaction: Transaction) -> None:
            await _require(transaction, trigger_id, ClaimState.CLAIMED, ClaimState.GENERATING)
            payer = await _payer(transaction, trigger_id, payer_id)
            await reserve(
                transaction,
                payer,
                reservation,
                caps=caps,
                run_id=self._run_id,
                now=now,
                member_requests_per_hour=member_requests_per_hour,
            )
            await transaction.run(sql.GENERATE, {"trigger_id": trigger_id, "now": milliseconds(now)})

        await self._database.transaction(work)

    async def begin_again(
        self,
        trigger_id: int,
        settlement: Settlement,
        reservation: Reservation,
        *,
        caps: SpendingCaps,
        payer_id: int | None = None,
    ) -> None:
        """Settle the newest call and reserve another one of the same generation, or raise ``BudgetExhausted``."""

        async def work(transaction: Transaction) -> BudgetExhausted | None:
            await _require(transaction, trigger_id, ClaimState.GENERATING)
            await transaction.run(sql.SETTLE, self._settled(trigger_id, settlement))
            payer = await _payer(transaction, trigger_id, payer_id)
            try:
                await reserve(transaction, payer, reservation, caps=caps, run_id=self._run_id, now=self._clock.now())
            except BudgetExhausted as error:
                return error  # the settlement is kept all the same
            return None

        if (refused := await self._database.transaction(work)) is not None:
            raise refused

    async def reserve_more(
        self, trigger_id: int, micro_usd: int, *, caps: SpendingCaps, payer_id: int | None = None
    ) -> None:
        """Add to the worst case of the newest call of a GENERATING claim, or raise ``BudgetExhausted``."""

        async def work(transaction: Transaction) -> None:
            await _require(transaction, trigger_id, ClaimState.GENERATING)
            payer = await _payer(transaction, trigger_id, payer_id)
            now = self._clock.now()
            await reserve_more(transaction, payer, micro_usd, caps=caps, run_id=self._run_id, now=now)

        await self._database.transaction(work)

    async def history(self, key: ConversationKey) -> History:
        """Return the conversation's turns of the current epoch, oldest first; makes the conversation if it is new."""
        parameters = _key(key)
        rows = await self._database.run(sql.HISTORY, parameters)
        if not rows:
            rows = await self._database.run(
                sql.NEW_CONVERSATION, {**parameters, "guild_id": key.guild_id, "now": self._now()}
            )
            return History(rows[0]["conversation_id"], rows[0]["epoch"], ())
        turns = tuple(turn_from_row(row) for row in rows if row["turn_id"] is not None)
        return History(rows[0]["conversation_id"], rows[0]["epoch"], turns, rows[0]["summary"])

    async def revise(self, question: Question) -> None:
        """Keep what was read from a question's files with it; its words stay as they are stored."""

        async def work(transaction: Transaction) -> None:
            for row in await transaction.run(sql.QUESTION, {"trigger_id": question.trigger_id}):
                stored = question_from_json(row["question"], None)
                revised = replace(
                    stored, attachments=question.attachments, options=question.options, unread_files=False
                )
                await transaction.run(
                    sql.REVISE, {"trigger_id": question.trigger_id, "question": question_to_json(revised)}
                )

        await self._database.transaction(work)

    async def hear(self, question: Question, settlement: Settlement | None = None) -> None:
        """Keep a transcript as the words of its question, and settle the newest generation."""

        async def work(transaction: Transaction) -> None:
            if settlement is not None:
                await transaction.run(sql.SETTLE, self._settled(question.trigger_id, settlement))
            for row in await transaction.run(sql.QUESTION, {"trigger_id": question.trigger_id}):
                stored = question_from_json(row["question"], None)
                heard = replace(
                    stored, text=question.text, heard=True, show_question=question.show_question, unread_files=False
                )
                await transaction.run(
                    sql.REVISE, {"trigger_id": question.trigger_id, "question": question_to_json(heard)}
                )

        await self._database.transaction(work)

    async def move(self, question: Question) -> None:
        """Let a CLAIMED question be answered in another channel: nothing is shown of its reply yet."""
        moved: Parameters = {
            "trigger_id": question.trigger_id,
            "channel_id": question.route.channel_id,
            "question": question_to_json(question),
        }

        async def work(transaction: Transaction) -> None:
            await _require(transaction, question.trigger_id, ClaimState.CLAIMED)
            await transaction.run(sql.MOVE, moved)
            await transaction.run(sql.REVISE, moved)
            await transaction.run(sql.FORGET_PLACES, moved)

        await self._database.transaction(work)

    async def settle_attempt(self, trigger_id: int, settlement: Settlement) -> None:
        """Settle the newest call of a claim that goes on without it."""
        await self._database.run(sql.SETTLE, self._settled(trigger_id, settlement))

    async def place(self, trigger_id: int, page: int, message_id: int) -> None:
        """Remember the Discord message that shows a page of the reply; a later one replaces it."""
        await self._database.run(sql.PLACE, {"trigger_id": trigger_id, "page": page, "message_id": message_id})

    async def complete(
        self,
        trigger_id: int,
        answer: Answer,
        reply: Reply,
        settlement: Settlement,
        *,
        history: History | None,
        unkept: Callable[[], Reply] | None = None,
    ) -> Reply:
        """Store the pair of turns, settle the cost and put the reply into the outbox (READY); return that reply.

        When the claim has its reply already, or has ended, only an open cost is settled.
        """
        now = self._now()

        async def work(transaction: Transaction) -> Reply:
            await transaction.run(sql.SETTLE, self._settled(trigger_id, settlement))
            if history is None:
                await self._make_ready(transaction, trigger_id, reply, now)
                return reply
            for row in await transaction.run(sql.QUESTION, {"trigger_id": trigger_id}):
                question = question_from_json(row["question"], None)
                place = {**_place(history), "replaces": question.replaces, "continues": question.continues}
                kept = bool(await transaction.run(sql.MAY_ADD, place))
                stored = reply if kept or unkept is None else unkept()
                if await self._make_ready(transaction, trigger_id, stored, now) and kept:
                    await transaction.run(sql.DROP_REPLACED, place)
                    await transaction.run_many(sql.ADD_TURN, turn_pair(question, answer, history, now))
                return stored
            await self._make_ready(transaction, trigger_id, reply, now)  # without a question: it has its reply
            return reply

        return await self._database.transaction(work)

    async def complete_task(
        self, question: Question, reply: Reply, settlement: Settlement, *, result_text: str | None = None
    ) -> None:
        """Settle the cost of a task, put its reply into the outbox (READY), and keep what its buttons need."""
        trigger_id, now = question.trigger_id, self._now()
        if question.task is None:
            raise ValueError("not a task")
        kept: Parameters = {
            "trigger_id": trigger_id,
            "author_id": question.author_id,
            "channel_id": question.route.channel_id,
            "private": int(question.route.ephemeral),
            "text": storable(question.text),
            "task": task_to_json(question.task),
            "result_text": None if result_text is None else storable(result_text),
            "now": now,
        }

        async def work(transaction: Transaction) -> None:
            await transaction.run(sql.SETTLE, self._settled(trigger_id, settlement))
            if await self._make_ready(transaction, trigger_id, reply, now):
                await transaction.run(sql.PUT_TASK, kept)

        await self._database.transaction(work)

    async def kept_task(self, trigger_id: int) -> KeptTask | None:
        """Return a task that was done, for as long as it is kept."""
        rows = await self._database.run(sql.TASK, {"trigger_id": trigger_id})
        return task_from_row(rows[0]) if rows else None

    async def forget_task(self, trigger_id: int) -> None:
        """Forget a task that was done."""
        await self._database.run(sql.FORGET_TASK, {"trigger_id": trigger_id})

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

    async def cancel(self, trigger_id: int, *, billed: bool, reason: str) -> None:
        """End an unfinished claim as CANCELLED, wipe it, and settle its reservations in full or release them."""
        parameters: Parameters = {"trigger_id": trigger_id, "now": self._now(), "reason": reason}
        cost: Parameters = {**parameters, "run_id": self._run_id, "billed": int(billed), "most": None}

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

    async def kept_question(self, trigger_id: int, author_id: int) -> Question | None:
        """Return the kept question of a FAILED claim to its author and leave it where it is."""
        rows = await self._database.run(sql.KEPT_QUESTION, {"trigger_id": trigger_id, "author_id": author_id})
        return question_from_json(rows[0]["question"], None) if rows else None

    async def take_failed(self, trigger_id: int, author_id: int) -> Question | None:
        """Return the kept question of a FAILED claim to its author, once. Its route has no interaction token."""
        rows = await self._database.run(sql.TAKE_FAILED, {"trigger_id": trigger_id, "author_id": author_id})
        return question_from_json(rows[0]["question"], None) if rows else None

    async def unfinished(self) -> Sequence[Claim]:
        """Return every claim that has not ended, oldest first."""

        async def work(transaction: Transaction) -> list[Claim]:
            claims = await transaction.run(sql.UNFINISHED)
            places = await transaction.run(sql.UNFINISHED_PLACES)
            pages = await transaction.run(sql.UNFINISHED_PAGES)
            files = await transaction.run(sql.UNFINISHED_FILES)
            return [claim_from_row(row, places, pages, files) for row in claims]

        return await self._database.transaction(work)

    async def trim(self, conversation_id: int, first_turn_id: int) -> None:
        """Let ``history`` begin at ``first_turn_id``; never moves back."""
        await self._database.run(sql.TRIM, {"conversation_id": conversation_id, "first_turn_id": first_turn_id})

    async def reset(self, key: ConversationKey) -> None:
        """Start a new epoch of the conversation and delete its turns."""

        async def work(transaction: Transaction) -> None:
            for row in await transaction.run(sql.NEW_EPOCH, _key(key)):
                await transaction.run(sql.DELETE_TURNS, {"conversation_id": row["conversation_id"]})

        await self._database.transaction(work)

    async def sweep(self) -> None:
        """Wipe interaction tokens after 15 minutes, kept questions after 24 hours, parked replies after 7 days, tasks
        after 30.

        Also empties the write-ahead log, so that what was wiped or deleted until now leaves the disk. To be called at
        start and every few minutes.
        """
        now = self._clock.now()

        async def work(transaction: Transaction) -> None:
            await transaction.run(sql.SWEEP_TOKENS, {"before": milliseconds(now - INTERACTION_TOKEN_AGE)})
            await transaction.run(sql.SWEEP_QUESTIONS, {"before": milliseconds(now - FAILED_QUESTION_AGE)})
            await transaction.run(sql.SWEEP_TASKS, {"before": milliseconds(now - TASK_AGE)})
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
            await _require(transaction, trigger_id, *ClaimState)
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
            await _require(transaction, trigger_id, *sql.ENDED)
            return None
        await transaction.run(sql.KEEP_QUESTION if rows[0]["keeps_question"] else sql.FORGET_QUESTION, parameters)
        await transaction.run(sql.EMPTY_OUTBOX, parameters)
        await transaction.run(sql.EMPTY_OUTBOX_FILES, parameters)
        return str(rows[0]["state"])

    def _settled(self, trigger_id: int, settlement: Settlement) -> Parameters:
        return {
            "trigger_id": trigger_id,
            "run_id": self._run_id,
            "micro_usd": settlement.micro_usd,
            "usage": json.dumps(asdict(settlement.usage)) if settlement.usage else None,
            "price_version": settlement.price_version,
            "now": self._now(),
        }

    def _now(self) -> int:
        return milliseconds(self._clock.now())


async def _require(transaction: Transaction, trigger_id: int, *states: ClaimState) -> None:
    rows = await transaction.run(sql.STATE, {"trigger_id": trigger_id})
    if not rows or rows[0]["state"] not in states:
        raise LookupError(f"claim {trigger_id} is {rows[0]['state'] if rows else 'unknown'}")


async def _payer(transaction: Transaction, trigger_id: int, payer_id: int | None) -> Payer:
    [row] = await transaction.run(sql.PAYER, {"trigger_id": trigger_id, "payer_id": payer_id})
    return Payer(**row)


def _place(history: History) -> dict[str, int]:
    return {"conversation_id": history.conversation_id, "epoch": history.epoch}


def _key(key: ConversationKey) -> dict[str, int]:
    return {"channel_id": key.channel_id, "member_id": key.member_id or 0}
