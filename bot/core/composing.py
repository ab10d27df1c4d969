"""Turns an answer, a growing draft or a failure into what a member reads."""

from __future__ import annotations

import json

from bot.core.conversation import Answer, EndReason, Page, Question, Reply, ReplyKind
from bot.core.errors import ParleyError
from bot.core.limits import REPLY_PAGES
from bot.core.pages import lay_out, lay_out_json, lay_out_unfinished, quote_block
from bot.core.sentences import Sentences

SHOWN_QUESTION_CHARS = 500


def _max_pages(question: Question) -> int:
    return 1 if question.route.single_page else REPLY_PAGES


def _header(question: Question) -> str:
    return quote_block(question.text, SHOWN_QUESTION_CHARS) if question.show_question else ""


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
        """Return what to show now, marked unfinished."""
        return lay_out_unfinished(
            self.text, header=_header(self._question), mark=self._mark, max_pages=_max_pages(self._question)
        )


def compose_answer(question: Question, answer: Answer, sentences: Sentences, *, replaced_model: str | None) -> Reply:
    """Return the pages of an answer, with one small line for everything the member should know about it.

    ``replaced_model`` is set when a model was asked for that has been shut down.
    """
    notes = []
    if replaced_model is not None:
        notes.append(sentences("notes.replaced_model", asked=replaced_model, model=answer.model))
    # A cap is always sent; only a member who set it wants to know that it did not count.
    ignored = [name for name in answer.ignored_options if name != "max_tokens" or question.options.max_tokens]
    if ignored:
        options = ", ".join(ignored)
        notes.append(sentences("notes.ignored_options", model=answer.model, options=options))
    if answer.end_reason is not EndReason.STOP:
        notes.append(sentences(f"notes.{answer.end_reason.value}"))
    if question.options.json and _is_json(answer.text):
        pages = lay_out_json(answer.text, header=_header(question), footer="\n".join(notes))
    else:
        if question.options.json:
            notes.append(sentences("notes.invalid_json"))
        pages = lay_out(answer.text, header=_header(question), footer="\n".join(notes), max_pages=_max_pages(question))
    return Reply(ReplyKind.ANSWER, pages)


def compose_notice(question: Question, error: ParleyError, error_id: str, sentences: Sentences) -> Reply:
    """Return the one message that tells a member about a failure.

    An interaction's question is shown nowhere else, so the notice quotes it: it is not lost.
    """
    notice = sentences.notice(error, error_id)
    if question.route.application_id is not None:
        notice = f"{quote_block(question.text, SHOWN_QUESTION_CHARS)}\n{notice}"
    return Reply(ReplyKind.NOTICE, (Page(notice),), retryable=error.retryable)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
