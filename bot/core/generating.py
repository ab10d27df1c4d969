"""One generation: from a claimed question to a stored answer."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from bot.core.caps import SpendingCaps
from bot.core.catalogue import Capability, Catalogue
from bot.core.composing import NOTHING, GrowingDraft, compose_answer
from bot.core.conversation import (
    Answer,
    AttachedPicture,
    ChatRole,
    ConversationKey,
    EndReason,
    History,
    Question,
    Reply,
    Usage,
)
from bot.core.errors import (
    ContextOverflow,
    EndpointMissing,
    FileProblem,
    FileRefused,
    InvalidReply,
    ModelNotAllowed,
    ModelNotFound,
    ModelUnpriced,
    NothingHeard,
    NoVision,
    ParleyError,
    Stopped,
    StoreUnavailable,
    TaskInterrupted,
)
from bot.core.json_output import NOT_JSON, UNCHECKED, bare_json, correction, is_json, schema_of
from bot.core.limits import (
    ANSWER_TOKENS,
    DRAWINGS_OF_ONE,
    DRAWINGS_SIDE_BY_SIDE,
    FOLD_ABOVE_TOKENS,
    MEDIA_SIDE_BY_SIDE,
    PROMPT_TOKENS,
)
from bot.core.looking import NoEarlierPictures, Seen, look, may_look
from bot.core.parking import Smaller, nothing_smaller
from bot.core.places import Places
from bot.core.ports import (
    CallLedger,
    ChatMessage,
    ChatModel,
    ChatRequest,
    Clock,
    EarlierPictures,
    FileReader,
    FoldStore,
    Picture,
    Reservation,
    SchemaChecker,
    Screen,
    Settlement,
    Sound,
    StreamEnd,
    TurnStore,
    Violation,
)
from bot.core.prompt import Prompt, build_prompt
from bot.core.sentences import Sentences
from bot.core.sound.listening import Heard, Listening
from bot.core.sound.transcripts import TranscriptRequest
from bot.core.spending import EVERY_MODEL, AllowedModels
from bot.core.tokens import TokenRatios, estimate_prompt_tokens, estimate_tokens, unfitted_bytes

if TYPE_CHECKING:
    from bot.core.working import MakeWork

log = logging.getLogger(__name__)

T = TypeVar("T")

MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,99}")


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """What the operator decided. ``pseudonym_key`` makes the hashes that a provider sees instead of Discord ids."""

    model: str
    caps: SpendingCaps
    unpriced_call_micro_usd: int
    pseudonym_key: bytes
    prompt_tokens: int = PROMPT_TOKENS
    fold_above_tokens: int = FOLD_ABOVE_TOKENS
    member_requests_per_hour: int | None = None
    allowed_models: AllowedModels = EVERY_MODEL
    own_models: frozenset[str] = frozenset()  # what the operator chose for each capability
    priced_only: frozenset[Capability] = frozenset()  # asked of a server that takes money for every model


@dataclass(frozen=True, slots=True)
class Parts:
    """What turns are made with: one set per process."""

    store: TurnStore
    folds: FoldStore
    ledger: CallLedger
    chat_model: ChatModel
    catalogue: Catalogue
    token_ratios: TokenRatios
    schemas: SchemaChecker
    clock: Clock
    sentences: Sentences
    policy: TurnPolicy
    works: Mapping[type[object], MakeWork] = field(default_factory=dict)  # by the type of a question's task
    pictures: EarlierPictures = field(default_factory=NoEarlierPictures)
    # Held by whatever has an upload in memory until its call has ended.
    media: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MEDIA_SIDE_BY_SIDE))
    # Held by whatever draws. Whoever waits for ``media`` too takes this first.
    drawing: Places = field(default_factory=lambda: Places(DRAWINGS_SIDE_BY_SIDE, for_one=DRAWINGS_OF_ONE))
    listening: Listening | None = None
    smaller: Smaller = nothing_smaller  # for replies that Discord finds too large


@dataclass(frozen=True, slots=True)
class Grown:
    """A conversation after an answer. ``first_turn_id`` is set when older turns did not fit into the prompt."""

    tokens: int
    first_turn_id: int | None


class Generation:
    """Generates and stores the answer to one question; can be stopped from outside while it streams."""

    def __init__(self, parts: Parts, question: Question, screen: Screen, files: FileReader | None = None) -> None:
        self.question = question
        self._files = files
        self._parts = parts
        self._screen = screen
        self._draft = GrowingDraft(question, parts.sentences)
        self._reserved = False
        self._calls: asyncio.Task[Any] | None = None
        self._stopped = False
        self._prompted = False
        self._read: tuple[Picture, ...] = ()
        self._lost: tuple[str, ...] = ()
        self._blind = False
        self.sent = False  # the provider has been asked
        self.task = asyncio.current_task()  # the turn that this belongs to
        self.grown: Grown | None = None  # set once the answer is stored in its conversation

    def stop(self) -> None:
        """End the stream; what came so far becomes the answer."""
        self._stopped = True
        if self._calls is not None:
            self._calls.cancel()

    def revise(self, text: str) -> None:
        """Answer the new text of the question instead, unless the old one is on its way already."""
        if not self._prompted:
            self.question = replace(self.question, text=text)

    async def remove(self) -> None:
        """Take away what is shown of the answer."""
        await self._screen.deliver(NOTHING)

    async def run(self) -> Reply:
        """Return the reply, which is then stored in the outbox together with its turns and its cost.

        Raises a ``ParleyError`` when there is nothing to show.
        """
        async with AsyncExitStack() as held:
            return await self._run(held)

    async def _run(self, held: AsyncExitStack) -> Reply:
        parts = self._parts
        holds_media = self.question.unread_files
        if holds_media:
            await held.enter_async_context(parts.media)
        question = await self._with_files()
        asked_model = question.options.model or parts.policy.model
        check_allowed(parts, question.options.model)
        resolved = parts.catalogue.resolve(asked_model, parts.clock.now().date())
        history = None if question.conversation is None else await parts.store.history(question.conversation)
        history = history and history.without(question.replaces)
        heard = history if history is None or question.hears_others else history.only_of(question.author_id)
        if may_look(question, heard) and not holds_media:
            await held.enter_async_context(parts.media)
        seen = await self._look(resolved.model, heard)
        question = self.question  # its message may have been edited meanwhile
        self._prompted = True
        ratios = parts.token_ratios
        budget_tokens = ratios.within(resolved.model, parts.policy.prompt_tokens)
        prompt = self._with_schema(build_prompt(question, heard, budget_tokens=budget_tokens, pictures=seen.pictures))
        request = self._request(resolved.model, prompt)
        reservation = await self._reserve(request, prompt)
        try:
            end = await self._stream(request, reservation)
        except ContextOverflow:
            room = min(prompt.tokens, budget_tokens) // 2
            prompt = self._with_schema(build_prompt(question, heard, budget_tokens=room, pictures=seen.own(question)))
            if prompt.messages == request.messages:
                raise
            request = replace(request, messages=prompt.messages)
            end = await self._stream(request, reservation)
        answer = Answer(self._draft.text, end.model, end.end_reason, end.usage, end.ignored_options)
        violation = None
        if question.options.json:
            answer, reservation, violation = await self._corrected(request, answer, reservation)
        replaced_model = asked_model if resolved.model != asked_model else None
        compose = partial(
            compose_answer,
            question,
            answer,
            parts.sentences,
            replaced_model=replaced_model,
            violation=violation,
            left_out_others=heard != history,
            blind=self._blind,
            lost_pictures=self._lost,
        )
        settlement = settlement_of(parts, reservation, answer.usage)
        reply = await parts.store.complete(
            question.trigger_id,
            answer,
            compose(),
            settlement,
            history=history,
            unkept=partial(compose, is_kept=False),
        )
        if end.usage is not None and not any(message.pictures for message in request.messages):
            ratios.learn(resolved.model, estimated=prompt.tokens, counted=end.usage.prompt_tokens)
        if history is not None and heard == history:
            tokens = round((prompt.tokens + estimate_tokens(answer.text)) * ratios.of(resolved.model))
            self.grown = Grown(tokens, prompt.first_turn_id)
        log.info(
            "answered",
            extra={
                **ids(question),
                "model": loggable_model(parts, end.model),
                "end": end.end_reason.value,
                "chars": len(answer.text),
                "pictures": sum(len(message.pictures) for message in request.messages),
                "micro_usd": settlement.micro_usd,
                "request_id": end.request_id,
            },
        )
        return reply

    def billed_attempts(self, error: Exception) -> int:
        """Return how many requests of the failed generation may have cost what is still reserved for one: 0 or 1."""
        return int(self._reserved and (error.may_be_billed if isinstance(error, ParleyError) else True))

    @property
    def text(self) -> str:
        """What the model has written so far."""
        return self._draft.text

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

    async def _reserve(self, request: ChatRequest, prompt: Prompt) -> Reservation:
        entry = self._parts.catalogue.entry(request.model)
        pictures = [picture for message in request.messages for picture in message.pictures]
        tokens = sum(entry.picture_tokens.of(one.width, one.height, request.picture_detail) for one in pictures)
        reservation = worst_case(self._parts, "chat", request, prompt.tokens + tokens)
        await self._begin(reservation)
        return reservation

    async def _begin(self, reservation: Reservation) -> None:
        policy = self._parts.policy
        await self._parts.store.begin(
            self.question.trigger_id,
            recorded(self._parts, reservation),
            caps=policy.caps,
            member_requests_per_hour=policy.member_requests_per_hour,
            payer_id=self.question.payer_id,
        )
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

    async def _with_files(self) -> Question:
        """Return the question with the text of its files, which is kept with it from now on."""
        question = self.question
        if not question.unread_files:
            return question
        if self._files is None:  # they were in the hands of a process that is gone
            raise TaskInterrupted if question.is_voice else FileRefused(FileProblem.GONE, number=1)
        read = await self._files.read()
        if read.sounds:
            return await self._heard(read.sounds)
        question = self.question  # its message may have been edited meanwhile
        options = question.options
        if read.schema is not None:
            options = replace(options, json=True, schema=read.schema, schema_name=read.schema_name)
        question = replace(question, attachments=read.attachments, options=options, unread_files=False)
        self._read, self._lost = read.pictures, read.lost
        self.question, self._draft = question, GrowingDraft(question, self._parts.sentences)
        await self._parts.store.revise(question)
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

    async def _heard(self, sounds: Sequence[Sound]) -> Question:
        """Return the question as it was said, which is paid for by itself and kept from now on."""
        parts, listening = self._parts, self._parts.listening
        if listening is None:
            raise EndpointMissing
        resolved = listening.resolve()
        await self._begin(
            Reservation("transcription", resolved.model, listening.worst_micro_usd(resolved.model, sounds))
        )
        heard = Heard(len(sounds))
        listens = listening.hear(sounds, lambda sound: TranscriptRequest(resolved.model, sound), heard=heard)
        await self._stoppable(listens)
        if heard.failure is not None:
            raise heard.failure
        if self._is_stopped():
            raise Stopped
        if not heard.transcript.text:
            raise NothingHeard("a voice message")
        question = self.question  # its message may have been edited meanwhile
        text = "\n\n".join(filter(None, (question.text, heard.transcript.text)))
        question = replace(question, text=text, heard=True, show_question=True, unread_files=False)
        version = listening.price_version(resolved.model)
        await parts.store.hear(question, Settlement(heard.micro_usd, heard.usage, version))
        self._reserved = self.sent = False
        self.question, self._draft = question, GrowingDraft(question, parts.sentences)
        return question

    def _with_schema(self, prompt: Prompt) -> Prompt:
        schema = schema_of(self.question.options)
        if schema is None:
            return prompt
        return replace(prompt, tokens=prompt.tokens + estimate_tokens(schema.instructions))

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

    async def _stream(self, request: ChatRequest, reservation: Reservation) -> StreamEnd:
        end = await self._stoppable(self._consume(request, reservation))
        if end is None and not self._draft.text:
            raise Stopped
        return end or StreamEnd(EndReason.STOPPED, request.model)

    async def _stoppable(self, calls: Coroutine[Any, Any, T]) -> T | None:
        """Await calls to the provider; ``None`` when Stop ended them."""
        if self._is_stopped():
            calls.close()
            raise Stopped
        self.sent = True
        self._calls = asyncio.create_task(calls)
        try:
            result: T = await self._calls
        except asyncio.CancelledError:
            this_task = asyncio.current_task()
            if not self._is_stopped() or (this_task is not None and this_task.cancelling()):
                raise  # not Stop, but the process closing
            return None
        finally:
            self._calls = None
        return result

    def _is_stopped(self) -> bool:
        return self._stopped

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


def worst_case(parts: Parts, capability: str, request: ChatRequest, estimated_tokens: int) -> Reservation:
    """Return what a request can cost at most; ``estimated_tokens`` is the estimate of its prompt."""
    texts = [message.text for message in request.messages]
    if request.json_schema is not None:
        texts.append(request.json_schema.instructions)
    unsure_tokens = sum(map(unfitted_bytes, texts))
    micro_usd = parts.catalogue.worst_case_micro_usd(
        request.model,
        prompt_tokens=parts.token_ratios.at_most(request.model, estimated_tokens) + unsure_tokens,
        max_tokens=request.max_tokens,
        on=parts.clock.now().date(),
        unpriced_micro_usd=parts.policy.unpriced_call_micro_usd,
    )
    return Reservation(capability, request.model, micro_usd)


def ordinary_micro_usd(parts: Parts) -> int:
    """Return what an ordinary question can cost at most: the operator's model, a full prompt, an uncapped answer."""
    today = parts.clock.now().date()
    model = parts.catalogue.resolve(parts.policy.model, today).model
    return parts.catalogue.worst_case_micro_usd(
        model,
        prompt_tokens=parts.token_ratios.at_most(model, parts.policy.prompt_tokens),
        max_tokens=ANSWER_TOKENS,
        on=today,
        unpriced_micro_usd=parts.policy.unpriced_call_micro_usd,
    )


