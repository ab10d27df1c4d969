"""Lays out what came of a sound: a short text in the message, a long one as a file beside its beginning."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from bot.core.cleaning import clean
from bot.core.conversation import Page, Question, Reply, ReplyFile, ReplyKind
from bot.core.markdown import utf16_length
from bot.core.pages import lay_out, quote_block
from bot.core.sentences import Sentences
from bot.core.sound.transcripts import Output, Transcript, as_json, subtitles
from bot.core.splitting import split

SHOWN_CHARS: Final = 1200  # of all texts of a reply: notes stand below them
PREVIEW_CHARS: Final = 300


@dataclass(slots=True)
class SoundResult:
    """What came of a sound. ``translation`` is set where a translation was wanted and came. ``notes`` stand below."""

    transcript: Transcript
    output: Output = Output.TEXT
    translation: str | None = None
    summary: str | None = None
    notes: list[str] = field(default_factory=list)
    files: list[ReplyFile] = field(default_factory=list)  # what is read aloud

    @property
    def text(self) -> str:
        """What the buttons below go on with."""
        return self.translation or self.transcript.text


def compose_sound(question: Question, result: SoundResult, sentences: Sentences, *, show_transcript: bool) -> Reply:
    """Return the reply: summary, translation and transcript, as far as there are some.

    ``show_transcript`` is unset where the member knows it: the button that was pressed is below it.
    """
    sections: list[tuple[str, str, str]] = []
    if result.summary is not None:
        sections.append((sentences("sound.summary"), result.summary, "summary.txt"))
    if result.translation is not None:
        sections.append((sentences("sound.translation"), result.translation, "translation.txt"))
    if show_transcript or not sections:
        sections.append((sentences("sound.transcript"), result.transcript.text, "transcript.txt"))
    files = [*result.files]
    whole = sum(utf16_length(clean(text)) for _, text, _ in sections) <= SHOWN_CHARS
    shown = []
    for heading, text, name in sections:
        words = clean(text)
        if not whole and utf16_length(words) > PREVIEW_CHARS:
            files.append(ReplyFile(name, text.encode("utf-8", "replace")))
            words = f"{split(words, PREVIEW_CHARS)[0]} …"
        if question.is_voice and name == "transcript.txt":
            words = quote_block(words, SHOWN_CHARS)
        shown.append(f"{heading}\n{words}" if len(sections) > 1 else words)
    if result.output is not Output.TEXT:
        files = [f for f in files if f.name != "transcript.txt"]
        files.append(_structured(result))
    elif any(f.name.endswith(".txt") for f in files):
        result.notes.append(sentences("notes.whole_text_in_file"))
    (page,) = lay_out("\n\n".join(shown), footer="\n".join(result.notes), max_pages=1)
    return Reply(ReplyKind.ANSWER, (Page(page.content, page.files + tuple(files)),))


def _structured(result: SoundResult) -> ReplyFile:
    if result.output is Output.JSON:
        return ReplyFile("transcript.json", as_json(result.transcript).encode("utf-8", "replace"))
    text = subtitles(result.transcript.segments, result.output)
    return ReplyFile(f"transcript.{result.output.value}", text.encode("utf-8", "replace"))


def without_times(result: SoundResult, sentences: Sentences, *, model: str) -> SoundResult:
    """Return a result without the times that its model does not give: said, never invented."""
    if result.output is Output.TEXT or result.transcript.segments:
        return result
    kept = Output.JSON if result.output is Output.JSON else Output.TEXT
    return replace(result, output=kept, notes=[*result.notes, sentences("notes.no_times", model=f"`{model}`")])
