"""The life of a turn: claimed once, generated, stored, delivered; whatever happens, somebody is told.

    claim -> queue -> generate (the screen shows the draft) -> stored with its outbox -> deliver -> done

Every step before "stored" may be repeated after a crash (text at most once more); every step after it only delivers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from enum import Enum, auto
from functools import partial
from typing import Any, TypeAlias

from bot.core.catalogue import Capability
from bot.core.choosing import check_allowed
from bot.core.composing import compose_notice, compose_unsaved
from bot.core.conversation import ChatRole, Claim, ConversationKey, Question, Reply, ReplyKind, TriggerKind
from bot.core.drawing import parted
from bot.core.errors import ParleyError, StoreUnavailable, new_error_id
from bot.core.errors.delivery import DeliveryFailed, DeliveryRefused, MayNotAttach, ReplyBlocked, ReplyTooLarge
from bot.core.errors.limits import Busy, LimitReached, ModelNotAllowed, ModelUnpriced, Paused
from bot.core.errors.provider import ModelNotFound
from bot.core.errors.work import Interrupted, TaskInterrupted
from bot.core.folding import Folding, FoldResult
from bot.core.generating import work_for
from bot.core.limits import GENERATIONS, TURN_SECONDS
from bot.core.owed import OwedWrites
from bot.core.parking import ParkedReplies, show_fitting
from bot.core.parts import Parts
from bot.core.paying import ordinary_micro_usd
from bot.core.ports.files import FileReader
from bot.core.ports.money import Payer
from bot.core.ports.screen import Screen
from bot.core.pseudonyms import ids
from bot.core.spending import ReachedLimits
from bot.core.working import Work

log = logging.getLogger(__name__)

DELIVERY_PAUSES_SECONDS = (5.0, 15.0, 30.0, *(60.0,) * 11)  # about 12 minutes in all
CATCH_UP_SECONDS = 3.0  # at the end, beside the time that running turns are given
EXPLAINED = (ReplyBlocked, ReplyTooLarge, MayNotAttach)  # the reply does not stand; a sentence in its place can


Move: TypeAlias = Callable[[Question], Awaitable[None]]  # keeps the question as it goes on elsewhere
Elsewhere: TypeAlias = Callable[[Move], Awaitable[tuple[Question, Screen]]]


class StopOutcome(Enum):
    """What came of pressing Stop."""

    STOPPING = auto()
    NOT_RUNNING = auto()
    NOT_YOURS = auto()


class TurnService:
    """Answers questions. One instance per process; the screens it is given are the only Discord it knows."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.store
        self._queue = parts.queue
        self._folding = Folding(parts)
        self._limits = ReachedLimits(parts.clock)
        self._works: dict[int, Work] = {}
        self._owed = OwedWrites()
        self._refusing: set[int] = set()  # triggers that could not be claimed, while that is told
        self.parked = ParkedReplies(parts.store, parts.sentences, parts.smaller, owed=self._owed)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def answering(self) -> int:
        """How many questions are being answered."""
        return max(0, len(self._works) - self.waiting)

    @property
    def waiting(self) -> int:
        """How many questions wait for others of their conversation."""
        return self._queue.waiting

    def early_refusal(
        self,
        key: ConversationKey | None,
        *,
        member_id: int,
        guild_id: int | None,
        model: str | None = None,
        capability: Capability = "chat",
    ) -> str | None:
        """Return the notice that memory alone justifies, before anything is acknowledged, claimed or paid for.

        ``model``: the one that the member chose for the capability.
        """
        problem: ParleyError | None = self._refusal(member_id, guild_id)
        is_answer = key is not None or capability == "chat"
        if problem is None and is_answer and self._queue.is_full(key, member_id):
            problem = Busy()
        try:
            check_allowed(self._parts, model, capability)
        except (ModelNotAllowed, ModelNotFound, ModelUnpriced) as error:
            problem = error
        if problem is None:
            return None
        error_id = new_error_id()
        log.info("refused early", extra={"author_id": member_id, "error_id": error_id, "code": problem.code})
        return self._parts.sentences.notice(problem, error_id)

    def knows_limit(self, member_id: int, guild_id: int | None) -> bool:
        """Whether a message of this member would only meet a limit there that the member has been told of."""
        limit = self._refusal(member_id, guild_id)
        return limit is not None and self._limits.was_told(limit, member_id)

    def _admit(self, member_id: int) -> None:
        """Raise what keeps this member from asking at all: the last look before anything is paid for."""
        if refused := self._parts.admission.refusal(member_id, self._parts.clock.now()):
            raise refused

    def _is_admitted(self, member_id: int) -> bool:
        """Whether anything may still be paid for on this member's account."""
        return self._parts.admission.refusal(member_id, self._parts.clock.now()) is None

    def _refusal(self, member_id: int, guild_id: int | None) -> Paused | LimitReached | None:
        """Return what memory alone knows to be in this member's way there."""
        refused = self._parts.admission.refusal(member_id, self._parts.clock.now())
        return refused or self._limits.refusal(member_id, guild_id)

    async def ask(
        self,
        question: Question,
        screen: Screen,
        files: FileReader | None = None,
        *,
        retries: int | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """Answer a question, unless its trigger was claimed before. Returns when the reply is delivered or given up.

        ``files`` are read within the turn, so that a member's answers keep their order. ``retries`` is the failed
        trigger whose kept question this is: it is given up only once this one is claimed, and only to one of two.
        ``elsewhere`` opens the place where the answer goes, once the trigger is claimed; after a crash before that, the
        question is answered where it was asked.
        """
        question = replace(question, unread_files=question.unread_files or files is not None)
        trigger_id = question.trigger_id
        try:
            is_known = trigger_id in self._refusing or self._owed.owes(trigger_id)
            if is_known or not await self._store.claim(question):
                log.info("a trigger came again", extra={"trigger_id": trigger_id})
                return
        except StoreUnavailable as error:
            await self._refuse_unclaimed(question, screen, error)
            return
        if retries is not None and not await self._takes_over(retries, question, screen):
            return
        if self._closing:
            return  # it is claimed: the next start answers it
        if elsewhere is None:
            await self._tracked(self._answer(question, screen, files))
        else:
            await self._tracked(self._answer_elsewhere(question, screen, files, elsewhere))

    async def _takes_over(self, failed_id: int, question: Question, screen: Screen) -> bool:
        """Give up the failed question that a claimed one asks again. ``False``: somebody was faster, or was told."""
        try:
            if await self._store.take_failed(failed_id, question.author_id) is not None:
                return True
        except StoreUnavailable as error:
            if await self._tell_unstored(question, screen, error):
                await self._end_unstored(question, billed=0)
        else:
            await self._expire(question, "somebody was faster")
        return False

    async def kept_question(self, trigger_id: int, author_id: int) -> Question | None:
        """Return a failed question that is still kept, and only to the person who asked it."""
        return await self._store.kept_question(trigger_id, author_id)

    async def resume(self, claim: Claim, screen: Screen, files: FileReader | None = None) -> None:
        """Do what a restart left of a turn: deliver what is stored, generate again once, or say that it was lost.

        ``files``: the question's, where they can be fetched again.
        """
        question = claim.question
        if claim.reply is not None:
            work = self._deliver(question, screen, await self._with_offer(question, claim.reply))
        elif claim.generations >= _generations(question) or (left_seconds := self._seconds_left(claim)) <= 0:
            work = self._give_up(question, screen)
        else:
            work = self._answer(question, screen, files, left_seconds=left_seconds)
        log.info("resuming a turn", extra={"trigger_id": question.trigger_id, "state": claim.state.value})
        await self._tracked(work)

    def stop(self, trigger_id: int, *, member_id: int, is_moderator: bool) -> StopOutcome:
        """Stop a growing answer; what came so far is kept."""
        generation = self._works.get(trigger_id)
        if generation is None:
            return StopOutcome.NOT_RUNNING
        if member_id != generation.question.author_id and not is_moderator:
            return StopOutcome.NOT_YOURS
        generation.stop()
        return StopOutcome.STOPPING

    def revise(self, message_id: int, text: str) -> None:
        """Let a question that waits follow the new text of its message; one that is being answered stays as it was."""
        for generation in self._asked_by(message_id):
            generation.revise(text)

    async def withdraw(self, message_id: int) -> bool:
        """Give up answering a question whose message was deleted; what is shown of its answer goes.

        ``False`` when it is not being answered.
        """
        generations = self._asked_by(message_id)
        await self._cancel(generations, reason="withdrawn")
        for generation in generations:
            try:
                await generation.remove()
            except (DeliveryFailed, DeliveryRefused) as error:
                detail = {**ids(generation.question), "detail": error.detail}
                log.warning("a withdrawn answer stays in sight", extra=detail)
        return bool(generations)

    async def abandon(self, *, guild_id: int | None = None, channel_id: int | None = None) -> None:
        """Give up every question of a server or a channel that is gone: nobody can be answered or told there."""
        gone = [work for work in self._works.values() if _is_asked_in(work.question, guild_id, channel_id)]
        for work in gone:
            work.abandon()
        await self._cancel(gone, reason="its place is gone")

    async def _cancel(self, works: list[Work], *, reason: str) -> None:
        """End turns together, so that none of them begins in the place of another; what was sent is paid for."""
        tasks = [work.task for work in works if work.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for work in works:
            trigger_id = work.question.trigger_id
            cancel = partial(self._store.cancel, trigger_id, billed=work.sent, reason=reason)
            await self._owed.write(trigger_id, cancel)
            log.info("a question was given up", extra={**ids(work.question), "reason": reason})

    def _asked_by(self, message_id: int) -> list[Work]:
        return [g for g in self._works.values() if g.question.source_message_id == message_id]

    async def compact(self, key: ConversationKey, payer: Payer, *, focus: str | None = None) -> FoldResult:
        """Fold everything but the newest question and answer of a conversation into its notes, at a member's wish.

        ``focus``: what the notes should keep above all, in the member's words. Raises ``Paused``, a ``LimitReached``,
        ``StoreUnavailable``, ``Interrupted`` or the ``ProviderError`` that stood in the way; then nothing has changed.
        """
        if self._closing:
            raise Interrupted
        self._admit(payer.author_id)
        return await self._folding.compact(key, payer, focus=focus)

    async def settled(self) -> None:
        """Return when nothing is being answered or folded."""
        while tasks := self._work():
            await asyncio.wait(tasks)

    async def close(self, *, grace_seconds: float) -> None:
        """Take no more work; let running turns finish, then leave the rest to the next start."""
        self._closing = True
        tasks = self._work()
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=grace_seconds)
            for task in left:
                task.cancel()
            if left:
                log.info("left turns for the next start", extra={"turns": len(left)})
                await asyncio.wait(left)
        with suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_SECONDS):
                await self._owed.catch_up()

    async def place(self, trigger_id: int, page: int, message_id: int) -> None:
        """Write down which message shows a page, for a process after this one: now, or as soon as that is possible."""
        await self._owed.write((trigger_id, page), partial(self._store.place, trigger_id, page, message_id))

    async def catch_up(self) -> None:
        """End what could not be ended while the database took no writes. To be called whenever it took one."""
        await self._owed.catch_up()

    def _work(self) -> set[asyncio.Task[Any]]:
        return {task for task in self._tasks | self._folding.tasks if task is not asyncio.current_task()}

    # A turn, step by step

    async def _tracked(self, work: Coroutine[None, None, None]) -> None:
        """Run the work as a task of its own, so that closing the bot can wait for it or leave it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await task
        except asyncio.CancelledError:
            this_task = asyncio.current_task()
            if task.cancelled() and (this_task is None or not this_task.cancelling()):
                return  # withdrawn, or left for the next start
            if not task.done():
                task.cancel()
            raise

    async def _answer_elsewhere(
        self, question: Question, screen: Screen, files: FileReader | None, elsewhere: Elsewhere
    ) -> None:
        try:
            moved, there = await elsewhere(self._store.move)
        except Exception as error:  # noqa: BLE001  the boundary of a turn: the member is told where they asked
            reply = await self._store_notice(question, screen, error, billed=0)
            if reply is not None:
                await self._deliver(question, screen, reply)
            return
        await self._answer(moved, there, files)

    async def _answer(
        self,
        question: Question,
        screen: Screen,
        files: FileReader | None = None,
        *,
        left_seconds: float = TURN_SECONDS,
    ) -> None:
        generation = self._works[question.trigger_id] = work_for(self._parts, question, screen, files)
        generation.end_in(left_seconds)
        reply: Reply | None = None
        delivered = False
        try:
            async with self._place(question):
                self._admit(question.counts_for)
                reply = await generation.run()
                self._works.pop(question.trigger_id, None)
                if generation.grown is not None and not self._closing and self._is_admitted(question.author_id):
                    self._folding.answered(question, generation.grown)
                # The place is held until the reply stands, so that a member's answers appear in order.
                delivered = await self._try_to_deliver(question, screen, reply)
        except Exception as error:  # the boundary of a turn: whatever it was, the member is told
            if reply is not None:
                raise
            if isinstance(error, StoreUnavailable) and generation.text:
                await self._show_unsaved(question, screen, generation.text, error)
                return
            if isinstance(error, LimitReached | Busy | Paused) and await self._was_told(question, error):
                return
            billed = generation.billed_attempts(error)
            reply = await self._store_notice(generation.question, screen, error, billed=billed)
        finally:
            self._works.pop(question.trigger_id, None)
        if reply is not None and not delivered:
            await self._deliver(question, screen, reply)
        await self._parts.token_ratios.save()

    async def _was_told(self, question: Question, error: LimitReached | Busy | Paused) -> bool:
        """End a message's turn without a word when its author knows of the limit; a command is always answered."""
        member_id = question.counts_for
        if isinstance(error, LimitReached):
            self._limits.note(error, member_id, ordinary_micro_usd=ordinary_micro_usd(self._parts))
            is_news = self._limits.tell(error, member_id)
        else:
            is_news = self._limits.tell_for_now(error, member_id)
        if is_news or question.kind is not TriggerKind.MESSAGE:
            return False
        log.info("a limit was told before", extra={**ids(question), "code": error.code})
        await self._expire(question, error.code)
        return True

    def _place(self, question: Question) -> AbstractAsyncContextManager[None]:
        return self._queue.place(question.conversation, question.author_id, answers=question.task is None)

    async def _give_up(self, question: Question, screen: Screen) -> None:
        lost = TaskInterrupted() if _is_paid_once(question) else Interrupted()
        reply = await self._store_notice(question, screen, lost, billed=1)
        if reply is not None:
            await self._deliver(question, screen, reply)

    async def _store_notice(self, question: Question, screen: Screen, error: Exception, *, billed: int) -> Reply | None:
        """Store the notice about a failure; ``None`` when it could only be shown, not stored."""
        problem, error_id = self._identify(error, question)
        most = error.billed_micro_usd if isinstance(error, ParleyError) else None
        is_kept = not question.unread_files or question.is_found_again
        reply = compose_notice(question, problem, error_id, self._parts.sentences, is_kept=is_kept)
        try:
            await self._store.fail(
                question.trigger_id, problem.code, error_id, reply, billed=billed, most_micro_usd=most
            )
        except StoreUnavailable as unavailable:
            cause = error if isinstance(error, StoreUnavailable) else unavailable
            if await self._tell_unstored(question, screen, cause):
                await self._end_unstored(question, billed=billed, most_micro_usd=most)
            return None
        return reply

    async def _show_unsaved(self, question: Question, screen: Screen, text: str, error: StoreUnavailable) -> None:
        """Show an answer that was paid for and cannot be kept: the database failed after the model had answered."""
        _, error_id = self._identify(error, question)
        if await self._show_unstored(
            question, screen, compose_unsaved(question, text, error_id, self._parts.sentences)
        ):
            await self._end_unstored(question, billed=1)

    async def _tell_unstored(self, question: Question, screen: Screen, error: StoreUnavailable) -> bool:
        """Say that nothing can be recorded. ``False``: that may be said later."""
        problem, error_id = self._identify(error, question)
        # The question is not kept either.
        notice = compose_notice(question, problem, error_id, self._parts.sentences, is_kept=False)
        return await self._show_unstored(question, screen, notice)

    async def _show_unstored(self, question: Question, screen: Screen, reply: Reply) -> bool:
        """Show what does not come from the outbox. ``False``: Discord may take it later, so the turn has not ended."""
        try:
            await screen.deliver(reply)
        except (DeliveryFailed, DeliveryRefused) as error:
            log.warning("what is not stored was not delivered", extra={**ids(question), "detail": error.detail})
            return isinstance(error, DeliveryRefused)
        return True

    async def _end_unstored(self, question: Question, *, billed: int, most_micro_usd: int | None = None) -> None:
        """End a turn that was shown or told although nothing could be saved: the next start must not do it again."""
        trigger_id = question.trigger_id
        cancel = partial(
            self._store.cancel, trigger_id, billed=bool(billed), reason="unsaved", most_micro_usd=most_micro_usd
        )
        await self._owed.write(trigger_id, cancel)

    async def _refuse_unclaimed(self, question: Question, screen: Screen, error: StoreUnavailable) -> None:
        """Say that a question cannot be taken; a look back for missed messages must not find it unanswered later."""
        self._refusing.add(question.trigger_id)
        try:
            if await self._tell_unstored(question, screen, error) and question.kind is TriggerKind.MESSAGE:
                await self._owed.write(question.trigger_id, partial(self._end_unclaimed, question))
        finally:
            self._refusing.discard(question.trigger_id)

    async def _end_unclaimed(self, question: Question) -> None:
        await self._store.claim(question)
        await self._store.cancel(question.trigger_id, billed=False, reason="unsaved")

    async def _expire(self, question: Question, reason: str) -> None:
        await self._owed.write(question.trigger_id, partial(self._store.expire, question.trigger_id, reason))

    def _identify(self, error: Exception, question: Question) -> tuple[ParleyError, str]:
        """Give a failure its id, and log it under that id without anybody's words."""
        error_id = new_error_id()
        problem = error if isinstance(error, ParleyError) else ParleyError()
        log.warning(
            "could not answer",
            extra={**ids(question), "error_id": error_id, "code": problem.code, "detail": problem.detail},
            exc_info=None if isinstance(error, ParleyError) else error,
        )
        return problem, error_id

    async def _with_offer(self, question: Question, reply: Reply) -> Reply:
        """Return a reply as it was before it was stored: what its answer wishes to draw stands in the turn only."""
        if question.conversation is None or reply.kind is not ReplyKind.ANSWER:
            return reply
        try:
            turns = (await self._store.history(question.conversation)).turns
        except StoreUnavailable as error:  # the answer is worth more than its button
            log.warning("an offer was not looked up", extra={**ids(question), "detail": error.detail})
            return reply
        answers = (t.text for t in turns if t.trigger_id == question.trigger_id and t.chat_role is ChatRole.ASSISTANT)
        return replace(reply, draws=any(parted(text)[1] is not None for text in answers))

    # Delivery

    async def _try_to_deliver(self, question: Question, screen: Screen, reply: Reply) -> bool:
        """Deliver once. ``False``: it stays in the outbox and is to be tried again."""
        try:
            await show_fitting(reply, screen.deliver, self._parts.smaller)
        except DeliveryRefused as error:
            log.warning("Discord refuses the reply", extra={**ids(question), "detail": error.detail})
            if isinstance(error, EXPLAINED) and reply.kind is ReplyKind.ANSWER:
                if not _is_parked(question):
                    return await self._explain(question, screen, error)
                await self._say_parked(question, screen, error)
            await self._park_or_expire(question, reply, error.detail)
            return True
        except DeliveryFailed as error:
            log.warning("Discord did not take the reply", extra={**ids(question), "detail": error.detail})
            return False
        await self._owed.write(question.trigger_id, partial(self._store.finish, question.trigger_id))
        return True

    async def _explain(self, question: Question, screen: Screen, error: DeliveryRefused) -> bool:
        """Say why the answer is not shown; it stays in its conversation. ``False``: to be tried again."""
        problem, error_id = self._identify(error, question)
        notice = compose_notice(question, problem, error_id, self._parts.sentences)
        try:
            await self._store.explain(question.trigger_id, problem.code, error_id, notice)
        except StoreUnavailable as unavailable:
            log.warning("a refusal was not written down", extra={**ids(question), "detail": unavailable.detail})
            return False
        return await self._try_to_deliver(question, screen, notice)

    async def _say_parked(self, question: Question, screen: Screen, error: DeliveryRefused) -> None:
        """Say in place of what is shown why the reply is not, and how to get it. The outbox keeps the reply."""
        problem, error_id = self._identify(error, question)
        notice = compose_notice(question, problem, error_id, self._parts.sentences)
        page = notice.pages[0]
        kept = replace(page, content=f"{page.content}\n{self._parts.sentences('replies.kept_for_later')}")
        try:
            await screen.deliver(replace(notice, pages=(kept, *notice.pages[1:])))
        except (DeliveryFailed, DeliveryRefused) as undelivered:
            log.warning("a notice was not delivered", extra={**ids(question), "detail": undelivered.detail})

    async def _deliver(self, question: Question, screen: Screen, reply: Reply) -> None:
        """Deliver what the outbox holds, again and again until it stands or is too old to matter."""
        for pause in (0.0, *DELIVERY_PAUSES_SECONDS):
            if pause:
                await self._parts.clock.sleep(pause)
            if await self._try_to_deliver(question, screen, reply):
                return
        await self._park_or_expire(question, reply, "not delivered in time")
        log.error("gave up delivering a reply", extra=ids(question))

    async def _park_or_expire(self, question: Question, reply: Reply, reason: str) -> None:
        """Keep what was paid for, and what only its asker may see, until their next command; end the rest."""
        if reply.kind is ReplyKind.ANSWER and _is_parked(question):
            await self._owed.write(question.trigger_id, partial(self.parked.add, question))
        else:
            await self._expire(question, reason)

    def _seconds_left(self, claim: Claim) -> float:
        """Return how long a turn of an earlier process may last: all its time where the clock was set back since."""
        gone_seconds = (self._parts.clock.now() - claim.claimed_at).total_seconds()
        return TURN_SECONDS - max(0.0, gone_seconds)


def _generations(question: Question) -> int:
    """Return how often the provider may have been asked for a question before a restart gives it up.

    A transcript that is kept is another call; a task that has one only shows it after a restart.
    """
    if _is_paid_once(question):
        return 2 if question.heard else 1
    return GENERATIONS + question.heard


def _is_asked_in(question: Question, guild_id: int | None, channel_id: int | None) -> bool:
    if guild_id is not None and question.guild_id == guild_id:
        return True
    return channel_id is not None and question.route.channel_id == channel_id


def _is_paid_once(question: Question) -> bool:
    """Whether what comes next is a call that a crash must not repeat: a task, or listening to a voice message."""
    return question.task is not None or (question.is_voice and not question.heard)


def _is_parked(question: Question) -> bool:
    """Whether an answer that cannot be shown is kept for its asker's next command."""
    return question.route.ephemeral or question.task is not None