def check_allowed(parts: Parts, model: str | None, capability: Capability = "chat") -> None:
    """Raise ``ModelNotAllowed`` when a member chose what the operator does not allow, or what is replaced by that.

    ``ModelNotFound`` when it is no model's name at all, and is not repeated; ``ModelUnpriced`` when the budget could
    not hold what it costs. The operator's own model, and what replaces it, is never refused.
    """
    policy = parts.policy
    if model is None or model == policy.model or model in policy.own_models:
        return
    if not MODEL_NAME.fullmatch(model):
        raise ModelNotFound(model="…")
    today = parts.clock.now().date()
    resolved = parts.catalogue.resolve(model, today).model
    if model not in policy.allowed_models or resolved not in policy.allowed_models:
        raise ModelNotAllowed(model, allowed=str(policy.allowed_models))
    is_priced = parts.catalogue.entry(resolved).price(today) is not None
    if capability in policy.priced_only and not is_priced and not policy.allowed_models.names_model(model):
        raise ModelUnpriced(model=model)


def settlement_of(parts: Parts, reservation: Reservation, usage: Usage | None) -> Settlement:
    """Return what a call cost: all that was reserved where the server returned no usage or the model has no price."""
    today = parts.clock.now().date()
    cost = None if usage is None else parts.catalogue.cost_micro_usd(reservation.model, usage, today)
    version = parts.catalogue.price_version(reservation.model, today)
    return Settlement(reservation.micro_usd if cost is None else cost, usage, version)


