"""Turns an answer, a growing draft or a failure into what a member reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.core.conversation import Answer, AttachedText, EndReason, Page, Question, Reply, ReplyFile, ReplyKind
from bot.core.drawing import parted, without_growing_wish
from bot.core.errors import ParleyError
from bot.core.json_output import NOT_JSON, UNCHECKED, bare_json, is_json
from bot.core.limits import REPLY_PAGES
from bot.core.pages import lay_out, lay_out_json, lay_out_unfinished, quote_block
from bot.core.ports.files import Violation
from bot.core.sentences import Sentences

SHOWN_QUESTION_CHARS = 500
SHOWN_TRANSCRIPT_CHARS = 900
CUT = (EndReason.LENGTH, EndReason.BROKEN, EndReason.TIMEOUT, EndReason.STOPPED)  # there is more to say

NOTHING = Reply(ReplyKind.NOTICE, ())  # takes away what is shown


def _max_pages(question: Question) -> int:
    return 1 if question.route.single_page else REPLY_PAGES


def _header(question: Question) -> str:
    return quote_block(question.text, _shown_chars(question)) if question.show_question else ""


def _shown_chars(question: Question) -> int:
    return SHOWN_TRANSCRIPT_CHARS if question.is_spoken else SHOWN_QUESTION_CHARS


def _with_transcript(question: Question, pages: tuple[Page, ...]) -> tuple[Page, ...]:
    """Return the pages with the whole transcript of a voice message as a file, where only its beginning is quoted."""
    if not question.is_spoken or not quote_block(question.text, SHOWN_TRANSCRIPT_CHARS).endswith(" …"):
        return pages
    file = ReplyFile("transcript.txt", question.text.encode("utf-8", "replace"))
    return (*pages[:-1], replace(pages[-1], files=(*pages[-1].files, file)))


class GrowingDraft:
    """An answer while it is written: pieces in, pages out when somebody wants to show them."""

    def __init__(self, question: Question, sentences: Sentences) -> None:
        self._question = question
        self._mark = sentences("notes.writing")
        self._pieces: list[str] = []

    def add(self, text: str) -> None:
        """Take the next piece of text."""
        self._pieces.append(text)

    @property
    def text(self) -> str:
        """Everything so far, byte for byte."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def pages(self) -> tuple[str, ...]:
        """Return what to show now, marked unfinished; JSON as code."""
        text = self.text
        if self._question.options.json:
            # The fence stays open: what comes next goes on in it. One in the text would close it.
            text = "```json\n" + text.lstrip().replace("```", "`\u200b``")
        else:
            text = without_growing_wish(text)
        return lay_out_unfinished(
            text, header=_header(self._question), mark=self._mark, max_pages=_max_pages(self._question)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a member should know about an answer.

    ``replaced_model`` is set when a model was asked for that has been shut down, ``violation`` when the answer is not
    the JSON that was asked for, ``left_out_others`` when what others said earlier did not go along. ``is_kept`` is
    unset when the conversation was reset while the answer was written, or went on from the one that this answer was to
    replace. ``blind``: the model sees no pictures; ``lost_pictures`` are the names of those that could not be sent.
    """

    replaced_model: str | None = None
    violation: Violation | None = None
    left_out_others: bool = False
    is_kept: bool = True
    blind: bool = False
    lost_pictures: Sequence[str] = ()


def compose_answer(
    question: Question,
    answer: Answer,
    sentences: Sentences,
    circumstances: Circumstances = Circumstances(),
) -> Reply:
    """Return the pages of an answer, with one small line for everything the member should know about it."""
    # What would go on with half of a JSON text is asked for as JSON too: it would begin anew.
    is_talk = question.conversation is not None and not question.options.json
    goes_on = is_talk and circumstances.is_kept and answer.end_reason in CUT
    notes = _before_the_end(question, answer, sentences, circumstances)
    if answer.end_reason is not EndReason.STOP:
        notes.append(sentences(f"notes.{answer.end_reason.value}"))
    if goes_on:
        notes.append(sentences("notes.go_on"))
    if circumstances.violation is not None:
        notes.append(_violation_note(circumstances.violation, sentences))
    header, footer = _header(question), "\n".join(notes)
    wish, body = None, bare_json(answer.text)
    if question.options.json and body and is_json(body):
        pages = lay_out_json(body, header=header, footer=footer)
    else:
        text = answer.text
        if is_talk:
            text, wish = parted(text)
            text = text or sentences("replies.draw_offer")
        file_note = sentences("notes.whole_in_file")
        pages = lay_out(text, header=header, footer=footer, file_note=file_note, max_pages=_max_pages(question))
    pages = _with_transcript(question, pages)
    return Reply(ReplyKind.ANSWER, pages, incomplete=goes_on, draws=circumstances.is_kept and wish is not None)


def _before_the_end(
    question: Question, answer: Answer, sentences: Sentences, circumstances: Circumstances
) -> list[str]:
    """Return the notes about how an answer came about; those about how it ends come after them."""
    notes = []
    if circumstances.replaced_model is not None:
        notes.append(sentences("notes.replaced_model", asked=circumstances.replaced_model, model=answer.model))
    notes += [
        sentences("notes.file_cut", name=f"`{file.name}`", chars=f"{len(file.text):,}")
        for file in question.attachments
        if isinstance(file, AttachedText) and file.cut
    ]
    if circumstances.blind:
        notes.append(sentences("notes.blind", model=answer.model))
    notes += [sentences("notes.lost_picture", name=f"`{name}`") for name in circumstances.lost_pictures]
    # A cap is always sent; only a member who set it wants to know that it did not count.
    unset = {"schema"} if question.options.max_tokens else {"schema", "max_tokens"}
    ignored = [option for option in answer.ignored_options if option not in unset]
    if ignored:
        notes.append(sentences("notes.ignored_options", model=answer.model, options=", ".join(ignored)))
    if "schema" in answer.ignored_options:
        notes.append(sentences("notes.schema_in_words", model=answer.model))
    if circumstances.left_out_others:
        notes.append(sentences("notes.left_out_others"))
    if not circumstances.is_kept:
        notes.append(sentences("notes.unkept"))
    return notes


def _violation_note(violation: Violation, sentences: Sentences) -> str:
    if violation == NOT_JSON:
        return sentences("notes.invalid_json")
    if violation == UNCHECKED:
        return sentences("notes.unchecked_schema")
    return sentences("notes.invalid_schema", path=f"`{violation.path}`", rule=f"`{violation.rule}`")


def compose_unsaved(question: Question, text: str, error_id: str, sentences: Sentences) -> Reply:
    """Return an answer that is shown but could not be stored: it is no part of the conversation."""
    footer = f"{sentences('notes.unsaved')}\n{sentences('notices.error_id', error_id=error_id)}"
    shown = parted(text)[0] or sentences("replies.draw_offer")
    pages = lay_out(shown, header=_header(question), footer=footer, max_pages=_max_pages(question))
    return Reply(ReplyKind.NOTICE, pages)


def compose_notice(question: Question, error: ParleyError, error_id: str, sentences: Sentences) -> Reply:
    """Return the one message that tells a member about a failure.

    An interaction's question is shown nowhere else, so the notice quotes it: it is not lost.
    """
    notice = sentences.notice(error, error_id)
    if question.restores is not None:
        # The new answer failed where the old one is shown: that one comes back whole.
        text, wish = parted(question.restores)
        shown = text or sentences("replies.draw_offer")
        pages = lay_out(shown, header=_header(question), footer=notice, max_pages=_max_pages(question))
        return Reply(ReplyKind.NOTICE, pages, incomplete=question.restores_cut, draws=wish is not None)
    if question.text and (question.route.application_id is not None or question.heard):
        notice = f"{quote_block(question.text, _shown_chars(question))}\n{notice}"
    pages = _with_transcript(question, (Page(notice),))
    return Reply(ReplyKind.NOTICE, pages, retryable=error.retryable)
