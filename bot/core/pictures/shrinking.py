"""Replies whose pictures Discord finds too large: the same with smaller ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from bot.core.conversation import Page, Reply, ReplyFile
from bot.core.pictures.formats import ENDINGS, kind_of_picture
from bot.core.pictures.ports import Workshop
from bot.core.sentences import Sentences

PARTS = (2, 4, 8)  # of its largest picture a reply may keep a half, then a quarter, then an eighth


class SmallerReplies:
    """Makes the pictures of a reply smaller. Implements ``Smaller``."""

    def __init__(self, workshop: Workshop, sentences: Sentences) -> None:
        self._workshop = workshop
        self._sentences = sentences

    async def __call__(self, reply: Reply) -> AsyncIterator[Reply]:
        """Give the reply with smaller and smaller pictures; nothing when it has none."""
        largest = max((len(file.content) for page in reply.pages for file in page.files if _kind(file)), default=0)
        for part in PARTS if largest else ():
            pages = [await self._page(page, largest // part) for page in reply.pages]
            if (smaller := replace(reply, pages=tuple(pages))) != reply:
                yield smaller

    async def _page(self, page: Page, limit_bytes: int) -> Page:
        files, kinds = [], []
        for file in page.files:
            smaller = None
            if _kind(file) and len(file.content) > limit_bytes:
                smaller = await self._workshop.smaller(file.content, limit_bytes=limit_bytes)
            if smaller is None:
                files.append(file)
                continue
            kinds.append(smaller.kind)
            name = f"{file.name.rpartition('.')[0]}.{ENDINGS[smaller.kind]}"
            files.append(replace(file, name=name, content=smaller.content))
        if not kinds:
            return page
        note = self._sentences("pictures.smaller", count=len(kinds), kind=kinds[-1].upper())
        return replace(page, content=f"{page.content}\n{note}".strip(), files=tuple(files))


def _kind(file: ReplyFile) -> str | None:
    return kind_of_picture(file.content)
