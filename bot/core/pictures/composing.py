"""What a member reads and sees of pictures, growing and finished."""

from __future__ import annotations

import re

from bot.core.composing import SHOWN_QUESTION_CHARS
from bot.core.conversation import Page, Question, Reply, ReplyFile, ReplyKind
from bot.core.limits import ALT_TEXT_CHARS, UPLOAD_FILE_BYTES
from bot.core.pages import quote_block
from bot.core.pictures.formats import ENDINGS, kind_of_picture
from bot.core.pictures.mapping import Change
from bot.core.pictures.ports import Encoded
from bot.core.ports.clock import Clock
from bot.core.sentences import Sentences

UNFINISHED = "unfinished"


class GrowingPicture:
    """A draft: for how long it has been worked on, how many are finished, and the newest unfinished picture."""

    def __init__(self, question: Question, sentences: Sentences, clock: Clock) -> None:
        self._question = question
        self._sentences = sentences
        self._clock = clock
        self._began_at_seconds = clock.perf_seconds()
        self._partial: bytes | None = None
        self._finished = 0
        self._expected = 1

    def expect(self, count: int) -> None:
        """Say how many pictures are to come, where they come one by one."""
        self._expected = count

    def count(self, finished: int) -> None:
        """Take note of finished pictures."""
        self._finished += finished

    def add(self, content: bytes) -> None:
        """Take the next unfinished picture, if it can be shown as it is."""
        if len(content) <= (self._question.route.upload_bytes or UPLOAD_FILE_BYTES):
            self._partial = content

    def pages(self) -> tuple[Page, ...]:
        """Return what to show now. An unfinished picture goes along once; it stays until the next one."""
        seconds = round(self._clock.perf_seconds() - self._began_at_seconds)
        line = self._sentences("pictures.working", seconds=seconds)
        if self._finished and self._expected > 1:
            line += self._sentences("pictures.so_far", made=self._finished, count=self._expected)
        content = _above(self._question, line)
        partial, self._partial = self._partial, None
        kind = None if partial is None else kind_of_picture(partial)
        if partial is None or kind is None:
            return (Page(content),)
        spoiler = self._question.task is not None and getattr(self._question.task, "spoiler", False)
        return (Page(content, (ReplyFile(f"{UNFINISHED}.{ENDINGS[kind]}", partial, spoiler=spoiler),)),)


def compose_pictures(
    question: Question, pictures: list[Encoded], notes: list[str], alt_text: str, *, spoiler: bool
) -> Reply:
    """Return the one message that has all pictures."""
    files = tuple(
        ReplyFile(
            f"picture-{number}.{ENDINGS[picture.kind]}",
            picture.content,
            description=numbered(alt_text, number, len(pictures)),
            spoiler=spoiler,
        )
        for number, picture in enumerate(pictures, 1)
    )
    return Reply(ReplyKind.ANSWER, (Page(_above(question, "\n".join(notes)), files),))


def numbered(alt_text: str, number: int, count: int) -> str:
    """Return the alt text of one of several pictures, shortened to what Discord takes."""
    head = f"{number}/{count}: " if count > 1 else ""
    words = re.sub(r"\s+", " ", alt_text).strip()
    room = ALT_TEXT_CHARS - len(head)
    return head + (words if len(words) <= room else f"{words[: room - 1].rstrip()}…")


def change_note(model: str, changes: tuple[Change, ...], ignored: tuple[str, ...], sentences: Sentences) -> str | None:
    """Return the one line about everything that was not done as it was chosen."""
    told = [
        sentences("pictures.left_out", option=change.option, asked=change.chosen)
        if change.sent is None
        else sentences("pictures.changed", option=change.option, asked=change.chosen, made=change.sent)
        for change in changes
    ]
    told += [sentences("pictures.refused", option=option) for option in ignored]
    return sentences("pictures.mapped", model=model, changes=", ".join(told)) if told else None


def _above(question: Question, below: str) -> str:
    header = quote_block(question.text, SHOWN_QUESTION_CHARS) if question.show_question else ""
    return "\n\n".join(part for part in (header, below) if part)