def loggable_model(parts: Parts, model: str) -> str:
    """Return a model's name for the log: a member may write anything there, and some servers take it."""
    policy = parts.policy
    own = {policy.model, *policy.own_models, *policy.allowed_models.whole_names}
    known = model in own or parts.catalogue.knows(model)
    return model if known else "other"


def recorded(parts: Parts, reservation: Reservation) -> Reservation:
    """Return a reservation as it is written down for good: without a model's name that may be a member's words."""
    return replace(reservation, model=loggable_model(parts, reservation.model))


def conversation_hash(policy: TurnPolicy, key: ConversationKey) -> str:
    """Return the pseudonym of a conversation for the provider's prompt cache."""
    return _pseudonym(policy, f"{key.channel_id}:{key.member_id or 0}")


def member_hash(policy: TurnPolicy, member_id: int) -> str:
    """Return the pseudonym of a member for the provider's abuse checks."""
    return _pseudonym(policy, str(member_id))


def _pseudonym(policy: TurnPolicy, value: str) -> str:
    return hmac.new(policy.pseudonym_key, value.encode(), hashlib.sha256).hexdigest()


def ids(question: Question) -> dict[str, int | None]:
    """Return what a log line may say about a question."""
    return {
        "trigger_id": question.trigger_id,
        "guild_id": question.guild_id,
        "channel_id": question.route.channel_id,
        "author_id": question.author_id,
    }
