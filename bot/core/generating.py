"""One generation: from a claimed question to a stored answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from functools import partial

from bot.core.attachments import taken
from bot.core.choosing import check_allowed, loggable_model, recorded
from bot.core.composing import Circumstances, GrowingDraft, compose_answer
from bot.core.conversation import (
    Answer,
    AttachedPicture,
    AttachedText,
    ChatRole,
    EndReason,
    History,
    Question,
    Reply,
    Usage,
)
from bot.core.errors import ParleyError, StoreUnavailable
from bot.core.errors.files import FileProblem, FileRefused
from bot.core.errors.provider import ContextOverflow, EndpointMissing, InvalidReply, NothingHeard, NoVision
from bot.core.errors.work import Stopped, TaskInterrupted
from bot.core.json_output import NOT_JSON, UNCHECKED, bare_json, correction, is_json, schema_of
from bot.core.limits import ANSWER_TOKENS, FILE_CHARS, KEPT_FILE_CHARS
from bot.core.looking import Place, Seen, bytes_to_look_at, look, may_look
from bot.core.parts import Parts
from bot.core.paying import settlement_of, worst_case
from bot.core.ports.chat import ChatMessage, ChatRequest, StreamEnd
from bot.core.ports.files import FileReader, Picture, Sound, Violation
from bot.core.ports.money import Reservation, Settlement
from bot.core.ports.screen import Screen
from bot.core.prompt import Prompt, build_prompt
from bot.core.pseudonyms import conversation_hash, ids, member_hash
from bot.core.sound.listening import Heard
from bot.core.sound.transcripts import TranscriptRequest
from bot.core.tokens import estimate_prompt_tokens, estimate_tokens
from bot.core.working import Grown, Work, may_be_billed

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """What a question is answered from. ``heard``: the part of the history that goes along."""

    model: str
    asked_model: str
    history: History | None
    heard: History | None
    seen: Seen


class Generation(Work):
    """Generates and stores the answer to one question."""

    def __init__(self, parts: Parts, question: Question, screen: Screen, files: FileReader | None = None) -> None:
        super().__init__(parts, question, screen, files)
        self._draft = GrowingDraft(question, parts.sentences)
        self._reserved = False
        self._prompted = False
        self._read: tuple[Picture, ...] = ()
        self._lost: tuple[str, ...] = ()
        self._blind = False

    @property
    def text(self) -> str:
        """What the model has written so far."""
        return self._draft.text

    @property
    def _is_fixed(self) -> bool:
        return self._prompted

    def billed_attempts(self, error: Exception) -> int:
        """Return how many requests of the failed generation may have cost what is still reserved for one: 0 or 1."""
        return int(self._reserved and may_be_billed(error))

    async def run(self) -> Reply:
        """Return the reply, which is then stored in the outbox together with its turns and its cost."""
        async with AsyncExitStack() as held:
            return await self._run(held)

    async def _run(self, held: AsyncExitStack) -> Reply:
        known = await self._gathered(held)
        async with self._parts.queue.asking() as waited:
            if waited:  # the conversation may have gone on, or been forgotten
                history, heard = await self._history()
                known = replace(known, history=history, heard=heard)
            self._prompted = True
            prompt, request, reservation, end = await self._asked(known)
            answer = Answer(self._draft.text, end.model, end.end_reason, end.usage, end.ignored_options)
            violation = None
            if self.question.options.json:
                answer, reservation, violation = await self._corrected(request, answer, reservation)
        settlement = settlement_of(self._parts, reservation, answer.usage)
        reply = await self._stored(known, answer, violation, settlement)
        self._learn(known, prompt, request, answer, end.usage)
        log.info(
            "answered",
            extra={
                **ids(self.question),
                "model": loggable_model(self._parts, end.model),
                "end": end.end_reason.value,
                "chars": len(answer.text),
                "pictures": sum(len(message.pictures) for message in request.messages),
                "micro_usd": settlement.micro_usd,
                "request_id": end.request_id,
            },
        )
        return reply

    # Step by step

    async def _gathered(self, held: AsyncExitStack) -> _Known:
        """Read the question's files, its history and its pictures, and hold room for them."""
        parts = self._parts
        before: History | None = None
        if self.question.unread_files and self._files is not None:
            size_bytes = await self._files.size_bytes()
            if not self.question.is_voice:  # pictures are sent together with earlier ones
                _, before = await self._history()
                size_bytes += bytes_to_look_at(self.question, before)
            await held.enter_async_context(parts.room.held(size_bytes))
        question = await self._with_files()
        if not self._read:
            await held.aclose()  # what was read or heard is text now
        asked_model = question.options.model or parts.policy.model
        check_allowed(parts, question.options.model)
        model = parts.catalogue.resolve(asked_model, parts.clock.now().date()).model
        history, heard = await self._history()
        if may_look(question, heard) and not self._read:
            await held.enter_async_context(parts.room.held(bytes_to_look_at(question, heard)))
        # Beside pictures that were just read, only those are fetched that room was taken for.
        seen = await self._look(model, before if self._read else heard)
        return _Known(model, asked_model, history, heard, seen)

    async def _history(self) -> tuple[History | None, History | None]:
        """Return the conversation, and the part of it that goes along."""
        question = self.question
        history = None if question.conversation is None else await self._parts.store.history(question.conversation)
        history = history and history.without(question.replaces)
        heard = history if history is None or question.hears_others else history.only_of(question.author_id)
        return history, heard

    async def _asked(self, known: _Known) -> tuple[Prompt, ChatRequest, Reservation, StreamEnd]:
        """Reserve and stream; once more with half of the prompt when the model finds it too long."""
        parts, question = self._parts, self.question
        budget_tokens = parts.token_ratios.within(known.model, parts.policy.prompt_tokens)
        prompt = self._prompt(known.heard, budget_tokens, known.seen.pictures)
        request = self._request(known.model, prompt)
        reservation = await self._reserve_request(request, prompt)
        try:
            return prompt, request, reservation, await self._stream(request, reservation)
        except ContextOverflow:
            prompt = self._prompt(known.heard, min(prompt.tokens, budget_tokens) // 2, known.seen.own(question))
            if prompt.messages == request.messages:
                raise
        request = replace(request, messages=prompt.messages)
        return prompt, request, reservation, await self._stream(request, reservation)

    async def _stored(
        self, known: _Known, answer: Answer, violation: Violation | None, settlement: Settlement
    ) -> Reply:
        circumstances = Circumstances(
            replaced_model=known.asked_model if known.model != known.asked_model else None,
            violation=violation,
            left_out_others=known.heard != known.history,
            blind=self._blind,
            lost_pictures=self._lost,
        )
        compose = partial(compose_answer, self.question, answer, self._parts.sentences)
        return await self._parts.store.complete(
            self.question.trigger_id,
            answer,
            compose(circumstances),
            settlement,
            history=known.history,
            unkept=lambda: compose(replace(circumstances, is_kept=False)),
        )

    def _learn(self, known: _Known, prompt: Prompt, request: ChatRequest, answer: Answer, usage: Usage | None) -> None:
        """Note how the model counts, and how long the conversation is now."""
        ratios = self._parts.token_ratios
        if usage is not None and not any(message.pictures for message in request.messages):
            ratios.learn(known.model, estimated=prompt.tokens, counted=usage.prompt_tokens)
        if known.history is not None and known.heard == known.history:
            tokens = round((prompt.tokens + estimate_tokens(answer.text)) * ratios.of(known.model))
            self.grown = Grown(tokens, prompt.first_turn_id)

    # What a question comes with

    async def _with_files(self) -> Question:
        """Return the question with the text of its files, which is kept with it from now on."""
        question = self.question
        if not question.unread_files:
            return question
        if self._files is None:  # they were in the hands of a process that is gone
            is_spoken = question.is_voice and not question.text
            raise TaskInterrupted if is_spoken else FileRefused(FileProblem.GONE, number=1)
        read = await self._files.read()
        question = self.question  # its message may have been edited meanwhile
        options = question.options
        if read.schema is not None:
            options = replace(options, json=True, schema=read.schema, schema_name=read.schema_name)
        question = replace(question, attachments=read.attachments, options=options)
        if read.sounds:
            self.question = question
            return await self._heard(read.sounds)
        question = replace(question, unread_files=False)
        self._read, self._lost = read.pictures, read.lost
        self.question, self._draft = question, GrowingDraft(question, self._parts.sentences)
        await self._parts.store.revise(question)
        return question

    async def _heard(self, sounds: Sequence[Sound]) -> Question:
        """Return the question with what was said, which is paid for by itself and kept from now on.

        A voice message is the question; any other sound is context, like a file's text.
        """
        parts, listening = self._parts, self._parts.listening
        if listening is None:
            raise EndpointMissing
        resolved = listening.resolve()
        worst = listening.worst_micro_usd(resolved.model, sounds)
        await self._reserve(Reservation("transcription", resolved.model, worst))
        heard = Heard(len(sounds))
        listens = listening.hear(sounds, lambda sound: TranscriptRequest(resolved.model, sound), heard=heard)
        await self._paid(listens)
        try:
            question = await self._kept(heard, listening.price_version(resolved.model))
        except ParleyError as error:
            error.billed_micro_usd = heard.micro_usd  # of all parts, whatever the last one ended with
            raise
        self._reserved = self.sent = False
        self.question, self._draft = question, GrowingDraft(question, parts.sentences)
        return question

    async def _kept(self, heard: Heard, price_version: str) -> Question:
        """Return the question with what was said, once it is stored; raises what there is instead."""
        if heard.failure is not None:
            raise heard.failure
        if self._is_stopped():
            raise Stopped
        if not heard.transcript.text:
            raise NothingHeard("a voice message")
        question = self.question  # its message may have been edited meanwhile
        question = replace(_with_transcript(question, heard.transcript.text), heard=True, unread_files=False)
        await self._parts.store.hear(question, Settlement(heard.micro_usd, heard.usage, price_version))
        return question

    async def _look(self, model: str, history: History | None) -> Seen:
        """Return the pictures to send; raises ``NoVision`` for a model that sees none when there are no words."""
        parts, question, read = self._parts, self.question, self._read
        self._read = ()
        if not may_look(question, history):
            return Seen()
        if not parts.catalogue.entry(model).sees_pictures:
            self._blind = any(isinstance(one, AttachedPicture) for one in question.attachments)
            if self._blind and (question.conversation is None or not question.text):
                raise NoVision(model=model)
            return Seen()
        seen = await look(question, history, read, parts.pictures)
        self._lost += seen.lost
        if seen.lost and not seen.own(question) and not question.text:
            raise FileRefused(FileProblem.GONE, number=1)
        return seen

    # What goes to the model

    def _prompt(self, heard: History | None, budget_tokens: int, pictures: Mapping[Place, Picture]) -> Prompt:
        prompt = build_prompt(self.question, heard, budget_tokens=budget_tokens, pictures=pictures)
        schema = schema_of(self.question.options)
        if schema is None:
            return prompt
        return replace(prompt, tokens=prompt.tokens + estimate_tokens(schema.instructions))

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
            json_schema=schema_of(options),
            picture_detail=options.detail,
            conversation_hash=conversation_hash(self._parts.policy, key) if key else None,
            member_hash=member_hash(self._parts.policy, question.author_id),
        )

    async def _reserve_request(self, request: ChatRequest, prompt: Prompt) -> Reservation:
        entry = self._parts.catalogue.entry(request.model)
        pictures = [picture for message in request.messages for picture in message.pictures]
        tokens = sum(entry.picture_tokens.of(one.width, one.height, request.picture_detail) for one in pictures)
        reservation = worst_case(self._parts, "chat", request, prompt.tokens + tokens)
        await self._reserve(reservation)
        return reservation

    async def _reserve(self, reservation: Reservation) -> None:
        await super()._reserve(reservation)
        self._reserved = True

    async def _reserve_again(self, settlement: Settlement, reservation: Reservation) -> None:
        """Settle the last request and reserve another one. The member asked once: only money limits this."""
        await self._parts.store.begin_again(
            self.question.trigger_id,
            settlement,
            recorded(self._parts, reservation),
            caps=self._parts.policy.caps,
            payer_id=self.question.payer_id,
        )

    async def _stream(self, request: ChatRequest, reservation: Reservation) -> StreamEnd:
        try:
            return await self._paid(self._consume(request, reservation))
        except Stopped:
            if not self._draft.text:
                raise
            return StreamEnd(EndReason.STOPPED, request.model)

    async def _consume(self, request: ChatRequest, reservation: Reservation) -> StreamEnd:
        async def before_repeat() -> None:
            await self._reserve_again(settlement_of(self._parts, reservation, None), reservation)

        async with aclosing(self._parts.chat_model.stream(request, before_repeat=before_repeat)) as events:
            async for event in events:
                if isinstance(event, StreamEnd):
                    return event
                self._draft.add(event.text)
                self._screen.show(self._draft)
        raise InvalidReply("the stream ended without an end")

    # An answer in JSON

    async def _corrected(
        self, request: ChatRequest, answer: Answer, reservation: Reservation
    ) -> tuple[Answer, Reservation, Violation | None]:
        """Return an answer in JSON after at most one more request for it, its reservation, and what is still wrong.

        The first answer has been paid for: it is shown when nothing better comes.
        """
        violation = await self._violation(answer)
        if violation is None or violation == UNCHECKED or answer.end_reason is not EndReason.STOP:
            return answer, reservation, violation
        parts, trigger_id = self._parts, self.question.trigger_id
        # What is wrong is the answer's form: nobody needs to look at the pictures again.
        asked = tuple(replace(message, pictures=()) for message in request.messages)
        asked += (ChatMessage(ChatRole.ASSISTANT, answer.text), ChatMessage(ChatRole.USER, correction(violation)))
        schema_tokens = estimate_tokens(request.json_schema.instructions) if request.json_schema else 0
        again = worst_case(parts, "chat", request, estimate_prompt_tokens(asked) + schema_tokens)
        log.info("asking for JSON again", extra={**ids(self.question), "rule": violation.rule})
        try:
            await self._reserve_again(settlement_of(parts, reservation, answer.usage), again)
            self._draft = GrowingDraft(self.question, parts.sentences)
            end = await self._stream(replace(request, messages=asked), again)
        except StoreUnavailable:
            raise
        except ParleyError as error:
            log.info("no corrected JSON", extra={**ids(self.question), "code": error.code, "detail": error.detail})
            spent = settlement_of(parts, again, None)
            await parts.store.settle_attempt(trigger_id, spent if error.may_be_billed else replace(spent, micro_usd=0))
            return answer, reservation, violation
        second = Answer(self._draft.text, end.model, end.end_reason, end.usage, end.ignored_options)
        if second.incomplete:
            await parts.store.settle_attempt(trigger_id, settlement_of(parts, again, second.usage))
            return answer, reservation, violation
        return second, again, await self._violation(second)

    async def _violation(self, answer: Answer) -> Violation | None:
        """Return what is wrong with an answer in JSON."""
        body, schema = bare_json(answer.text), self.question.options.schema
        if not is_json(body):
            return NOT_JSON
        if schema is None:
            return None
        try:
            return await self._parts.schemas.violation(body, schema)
        except TimeoutError:
            return UNCHECKED


def _with_transcript(question: Question, words: str) -> Question:
    if not question.attachments:
        return replace(question, text="\n\n".join(filter(None, (question.text, words))), show_question=True)
    limit_chars = FILE_CHARS if question.conversation is None else KEPT_FILE_CHARS
    text, cut = taken(words, limit_chars)
    [untold] = (file for file in question.attachments if isinstance(file, AttachedText))
    return replace(question, attachments=(replace(untold, text=text, cut=cut),))


def work_for(parts: Parts, question: Question, screen: Screen, files: FileReader | None) -> Work:
    """Return the work that a question asks for."""
    if question.task is None:
        return Generation(parts, question, screen, files)
    return parts.works[type(question.task)](parts, question, screen, files)
