"""Transcribing and translating as a task: listen, then perhaps translate, summarise and read aloud.

A transcript that was paid for is never lost: it is kept before the next paid stage begins, and when that one fails, or
a restart cuts it, the transcript is shown with a note.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bot.core.choosing import check_allowed, loggable_model
from bot.core.conversation import Question, Reply
from bot.core.errors import ParleyError
from bot.core.errors.provider import EndpointMissing, NothingHeard
from bot.core.errors.work import Stopped, TaskInterrupted
from bot.core.limits import LONG_SPEECH_CHARS
from bot.core.parts import Parts
from bot.core.ports.files import FileReader, Sound
from bot.core.ports.money import Reservation, Settlement
from bot.core.ports.screen import Screen
from bot.core.pseudonyms import ids
from bot.core.sound.listening import Heard, Listening
from bot.core.sound.results import SoundResult, compose_sound, without_times
from bot.core.sound.rewriting import Rewriting, summarising, translating
from bot.core.sound.speaking import SpeechTools, SpeechWork
from bot.core.sound.transcripts import Output, Transcript, TranscriptRequest
from bot.core.tasks import SoundAction, SoundTask, SpeechTask
from bot.core.working import PaidWork

log = logging.getLogger(__name__)

ENGLISH: Final = "English"
SPOKEN_CHARS_PER_SECOND: Final = 20  # more than anybody says


class ListeningDraft:
    """Which part is being listened to. Implements ``Draft``."""

    def __init__(self, text: str) -> None:
        self._text = text

    def pages(self) -> tuple[str, ...]:
        """Return the one line."""
        return (self._text,)


class SoundWork(PaidWork):
    """Writes down what is said in a file, and goes on with the words. Registered for ``SoundTask``."""

    def __init__(
        self, speech: SpeechTools, parts: Parts, question: Question, screen: Screen, files: FileReader | None
    ) -> None:
        super().__init__(parts, question, screen, files)
        self._speech = speech
        if not isinstance(question.task, SoundTask):
            raise TypeError("not a sound task")
        self._task: SoundTask = question.task
        self._micro_usd = 0
        self._reserved_micro_usd = 0

    async def run(self) -> Reply:
        """Return the reply once it is stored in the outbox; raises a ``ParleyError``."""
        try:
            return await self._run()
        except ParleyError as error:
            error.billed_micro_usd = self._micro_usd
            raise

    async def _run(self) -> Reply:
        question, listening = self.question, self._parts.listening
        if listening is None:
            raise EndpointMissing
        check_allowed(self._parts, self._task.model, "transcription")
        if question.heard:  # by a process that ended in a later stage, which may have been paid for
            result = SoundResult(Transcript(question.text))
            result.notes.append(self._failed(TaskInterrupted(), result))
            if self._task.output != Output.TEXT:
                result.notes.append(self._parts.sentences("notes.times_lost"))
            return await self._finish(result, Heard(0), "")
        if self._files is None and not question.unread_files:
            return await self._go_on_with_text(question.text)
        return await self._listen(listening)

    async def _listen(self, listening: Listening) -> Reply:
        resolved = listening.resolve(self._task.model)
        later = self._later_stages()
        to_english = self._translator(listening)
        if to_english is not None:
            later = later[1:]
        model = to_english or resolved.model
        async with self._room():
            heard = await self._read_and_heard(listening, model, later, to_english=to_english is not None)
        transcript = heard.transcript
        if not transcript.text.strip():
            raise heard.failure or NothingHeard("an empty transcript")
        result = self._result(transcript, model, to_english=to_english is not None)
        if resolved.replaced_from is not None and to_english is None:
            note = self._parts.sentences("notes.replaced_model", asked=resolved.replaced_from, model=model)
            result.notes.insert(0, note)
        done = len(heard.transcripts)
        if done < heard.parts:
            result.notes.append(self._parts.sentences("notes.heard_partly", part=done, parts=heard.parts))
            return await self._finish(result, heard, model)
        if later or self._task.speak:
            self.question = replace(self.question, text=transcript.text, heard=True, unread_files=False)
            await self._parts.store.hear(self.question)
            await self._later(result, transcript.text)
        return await self._finish(result, heard, model)

    async def _read_and_heard(
        self, listening: Listening, model: str, later: Sequence[Rewriting], *, to_english: bool
    ) -> Heard:
        """Read the file, reserve the worst case of everything, and listen. The sounds are let go with the end."""
        sounds = (await self._read_files()).sounds
        seconds = sum(sound.seconds for sound in sounds)
        micro_usd = listening.worst_micro_usd(model, sounds)
        micro_usd += sum(stage.worst_of_seconds(seconds).micro_usd for stage in later)
        if self._task.speak:
            micro_usd += self._speaking("").worst_of_chars(round(seconds * SPOKEN_CHARS_PER_SECOND))
        await self._reserve(Reservation("transcription", model, micro_usd))
        self._reserved_micro_usd = micro_usd
        heard = Heard(len(sounds))
        await self._hear(listening, sounds, model, heard, to_english=to_english)
        return heard

    async def _hear(
        self, listening: Listening, sounds: Sequence[Sound], model: str, heard: Heard, *, to_english: bool
    ) -> None:
        task = self._task
        wants_times = task.output != Output.TEXT and listening.gives_times(model)

        def request(sound: Sound) -> TranscriptRequest:
            return TranscriptRequest(
                model, sound, task.language, task.keywords, task.prompt, wants_times, to_english=to_english
            )

        def progress(part: int) -> None:
            if len(sounds) > 1:
                line = self._parts.sentences("notes.listening", part=part, parts=len(sounds))
                self._screen.show(ListeningDraft(line))

        try:
            await self._paid(listening.hear(sounds, request, heard=heard, progress=progress))
        except Stopped:
            heard.micro_usd += listening.worst_micro_usd(model, sounds[len(heard.transcripts) :][:1])
            if not heard.transcripts:
                raise
        finally:
            self._micro_usd += heard.micro_usd
        if heard.failure is not None:
            log.info("heard only a part", extra={**ids(self.question), "code": heard.failure.code})
            if not heard.transcripts:
                raise heard.failure

    async def _go_on_with_text(self, text: str) -> Reply:
        """Translate or summarise a transcript that is there: the buttons below one."""
        stages = self._later_stages()
        if not stages or not text.strip():
            raise NothingHeard("no transcript")
        reservations = [stage.worst_of(text) for stage in stages]
        micro_usd = sum(reservation.micro_usd for reservation in reservations)
        await self._reserve(Reservation("chat", reservations[0].model, micro_usd))
        self._reserved_micro_usd = micro_usd
        result = SoundResult(Transcript(text))
        error = await self._later(result, text)
        if error is not None and result.translation is None and result.summary is None:
            raise error  # the transcript itself stands above already
        return await self._finish(result, Heard(0), reservations[0].model, show_transcript=False)

    def _later_stages(self) -> list[Rewriting]:
        """Return the requests to the chat model that are wanted, the translation first."""
        task = self._task
        stages = [translating(self._parts, task.to or ENGLISH)] if task.action is SoundAction.TRANSLATE else []
        return [*stages, summarising(self._parts)] if task.summary else stages

    def _translator(self, listening: Listening) -> str | None:
        task = self._task
        return listening.translator_for(task.to or ENGLISH) if task.action is SoundAction.TRANSLATE else None

    async def _later(self, result: SoundResult, text: str) -> ParleyError | None:
        """Do the later stages; the first failure ends them, and is noted below what there is. Returns it."""
        try:
            if self._task.action is SoundAction.TRANSLATE and result.translation is None:
                stage = translating(self._parts, self._task.to or ENGLISH)
                result.translation = await self._rewritten(stage, text, result)
            if self._task.summary:
                result.summary = await self._rewritten(summarising(self._parts), text, result)
            if self._task.speak:
                await self._read_aloud(result)
        except ParleyError as error:
            log.info("a later stage failed", extra={**ids(self.question), "code": error.code, "detail": error.detail})
            result.notes.append(self._failed(error, result))
            return error
        return None

    async def _rewritten(self, stage: Rewriting, text: str, result: SoundResult) -> str:
        await self._cover(stage.worst_of(text).micro_usd)
        try:
            written = await self._paid(stage.write(text))
        except ParleyError as error:
            if error.may_be_billed:
                self._micro_usd += stage.micro_usd
            raise
        self._micro_usd += stage.micro_usd
        if stage.is_cut:
            result.notes.append(self._parts.sentences("notes.rewritten_cut"))
        return written

    async def _cover(self, worst_micro_usd: int) -> None:
        """Have a stage's worst case reserved, now that its words are there: seconds tell only how many there may be."""
        missing = self._micro_usd + worst_micro_usd - self._reserved_micro_usd
        if missing <= 0:
            return
        await self._parts.store.reserve_more(
            self.question.trigger_id, missing, caps=self._parts.policy.caps, payer_id=self.question.payer_id
        )
        self._reserved_micro_usd += missing

    def _speaking(self, text: str) -> SpeechWork:
        """Return what reads a text aloud into a file, within this task."""
        words = text[:LONG_SPEECH_CHARS]
        question = replace(self.question, text=words, task=SpeechTask(file_format="mp3"), unread_files=False)
        return SpeechWork(self._speech, self._parts, question, self._screen, None)

    async def _read_aloud(self, result: SoundResult) -> None:
        speaking = self._speaking(result.text)
        await self._cover(speaking.worst_micro_usd())
        try:
            read = await self._paid(speaking.read())
        except ParleyError as error:
            self._micro_usd += speaking.billed_micro_usd(error)
            raise
        self._micro_usd += read.settlement.micro_usd
        result.files.append(read.file)
        result.notes += read.notes

    def _result(self, transcript: Transcript, model: str, *, to_english: bool) -> SoundResult:
        sentences = self._parts.sentences
        result = SoundResult(transcript, Output(self._task.output))
        if to_english:
            result.translation = transcript.text
        result = without_times(result, sentences, model=model)
        if transcript.ignored_options:
            options = ", ".join(transcript.ignored_options)
            result.notes.append(sentences("notes.ignored_options", model=f"`{model}`", options=options))
        return result

    def _failed(self, error: ParleyError, result: SoundResult) -> str:
        sentences = self._parts.sentences
        has_more = result.translation is not None or result.summary is not None
        key = "notes.later_stage_failed" if has_more else "notes.stage_failed"
        return sentences(key, sentence=sentences(error.sentence_key, **error.fields))

    async def _finish(self, result: SoundResult, heard: Heard, model: str, *, show_transcript: bool = True) -> Reply:
        parts, question = self._parts, self.question
        if result.translation == result.transcript.text:
            show_transcript = False  # the server translated, and there is no transcript
        reply = compose_sound(question, result, parts.sentences, show_transcript=show_transcript)
        version = parts.listening.price_version(model) if parts.listening is not None and model else ""
        settlement = Settlement(self._micro_usd, heard.usage if heard.parts else None, version)
        await self._complete(reply, settlement, result_text=result.text)
        log.info(
            "listened",
            extra={
                **ids(question),
                "model": loggable_model(parts, model) if model else "none",
                "parts": heard.parts,
                "chars": len(result.text),
                "micro_usd": self._micro_usd,
            },
        )
        return reply
