"""Reading a text aloud: cut into parts, spoken one after the other, joined, and stored before it is shown."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.core.choosing import check_allowed, loggable_model
from bot.core.conversation import AttachedText, Question, Reply, ReplyFile
from bot.core.errors import ParleyError
from bot.core.errors.work import TooLongToRead
from bot.core.limits import LONG_SPEECH_CHARS, SPEECH_CHARS, UPLOAD_FILE_BYTES
from bot.core.pages import quote_block
from bot.core.parts import Parts
from bot.core.ports.files import FileReader
from bot.core.ports.money import MediaUsage, Reservation, Settlement
from bot.core.ports.screen import Screen
from bot.core.pseudonyms import ids, member_hash
from bot.core.sound.costs import audio_tokens, speech_micro_usd
from bot.core.sound.formats import Encoded
from bot.core.sound.planning import SpeechPlan, plan_speech
from bot.core.sound.ports import SoundEncoder, Speech, SpeechModel, SpeechRequest
from bot.core.sound.spoken import SHOWN_CHARS, ReadingAloud, Spoken, compose_spoken, spoken_notes
from bot.core.tasks import SpeechTask
from bot.core.tokens import estimate_tokens
from bot.core.working import PaidWork

log = logging.getLogger(__name__)

MOST_TOKENS_PER_CHAR: Final = 0.5  # of speech written down: words of one letter, with a space behind each
SMALLER_BIT_RATES: Final = (32_000, 16_000, 12_000)  # of Opus, for what Discord does not take


@dataclass(frozen=True, slots=True)
class SpeechTools:
    """What reading aloud is done with.

    ``models_end``: the catalogue's shutdown dates hold for this server. A server of one's own may go on with a name.
    """

    model: SpeechModel
    encoder: SoundEncoder
    default_model: str
    models_end: bool = True


@dataclass(frozen=True, slots=True)
class ReadText:
    """A text that was read aloud: the file, what there is to say about it, and what it cost."""

    file: ReplyFile
    notes: tuple[str, ...]
    settlement: Settlement


class SpeechWork(PaidWork):
    """Reads one text aloud."""

    def __init__(
        self, tools: SpeechTools, parts: Parts, question: Question, screen: Screen, files: FileReader | None
    ) -> None:
        super().__init__(parts, question, screen, files)
        self._tools = tools
        self._spoken: list[Speech] = []
        self._worst: list[int] = []  # of every part, in millionths of a US dollar

    async def run(self) -> Reply:
        """Return the reply once it is stored in the outbox; raises a ``ParleyError``."""
        try:
            return await self._run()
        except ParleyError as error:
            error.billed_micro_usd = self.billed_micro_usd(error)
            raise

    def billed_micro_usd(self, error: ParleyError) -> int:
        """Return the most that a failed reading may have cost: what was spoken, and the part that failed."""
        return sum(self._worst[: len(self._spoken) + int(error.may_be_billed)])

    async def _run(self) -> Reply:
        plan = self._plan()
        await self._read_text()
        pieces = plan.pieces(self.question.text)
        await self._reserve(Reservation("speech", plan.model, self.worst_micro_usd()))
        spoken, settlement = await self._make(plan, pieces)
        reply = compose_spoken(self.question, self._task, spoken, self._parts.sentences)
        return await self._complete(reply, settlement)

    def worst_micro_usd(self) -> int:
        """Return the most that reading the question's text can cost; raises as ``read`` does before it asks."""
        plan = self._plan()
        return sum(self._worst_micro_usd(plan, piece) for piece in plan.pieces(self.question.text))

    def worst_of_chars(self, chars: int) -> int:
        """Return the most that reading a text of so many characters can cost; the text is not there yet."""
        plan = self._plan()
        chars = min(chars, LONG_SPEECH_CHARS)
        tokens = math.ceil(chars * MOST_TOKENS_PER_CHAR)
        limit = plan.token_limit
        parts = 1 + math.ceil(max(chars / SPEECH_CHARS, 0 if limit is None else tokens / limit))
        return parts * self._worst_of(plan, math.ceil(tokens / parts), math.ceil(chars / parts))

    async def read(self) -> ReadText:
        """Read the question's text aloud within another task, which has reserved the worst case; raises as ``run``."""
        plan = self._plan()
        spoken, settlement = await self._make(plan, plan.pieces(self.question.text))
        notes = spoken_notes(self.question, self._task, spoken, self._parts.sentences)
        return ReadText(spoken.file, tuple(notes), settlement)

    async def _make(self, plan: SpeechPlan, pieces: Sequence[str]) -> tuple[Spoken, Settlement]:
        self._worst = [self._worst_micro_usd(plan, piece) for piece in pieces]
        failure: ParleyError | None = None
        try:
            await self._paid(self._speak(plan, pieces))
        except ParleyError as error:
            if not self._spoken:
                raise
            failure = error  # what was spoken is paid for, and is not thrown away
        encoded, file_format = await self._encoded(plan)
        done = len(self._spoken)
        settlement = self._settlement(plan, pieces[:done], encoded.seconds)
        if failure is not None and failure.may_be_billed:
            settlement = replace(settlement, micro_usd=settlement.micro_usd + self._worst[done])
        log.info(
            "read aloud",
            extra={
                **ids(self.question),
                "model": loggable_model(self._parts, plan.model),
                "chars": len(self.question.text),
                "parts": done,
                "seconds": round(encoded.seconds, 1),
                "micro_usd": settlement.micro_usd,
                "request_id": self._spoken[-1].request_id,
            },
        )
        return Spoken(plan, pieces, self._spoken, encoded, file_format, failure), settlement

    # What is asked for

    @property
    def _task(self) -> SpeechTask:
        task = self.question.task
        if not isinstance(task, SpeechTask):
            raise TypeError("not a speech task")
        return task

    def _plan(self) -> SpeechPlan:
        task, parts = self._task, self._parts
        check_allowed(parts, task.model, "speech")
        asked = model = task.model or self._tools.default_model
        if self._tools.models_end:
            model = parts.catalogue.resolve(asked, parts.clock.now().date()).model
        return plan_speech(task, parts.catalogue.entry(model).speech_card, model=model, asked_model=asked)

    async def _read_text(self) -> None:
        """Take the words from the file that came along, if one did."""
        if not self.question.unread_files:
            return
        async with self._room():
            read = await self._read_files()
        files = [file for file in read.attachments if isinstance(file, AttachedText)]
        text = "\n\n".join(file.text for file in files)
        if any(file.cut for file in files):
            raise TooLongToRead(limit=LONG_SPEECH_CHARS)
        self.question = replace(self.question, text=text)

    # Speaking

    async def _speak(self, plan: SpeechPlan, pieces: Sequence[str]) -> None:
        shown = quote_block(self.question.text, SHOWN_CHARS)
        for done, piece in enumerate(pieces):
            self._screen.show(ReadingAloud(shown, done, len(pieces), self._parts.sentences))
            ignored = self._spoken[-1].ignored_options if self._spoken else ()
            speech = await self._tools.model.speak(
                SpeechRequest(
                    model=plan.model,
                    card=plan.card,
                    text=piece,
                    voice=plan.voice,
                    file_format=plan.file_format,
                    max_tokens=plan.most_tokens(estimate_tokens(piece)),
                    speed=None if "speed" in ignored else plan.sent_speed,
                    instructions=None if "instructions" in ignored else plan.instructions,
                    member_hash=member_hash(self._parts.policy, self.question.author_id),
                )
            )
            await self._tools.encoder.check(speech.recording)  # one that is no use must not cost the others
            self._spoken.append(replace(speech, ignored_options=(*ignored, *speech.ignored_options)))

    async def _encoded(self, plan: SpeechPlan) -> tuple[Encoded, str]:
        """Return the file and its format: a smaller one where Discord would not take the wanted one."""
        recordings = [speech.recording for speech in self._spoken]
        served = plan.sent_speed is not None and "speed" not in self._ignored
        speed = 1.0 if served else plan.speed
        encode = self._tools.encoder.encode
        encoded, file_format = await encode(recordings, plan.file_format, speed=speed), plan.file_format
        for bit_rate in SMALLER_BIT_RATES:
            if len(encoded.content) <= (self._task.limit_bytes or UPLOAD_FILE_BYTES):
                break
            encoded, file_format = await encode(recordings, "opus", speed=speed, bit_rate=bit_rate), "opus"
        return encoded, file_format

    @property
    def _ignored(self) -> tuple[str, ...]:
        return self._spoken[-1].ignored_options

    # What it costs

    def _worst_micro_usd(self, plan: SpeechPlan, piece: str) -> int:
        return self._worst_of(plan, estimate_tokens(piece), len(piece))

    def _worst_of(self, plan: SpeechPlan, tokens: int, chars: int) -> int:
        price = self._parts.catalogue.entry(plan.model).price(self._parts.clock.now().date())
        if price is None:
            return self._parts.policy.unpriced_call_micro_usd
        return speech_micro_usd(price, plan.worst_usage(tokens, chars))

    def _settlement(self, plan: SpeechPlan, pieces: Sequence[str], seconds: float) -> Settlement:
        """Return what was spoken cost: as the server told, or by the length of text and sound.

        A chat model thinks in tokens that no sound shows: where it tells nothing, the worst case counts.
        """
        today = self._parts.clock.now().date()
        catalogue = self._parts.catalogue
        price, version = catalogue.entry(plan.model).price(today), catalogue.price_version(plan.model, today)
        told = [speech.usage for speech in self._spoken if speech.usage is not None]
        local_speed = plan.speed if plan.sent_speed is None or "speed" in self._ignored else 1.0
        heard = seconds * local_speed  # as the server spoke it
        usage = MediaUsage(
            input_tokens=sum(one.input_tokens for one in told),
            output_tokens=sum(one.output_tokens for one in told),
            output_audio_tokens=sum(one.output_audio_tokens for one in told),
            seconds=heard,
            characters=sum(map(len, pieces)),
        )
        if price is None:
            return Settlement(sum(self._worst[: len(pieces)]), usage, version)
        if told or plan.is_chat:
            spoken = zip(self._spoken, pieces, self._worst, strict=False)
            cost = sum(
                most if one.usage is None else speech_micro_usd(price, replace(one.usage, characters=len(piece)))
                for one, piece, most in spoken
            )
            return Settlement(cost, usage, version)
        instructions = estimate_tokens(plan.instructions or "")
        text_tokens = sum(estimate_tokens(piece) + instructions for piece in pieces)
        usage = replace(usage, input_tokens=text_tokens, output_audio_tokens=audio_tokens(heard))
        return Settlement(speech_micro_usd(price, usage), usage, version)
