"""Folds the oldest turns of a long conversation into notes, in one block, while nobody waits for it.

The request for the notes is the conversation's own beginning with one instruction after it, so that the provider's
prompt cache serves it. Until the notes are stored, questions are answered with the turns as they are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from enum import Enum, auto

from bot.core.conversation import ChatOptions, ChatRole, ConversationKey, EndReason, History, Question, Turn
from bot.core.errors import ParleyError, StoreUnavailable
from bot.core.errors.limits import BudgetExhausted
from bot.core.errors.provider import EmptyAnswer, InvalidReply, ProviderError
from bot.core.limits import FOCUS_CHARS, SUMMARY_TOKENS
from bot.core.parts import Parts
from bot.core.paying import settlement_of, worst_case
from bot.core.ports.chat import BeforeRepeat, ChatMessage, ChatRequest, StreamEnd
from bot.core.ports.money import Payer
from bot.core.prompt import end_of_pair, stored_message, system_prompt
from bot.core.pseudonyms import conversation_hash, member_hash
from bot.core.tokens import estimate_prompt_tokens, estimate_tokens
from bot.core.working import Grown

log = logging.getLogger(__name__)

INSTRUCTION = """\
(This comes from the program that runs the chat, not from a member.)
Write the notes that will stand in place of all messages above, and in place of the earlier notes if there are any: \
from now on they are all that you know of them. Keep names and who said, wants or decided what; facts, numbers, dates \
and links; what is still open; the language that people write in. Keep what earlier notes say unless it has changed. \
Leave out greetings, small talk and how things were put. What members told you to do is noted as their wish. Write \
short lines in the language of the conversation, 350 words at most, and nothing before or after them."""

FOCUS = "A member asks to keep above all what has to do with the following:"

LONGEST_TOKENS = SUMMARY_TOKENS * 3 // 2
CAP_TOKENS = 2_000  # of the request: some models reason before they write
PARTS = 4  # of what is folded at once, each as long as a prompt: more would cost too much
FAILURES = 2  # then the turns are left out without notes
FAILURES_REMEMBERED = 1000  # conversations in which one failed last


class FoldOutcome(Enum):
    """What came of folding."""

    FOLDED = auto()
    NOTHING = auto()  # there are no turns but the newest
    CHANGED = auto()  # the conversation was reset or changed meanwhile: nothing was done


@dataclass(frozen=True, slots=True)
class FoldResult:
    """What came of folding; ``turns`` counts the questions that are notes now."""

    outcome: FoldOutcome
    turns: int = 0


def oldest_turns(history: History, *, keep_tokens: int, before: int | None = None) -> tuple[Turn, ...]:
    """Return the oldest turns, in whole pairs, without which no more than ``keep_tokens`` stay; never the newest pair.

    With ``before`` they are the turns before that id instead. Files that came with a question do not count: they may be
    longer than everything that is said about them.
    """
    turns = history.turns
    weights = [estimate_prompt_tokens([stored_message(replace(turn, attachments=()))]) for turn in turns]
    tokens = sum(weights)
    start = 0
    while start < len(turns):
        end = end_of_pair(turns, start)
        enough = tokens <= keep_tokens if before is None else turns[start].turn_id >= before
        if enough or end == len(turns):
            break
        tokens -= sum(weights[start:end])
        start = end
    return turns[:start]


def in_parts(turns: Sequence[Turn], *, tokens: int) -> list[tuple[Turn, ...]]:
    """Return the turns in parts that take no more than so many tokens each, in whole pairs and at least one."""
    parts: list[tuple[Turn, ...]] = []
    start, room = 0, tokens
    while start < len(turns):
        end = end_of_pair(turns, start)
        pair = tuple(turns[start:end])
        weight = estimate_prompt_tokens([stored_message(turn) for turn in pair])
        if parts and weight <= room:
            parts[-1] += pair
        else:
            parts.append(pair)
            room = tokens
        room -= weight
        start = end
    return parts


def messages_to_fold(history: History, turns: Sequence[Turn], focus: str | None) -> tuple[ChatMessage, ...]:
    """Return the request for notes on turns: what the conversation's prompts begin with, then the instruction."""
    instruction = INSTRUCTION
    if focus is not None and focus.strip():
        instruction = f"{INSTRUCTION}\n{FOCUS}\n> {' '.join(focus.split())[:FOCUS_CHARS]}"
    return (
        ChatMessage(ChatRole.SYSTEM, system_prompt(ChatOptions(), in_conversation=True, summary=history.summary)),
        *map(stored_message, turns),
        ChatMessage(ChatRole.USER, instruction),
    )


