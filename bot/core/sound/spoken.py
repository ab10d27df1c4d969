"""What a member sees of a text that is read aloud: how far it is, the reply, and what there is to say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.core.conversation import Page, Question, Reply, ReplyFile, ReplyKind, VoiceNote
from bot.core.errors import ParleyError
from bot.core.pages import quote_block
from bot.core.sentences import Sentences
from bot.core.sound.cards import VOICES
from bot.core.sound.formats import ENDINGS, VOICE_MESSAGE, Encoded
from bot.core.sound.planning import SpeechPlan
from bot.core.sound.ports import Speech
from bot.core.sound.words import is_verbatim
from bot.core.tasks import SpeechTask

SHOWN_CHARS: Final = 200  # of the text, above what is heard


@dataclass(frozen=True, slots=True)
class ReadingAloud:
    """What is shown while a text is spoken. Implements ``Draft``."""

    shown: str
    done: int
    parts: int
    sentences: Sentences

    def pages(self) -> tuple[str, ...]:
        """Return the text, and how far the speaking is."""
        if self.parts == 1:
            progress = self.sentences("notes.reading_aloud")
        else:
            progress = self.sentences("notes.reading_parts", done=self.done, parts=self.parts)
        return (f"{self.shown}\n{progress}",)


@dataclass(frozen=True, slots=True)
class Spoken:
    """What came of a text. ``speeches``: of the first pieces; ``failure``: why the others are missing."""

    plan: SpeechPlan
    pieces: Sequence[str]
    speeches: Sequence[Speech]
    encoded: Encoded
    file_format: str
    failure: ParleyError | None

    @property
    def file(self) -> ReplyFile:
        """The sound as a file."""
        return ReplyFile(f"speech.{ENDINGS[self.file_format]}", self.encoded.content)


def compose_spoken(question: Question, task: SpeechTask, spoken: Spoken, say: Sentences) -> Reply:
    """Return the reply: a voice message below the text where it stands for everybody, or a file."""
    length = f"{int(spoken.encoded.seconds) // 60}:{int(spoken.encoded.seconds) % 60:02}"
    line = say("notes.spoken", voice=spoken.plan.voice, length=length)
    notes = spoken_notes(question, task, spoken, say)
    content = "\n".join([quote_block(question.text, SHOWN_CHARS), line, *notes])
    is_shared = not question.route.ephemeral and not question.route.single_page
    if task.file_format != VOICE_MESSAGE or not task.may_be_voice or not is_shared:
        return Reply(ReplyKind.ANSWER, (Page(content, (spoken.file,)),))
    voice = VoiceNote(round(spoken.encoded.seconds, 3), spoken.encoded.waveform)
    # The name tells a process after this one which message is which: a voice message has no words.
    file = ReplyFile(f"voice-message-{question.trigger_id}.ogg", spoken.encoded.content, voice=voice)
    return Reply(ReplyKind.ANSWER, (Page(content), Page("", (file,))))


def spoken_notes(question: Question, task: SpeechTask, spoken: Spoken, say: Sentences) -> list[str]:
    """Return what a member should know about the sound."""
    plan, speeches, notes = spoken.plan, spoken.speeches, []
    if plan.model != plan.asked_model:
        notes.append(say("notes.read_by", asked=plan.asked_model, model=plan.model))
    if task.voice is not None and plan.voice != task.voice and plan.voice in VOICES:
        notes.append(say("notes.other_voice", model=plan.model, asked=task.voice, voice=plan.voice))
    if task.instructions and (plan.instructions is None or "instructions" in speeches[-1].ignored_options):
        notes.append(say("notes.no_instructions", model=plan.model))
    if any(speech.cut for speech in speeches):
        notes.append(say("notes.speech_cut", model=plan.model))
    elif not all(
        speech.said is None or is_verbatim(piece, speech.said)
        for piece, speech in zip(spoken.pieces, speeches, strict=False)
    ):
        notes.append(say("notes.not_verbatim", model=plan.model))
    if spoken.failure is not None:
        sentence = say(spoken.failure.sentence_key, **spoken.failure.fields)
        notes.append(say("notes.parts_missing", done=len(speeches), parts=len(spoken.pieces), sentence=sentence))
    if spoken.file_format != plan.file_format:
        notes.append(say("notes.made_smaller", asked=plan.file_format))
    if task.file_format == VOICE_MESSAGE and not task.may_be_voice and not question.route.ephemeral:
        notes.append(say("notes.no_voice_message"))
    return notes
