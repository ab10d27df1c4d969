"""One generation: from a claimed question to a stored answer."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from contextlib import aclosing
from dataclasses import dataclass, replace

from bot.core.catalogue import Catalogue
from bot.core.composing import GrowingDraft, compose_answer
from bot.core.conversation import Answer, EndReason, Question, Reply, Usage
from bot.core.errors import ContextOverflow, InvalidReply, ParleyError, Stopped
from bot.core.limits import ANSWER_TOKENS, PROMPT_TOKENS
from bot.core.ports import ChatModel, ChatRequest, Clock, Reservation, Screen, Settlement, StreamEnd, TurnStore
from bot.core.prompt import Prompt, build_prompt
from bot.core.sentences import Sentences

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """What the operator decided. ``pseudonym_key`` makes the hashes that a provider sees instead of Discord ids."""

    model: str
    daily_cap_micro_usd: int
    unpriced_call_micro_usd: int
    pseudonym_key: bytes


@dataclass(frozen=True, slots=True)
class Parts:
    """What turns are made with: one set per process."""

    store: TurnStore
    chat_model: ChatModel
    catalogue: Catalogue
    clock: Clock
    sentences: Sentences
    policy: TurnPolicy


class Generation:
    """Generates and stores the answer to one question; can be stopped from outside while it streams."""

    def __init__(self, parts: Parts, question: Question, screen: Screen) -> None:
        self.question = question
        self._parts = parts
        self._screen = screen
        self._draft = GrowingDraft(question, parts.sentences)
        self._reserved = False
        self._stream_task: asyncio.Task[StreamEnd] | None = None
        self._stopped = False

    def stop(self) -> None:
        """End the stream; what came so far becomes the answer."""
        self._stopped = True
        if self._stream_task is not None:
            self._stream_task.cancel()

    async def run(self) -> Reply:
        """Return the reply, which is then stored in the outbox together with its turns and its cost.

        Raises a ``ParleyError`` when there is nothing to show.
        """
        question, parts = self.question, self._parts
        asked_model = question.options.model or parts.policy.model
        resolved = parts.catalogue.resolve(asked_model, parts.clock.now().date())
        history = None if question.conversation is None else await parts.store.history(question.conversation)
        prompt = build_prompt(question, history)
        request = self._request(resolved.model, prompt)
        reservation = await self._reserve(request, prompt)
        try:
            end = await self._stream(request)
        except ContextOverflow:
            prompt = build_prompt(question, history, budget_tokens=min(prompt.tokens, PROMPT_TOKENS) // 2)
            if len(prompt.messages) == len(request.messages):
                raise
            end = await self._stream(replace(request, messages=prompt.messages))
        if history is not None and prompt.first_turn_id is not None:
            await parts.store.trim(history.conversation_id, prompt.first_turn_id)
        answer = Answer(self._draft.text, end.model, end.end_reason, end.usage, end.ignored_options)
        replaced_model = asked_model if resolved.model != asked_model else None
        reply = compose_answer(question, answer, parts.sentences, replaced_model=replaced_model)
        settlement = self._settlement(reservation, end.usage)
        await parts.store.complete(question.trigger_id, answer, reply, settlement, history=history)
        log.info(
            "answered",
            extra={
                **ids(question),
                "model": end.model,
                "end": end.end_reason.value,
                "chars": len(answer.text),
                "micro_usd": settlement.micro_usd,
                "request_id": end.request_id,
            },
        )
        return reply

    def may_be_billed(self, error: Exception) -> bool:
        """Whether the failed generation may have cost money."""
        return self._reserved and (error.may_be_billed if isinstance(error, ParleyError) else True)

    def _request(self, model: str, prompt: Prompt) -> ChatRequest:
        question, options = self.question, self.question.options
        key = question.conversation
        return ChatRequest(
            model=model,
            messages=prompt.messages,
            max_tokens=options.max_tokens or ANSWER_TOKENS,
            temperature=options.temperature,
            top_p=options.top_p,
            frequency_penalty=options.frequency_penalty,
            presence_penalty=options.presence_penalty,
            json=options.json,
            conversation_hash=self._pseudonym(f"{key.channel_id}:{key.member_id or 0}") if key else None,
            member_hash=self._pseudonym(str(question.author_id)),
        )

    def _pseudonym(self, value: str) -> str:
        return hmac.new(self._parts.policy.pseudonym_key, value.encode(), hashlib.sha256).hexdigest()

    async def _reserve(self, request: ChatRequest, prompt: Prompt) -> Reservation:
        micro_usd = self._parts.catalogue.worst_case_micro_usd(
            request.model,
            prompt_tokens=prompt.tokens,
            max_tokens=request.max_tokens,
            on=self._parts.clock.now().date(),
            unpriced_micro_usd=self._parts.policy.unpriced_call_micro_usd,
        )
        reservation = Reservation("chat", request.model, micro_usd)
        cap = self._parts.policy.daily_cap_micro_usd
        await self._parts.store.begin(self.question.trigger_id, reservation, daily_cap_micro_usd=cap)
        self._reserved = True
        return reservation

    def _settlement(self, reservation: Reservation, usage: Usage | None) -> Settlement:
        today = self._parts.clock.now().date()
        cost = None if usage is None else self._parts.catalogue.cost_micro_usd(reservation.model, usage, today)
        version = self._parts.catalogue.price_version(reservation.model, today)
        return Settlement(reservation.micro_usd if cost is None else cost, usage, version)

    async def _stream(self, request: ChatRequest) -> StreamEnd:
        if self._is_stopped():
            raise Stopped
        self._stream_task = asyncio.create_task(self._consume(request))
        try:
            return await self._stream_task
        except asyncio.CancelledError:
            this_task = asyncio.current_task()
            if not self._is_stopped() or (this_task is not None and this_task.cancelling()):
                raise  # not Stop, but the process closing
            if not self._draft.text:
                raise Stopped from None
            return StreamEnd(EndReason.STOPPED, request.model)
        finally:
            self._stream_task = None

    def _is_stopped(self) -> bool:
        return self._stopped

    async def _consume(self, request: ChatRequest) -> StreamEnd:
        async with aclosing(self._parts.chat_model.stream(request)) as events:
            async for event in events:
                if isinstance(event, StreamEnd):
                    return event
                self._draft.add(event.text)
                self._screen.show(self._draft)
        raise InvalidReply("the stream ended without an end")


def ids(question: Question) -> dict[str, int | None]:
    """Return what a log line may say about a question."""
    return {
        "trigger_id": question.trigger_id,
        "guild_id": question.guild_id,
        "channel_id": question.route.channel_id,
        "author_id": question.author_id,
    }