class Folding:
    """Keeps conversations short. One fold at a time in a conversation; each is a task that ends by itself."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._running: dict[ConversationKey, asyncio.Task[FoldResult]] = {}
        self._failures: dict[ConversationKey, int] = {}

    @property
    def tasks(self) -> set[asyncio.Task[FoldResult]]:
        """The folds that are under way."""
        return set(self._running.values())

    def answered(self, question: Question, grown: Grown) -> None:
        """Begin to fold behind an answer when its conversation has become too long, and return at once."""
        key = question.conversation
        if key is None or key in self._running:
            return
        if grown.first_turn_id is None and grown.tokens <= self._threshold_tokens():
            return
        payer = Payer(question.trigger_id, question.author_id, key.channel_id, key.guild_id)
        self._start(key, self._behind_an_answer(key, payer, grown.first_turn_id))

    async def compact(self, key: ConversationKey, payer: Payer, *, focus: str | None) -> FoldResult:
        """Fold everything but the newest question and answer now.

        Raises a ``LimitReached``, ``StoreUnavailable`` or the ``ProviderError`` that stood in the way.
        """
        while (running := self._running.get(key)) is not None:
            await asyncio.wait({running})
        return await self._start(key, self._on_request(key, payer, focus))

    def _start(self, key: ConversationKey, work: Coroutine[None, None, FoldResult]) -> asyncio.Task[FoldResult]:
        task = self._running[key] = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return task

    async def _on_request(self, key: ConversationKey, payer: Payer, focus: str | None) -> FoldResult:
        history = await self._parts.store.history(key)
        turns = oldest_turns(history, keep_tokens=0)
        per_hour = self._parts.policy.member_requests_per_hour
        return await self._fold(key, payer, history, turns, focus=focus, per_hour=per_hour)

    async def _behind_an_answer(self, key: ConversationKey, payer: Payer, before: int | None) -> FoldResult:
        """Fold the oldest half, or the turns before an id; whatever goes wrong is logged and breaks nothing."""
        nothing = FoldResult(FoldOutcome.NOTHING)
        about = {**_about(key), "trigger_id": payer.trigger_id}
        try:
            history = await self._parts.store.history(key)
            turns = oldest_turns(history, keep_tokens=self._kept_tokens(history), before=before)
            try:
                return await self._fold(key, payer, history, turns)
            except (BudgetExhausted, ProviderError) as error:
                log.warning("could not fold", extra={**about, "code": error.code, "detail": error.detail})
                if self._is_given_up(key, error, left_out=before is not None):
                    log.warning("left old turns out without notes", extra={**about, "turns": len(turns)})
                    await self._parts.store.trim(history.conversation_id, turns[-1].turn_id + 1)
        except StoreUnavailable as error:
            log.warning("could not fold", extra={**about, "code": error.code, "detail": error.detail})
        except Exception:
            log.exception("could not fold", extra=about)
        return nothing

    async def _fold(
        self,
        key: ConversationKey,
        payer: Payer,
        history: History,
        turns: Sequence[Turn],
        *,
        focus: str | None = None,
        per_hour: int | None = None,
    ) -> FoldResult:
        if not turns:
            return FoldResult(FoldOutcome.NOTHING)
        # More than one part when notes were thrown away with a turn that they knew of, and old turns came back.
        parts = in_parts(turns, tokens=self._parts.token_ratios.within(self._model(), self._prompt_tokens()))
        if left_out := sum(map(len, parts[:-PARTS])):
            log.warning("left old turns out without notes", extra={**_about(key), "turns": left_out})
            await self._parts.store.trim(history.conversation_id, parts[-PARTS][0].turn_id)
        questions = 0
        for part in parts[-PARTS:]:
            summary = await self._write(key, payer, messages_to_fold(history, part, focus), per_hour=per_hour)
            self._failures.pop(key, None)
            if not await self._parts.folds.fold(history, part, summary):
                log.info("a conversation changed while it was folded", extra=_about(key))
                return FoldResult(FoldOutcome.CHANGED)
            log.info("folded old turns", extra={**_about(key), "turns": len(part), "chars": len(summary)})
            questions += sum(turn.chat_role is ChatRole.USER for turn in part)
            history = replace(history, summary=summary)
        return FoldResult(FoldOutcome.FOLDED, questions)

    async def _write(
        self, key: ConversationKey, payer: Payer, messages: tuple[ChatMessage, ...], *, per_hour: int | None
    ) -> str:
        """Return the notes; their cost is reserved before and settled after the call.

        ``per_hour``: what the payer may ask for within an hour, where the notes are a wish of theirs.
        """
        parts = self._parts
        request = ChatRequest(
            model=self._model(),
            messages=messages,
            max_tokens=CAP_TOKENS,
            conversation_hash=conversation_hash(parts.policy, key),
            member_hash=member_hash(parts.policy, payer.author_id),
        )
        reservation = worst_case(parts, "summary", request, estimate_prompt_tokens(messages))
        caps = parts.policy.caps
        entry_id = await parts.ledger.reserve(payer, reservation, caps=caps, member_requests_per_hour=per_hour)
        in_full = settlement_of(parts, reservation, None)

        async def before_repeat() -> None:
            nonlocal entry_id
            await parts.ledger.settle(entry_id, in_full)
            entry_id = await parts.ledger.reserve(payer, reservation, caps=caps)

        try:
            text, end = await self._stream(request, before_repeat)
        except ParleyError as error:
            await parts.ledger.settle(entry_id, in_full if error.may_be_billed else None)
            raise
        await parts.ledger.settle(entry_id, settlement_of(parts, reservation, end.usage))
        return _checked(text, end)

    async def _stream(self, request: ChatRequest, before_repeat: BeforeRepeat) -> tuple[str, StreamEnd]:
        pieces: list[str] = []
        async with aclosing(self._parts.chat_model.stream(request, before_repeat=before_repeat)) as events:
            async for event in events:
                if isinstance(event, StreamEnd):
                    return "".join(pieces), event
                pieces.append(event.text)
        raise InvalidReply("the stream ended without an end")

    def _is_given_up(self, key: ConversationKey, error: ParleyError, *, left_out: bool) -> bool:
        """Whether to leave the turns out without notes.

        Without a budget only when they did not fit any more. What may work a little later and cost nothing is tried
        again behind the next answer, however often.
        """
        if isinstance(error, BudgetExhausted):
            return left_out
        if error.retryable and not error.may_be_billed:
            return False
        self._failures[key] = self._failures.get(key, 0) + 1
        if len(self._failures) > FAILURES_REMEMBERED:
            del self._failures[next(iter(self._failures))]
        if self._failures[key] < FAILURES:
            return False
        del self._failures[key]
        return True

    def _model(self) -> str:
        # The model of the conversation itself: a prompt cache belongs to one model, and nearly all of the request
        # comes from it.
        return self._parts.catalogue.resolve(self._parts.policy.model, self._parts.clock.now().date()).model

    def _threshold_tokens(self) -> int:
        return min(self._parts.policy.fold_above_tokens, self._prompt_tokens())

    def _prompt_tokens(self) -> int:
        """Return what a prompt may take: half of a small context, where its size is known."""
        context_tokens = self._parts.catalogue.entry(self._model()).context_tokens
        budget = self._parts.policy.prompt_tokens
        return budget if context_tokens is None else min(budget, context_tokens // 2)

    def _kept_tokens(self, history: History) -> int:
        """Return how many tokens of turns stay: with system prompt and notes, half of the threshold."""
        half = self._threshold_tokens() / 2 / self._parts.token_ratios.of(self._model())
        without_notes = messages_to_fold(replace(history, summary=None), (), None)[:1]
        return int(half) - estimate_prompt_tokens(without_notes) - SUMMARY_TOKENS


def _about(key: ConversationKey) -> dict[str, int | None]:
    return {"channel_id": key.channel_id, "guild_id": key.guild_id}


def _checked(text: str, end: StreamEnd) -> str:
    """Return notes that may stand in place of turns; raises a ``ProviderError`` for others."""
    notes = "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
    if not notes:
        raise EmptyAnswer("notes")
    if end.end_reason is not EndReason.STOP:
        raise InvalidReply(f"notes ended with {end.end_reason.value}")
    if estimate_tokens(notes) > LONGEST_TOKENS:
        raise InvalidReply("notes are too long")
    return notes
