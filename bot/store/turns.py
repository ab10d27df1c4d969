"""The tables of a turn's life, from its claim to its reply. Every public method is one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from bot.core.caps import SpendingCaps
from bot.core.conversation import Answer, ClaimState, ConversationKey, History, Question, Reply
from bot.core.errors.limits import BudgetExhausted
from bot.core.errors.refusals import BeingAnswered
from bot.core.ports.money import Payer, Reservation, Settlement
from bot.core.tasks import KeptTask
from bot.store import turn_sql as sql
from bot.store.database import Parameters, Transaction, milliseconds
from bot.store.outbox import Outbox, require
from bot.store.questions import question_from_json, question_to_json, storable, task_to_json
from bot.store.reserving import reserve, reserve_more
from bot.store.turn_rows import (
    task_from_row,
    turn_from_row,
    turn_pair,
)


class SqliteTurnStore(Outbox):
    """Implements ``TurnStore``: what becomes of a question until it has its reply.

    What a crash can repeat may be called twice: the first reply of a claim stays, and the second call of ``complete``,
    ``fail``, ``finish`` or ``expire`` changes nothing. A claim that is unknown, or not where the call says it is,
    raises ``LookupError``: a mistake in the caller.
    """

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
            await require(transaction, trigger_id, ClaimState.CLAIMED, ClaimState.GENERATING)
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
            await require(transaction, trigger_id, ClaimState.GENERATING)
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
            await require(transaction, trigger_id, ClaimState.GENERATING)
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
        read = partial(_rewrite, question=question, attachments=question.attachments, options=question.options)
        await self._database.transaction(read)

    async def hear(self, question: Question, settlement: Settlement | None = None) -> None:
        """Keep a transcript as the words of its question, and settle the newest generation."""

        async def work(transaction: Transaction) -> None:
            if settlement is not None:
                await transaction.run(sql.SETTLE, self._settled(question.trigger_id, settlement))
            await _rewrite(
                transaction,
                question,
                text=question.text,
                attachments=question.attachments,
                options=question.options,
                heard=True,
                show_question=question.show_question,
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
            await require(transaction, question.trigger_id, ClaimState.CLAIMED)
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

    async def trim(self, conversation_id: int, first_turn_id: int) -> None:
        """Let ``history`` begin at ``first_turn_id``; never moves back."""
        await self._database.run(sql.TRIM, {"conversation_id": conversation_id, "first_turn_id": first_turn_id})

    async def reset(self, key: ConversationKey) -> None:
        """Start a new epoch of the conversation and delete its turns."""

        async def work(transaction: Transaction) -> None:
            for row in await transaction.run(sql.NEW_EPOCH, _key(key)):
                await transaction.run(sql.DELETE_TURNS, {"conversation_id": row["conversation_id"]})

        await self._database.transaction(work)

    def _settled(self, trigger_id: int, settlement: Settlement) -> Parameters:
        return {
            "trigger_id": trigger_id,
            "run_id": self._run_id,
            "micro_usd": settlement.micro_usd,
            "usage": json.dumps(asdict(settlement.usage)) if settlement.usage else None,
            "price_version": settlement.price_version,
            "now": self._now(),
        }


async def _payer(transaction: Transaction, trigger_id: int, payer_id: int | None) -> Payer:
    [row] = await transaction.run(sql.PAYER, {"trigger_id": trigger_id, "payer_id": payer_id})
    return Payer(**row)


def _place(history: History) -> dict[str, int]:
    return {"conversation_id": history.conversation_id, "epoch": history.epoch}


def _key(key: ConversationKey) -> dict[str, int]:
    return {"channel_id": key.channel_id, "member_id": key.member_id or 0}


async def _rewrite(transaction: Transaction, question: Question, **changes: Any) -> None:
    """Change a kept question once its files are read; all else stays as it is stored."""
    for row in await transaction.run(sql.QUESTION, {"trigger_id": question.trigger_id}):
        changed = replace(question_from_json(row["question"], None), **changes, unread_files=False)
        await transaction.run(sql.REVISE, {"trigger_id": question.trigger_id, "question": question_to_json(changed)})
