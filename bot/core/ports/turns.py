"""The store of turns and of the conversations that they make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from bot.core.caps import SpendingCaps
from bot.core.conversation import Answer, Claim, ConversationKey, History, Question, Reply, Turn
from bot.core.ports.money import Reservation, Settlement
from bot.core.tasks import KeptTask


class TurnStore(Protocol):
    """The tables of a turn's life. Every method is one transaction and cannot be cancelled half-way.

    All raise ``StoreUnavailable`` when the database cannot record.
    """

    async def claim(self, question: Question) -> bool:
        """Record the trigger as CLAIMED; ``False`` when it was claimed before (by anybody, in any state).

        Raises ``BeingAnswered`` when another unfinished claim replaces or continues the same turn.
        """
        ...

    async def begin(
        self,
        trigger_id: int,
        reservation: Reservation,
        *,
        caps: SpendingCaps,
        member_requests_per_hour: int | None = None,
        payer_id: int | None = None,
    ) -> None:
        """Move CLAIMED or GENERATING to GENERATING, count the generation and reserve its worst case.

        ``payer_id``: for whom it counts, where that is not the question's author.

        Raises ``BudgetExhausted`` when what was spent and reserved in a cap's day or month, with this, passes it, and
        ``MemberLimitReached`` when so many other triggers of the member began within the last hour; then nothing is
        changed.
        """
        ...

    async def begin_again(
        self,
        trigger_id: int,
        settlement: Settlement,
        reservation: Reservation,
        *,
        caps: SpendingCaps,
        payer_id: int | None = None,
    ) -> None:
        """Settle the newest call of a GENERATING claim, and reserve another one within the same generation.

        Raises ``BudgetExhausted`` as ``begin`` does; the settlement stays.
        """
        ...

    async def reserve_more(
        self, trigger_id: int, micro_usd: int, *, caps: SpendingCaps, payer_id: int | None = None
    ) -> None:
        """Add to the worst case of the newest call of a GENERATING claim; raises ``BudgetExhausted`` as ``begin``."""
        ...

    async def history(self, key: ConversationKey) -> History:
        """Return the conversation's turns of the current epoch, oldest first; makes the conversation if it is new."""
        ...

    async def revise(self, question: Question) -> None:
        """Replace the kept question of a claim that has not ended, once its files are read."""
        ...

    async def hear(self, question: Question, settlement: Settlement | None = None) -> None:
        """Keep the transcript that a claim's sound has become, as its words; and settle what it cost."""
        ...

    async def move(self, question: Question) -> None:
        """Replace the kept question of a CLAIMED claim by the same one with its reply in another channel."""
        ...

    async def settle_attempt(self, trigger_id: int, settlement: Settlement) -> None:
        """Settle the newest call of a claim that goes on without it."""
        ...

    async def place(self, trigger_id: int, page: int, message_id: int) -> None:
        """Remember the Discord message that shows page ``page`` (0-based) of the reply."""
        ...

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
        """Store the pair of turns, settle the cost and put the reply into the outbox (READY), in one transaction.

        With ``history`` the pair is appended to that conversation, in place of the one that the question replaces. It
        is not when the epoch has changed since (a reset), when the replaced pair is no longer the latest, or when the
        continued one is gone: then ``unkept`` makes the reply. Returns the reply that is in the outbox.
        """
        ...

    async def complete_task(
        self, question: Question, reply: Reply, settlement: Settlement, *, result_text: str | None = None
    ) -> None:
        """Settle a task's cost, put the reply into the outbox (READY) and keep the task, in one transaction."""
        ...

    async def kept_task(self, trigger_id: int) -> KeptTask | None:
        """Return a task that was done, for as long as it is kept."""
        ...

    async def forget_task(self, trigger_id: int) -> None:
        """Forget a task that was done."""
        ...

    async def park(self, trigger_id: int) -> None:
        """Leave a READY reply in the outbox until its author's next command."""
        ...

    async def keep_last_pages(self, trigger_id: int, count: int) -> None:
        """Forget all but the last pages of a parked reply: the others were shown."""
        ...

    async def parked_authors(self) -> frozenset[int]:
        """Return whose replies are parked."""
        ...

    async def parked(self, author_id: int) -> Sequence[Claim]:
        """Return a member's parked replies, oldest first."""
        ...

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
        """Put a notice into the outbox instead of an answer (READY).

        ``billed``: what is still reserved for the claim is settled, because the call may have cost that; in full or
        with ``most_micro_usd``. Otherwise it is released.
        """
        ...

    async def explain(self, trigger_id: int, reason: str, error_id: str, reply: Reply) -> None:
        """Put a notice into the outbox in place of the READY reply, which Discord refuses."""
        ...

    async def finish(self, trigger_id: int) -> None:
        """End the claim: DONE after an answer, FAILED after a notice. Wipes the token, the outbox and the question.

        A failed question is kept for ``take_failed`` when its notice is retryable.
        """
        ...

    async def expire(self, trigger_id: int, reason: str) -> None:
        """End the claim without a delivered reply: EXPIRED. Wipes like ``finish``; keeps the ledger's reservation."""
        ...

    async def cancel(self, trigger_id: int, *, billed: bool, reason: str, most_micro_usd: int | None = None) -> None:
        """End an unfinished claim as CANCELLED, and wipe it. ``billed`` and ``most_micro_usd`` as in ``fail``."""
        ...

    async def kept_question(self, trigger_id: int, author_id: int) -> Question | None:
        """Return the kept question of a FAILED claim to its author and leave it where it is."""
        ...

    async def take_failed(self, trigger_id: int, author_id: int) -> Question | None:
        """Return the kept question of a FAILED claim to its author, once; ``None`` when there is none for them."""
        ...

    async def unfinished(self) -> Sequence[Claim]:
        """Return every claim that has not ended, oldest first: the work that a restart left."""
        ...

    async def trim(self, conversation_id: int, first_turn_id: int) -> None:
        """Let ``history`` begin at ``first_turn_id`` from now on; older turns stay stored but are not sent."""
        ...

    async def reset(self, key: ConversationKey) -> None:
        """Start a new epoch of the conversation: its stored turns are deleted."""
        ...


class FoldStore(Protocol):
    """Folds old turns of a conversation into its summary."""

    async def fold(self, history: History, turns: Sequence[Turn], summary: str) -> bool:
        """Let the summary stand in place of these turns, the oldest of ``history``; they stay stored.

        ``False`` and nothing changed when the conversation is not what it was: reset, folded or trimmed meanwhile, or
        one of these turns edited or deleted. Raises ``StoreUnavailable``.
        """
        ...
