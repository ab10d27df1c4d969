"""Pictures of earlier messages: kept for a moment in memory, fetched again by their message, never on a disk."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from bot.core.conversation import PictureSource
from bot.core.errors.files import FileRefused
from bot.core.limits import KEPT_PICTURES_BYTES
from bot.core.ports.files import AttachedFile, Picture

log = logging.getLogger(__name__)

FindFile: TypeAlias = Callable[[PictureSource], Awaitable[AttachedFile | None]]
ReadPicture: TypeAlias = Callable[[AttachedFile], Awaitable[Picture]]


class PicturesOfMessages:
    """Implements ``EarlierPictures``. ``find`` looks at the message again, for a link that is fresh."""

    def __init__(self, read: ReadPicture, *, limit_bytes: int = KEPT_PICTURES_BYTES) -> None:
        self._read = read
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._kept: OrderedDict[PictureSource, Picture] = OrderedDict()
        self.find: FindFile | None = None

    async def picture(self, source: PictureSource) -> Picture | None:
        """Return a picture; ``None`` when it is gone or cannot be used any more."""
        if source in self._kept:
            self._kept.move_to_end(source)
            return self._kept[source]
        file = None if self.find is None else await self.find(source)
        if file is None:
            return None
        try:
            picture = await self._read(file)
        except FileRefused as refused:
            log.info("an earlier picture was not read", extra={"problem": refused.problem.value})
            return None
        self.keep(source, picture)
        return picture

    def keep(self, source: PictureSource, picture: Picture) -> None:
        """Keep a picture as long as there is room; the one that was not asked for the longest goes first."""
        self._drop(source)
        self._kept[source] = picture
        self._bytes += len(picture.content)
        while self._bytes > self._limit_bytes:
            self._drop(next(iter(self._kept)))

    def forget(self, message_id: int) -> None:
        """Keep nothing of a message that was changed or deleted."""
        for source in [source for source in self._kept if source.message_id == message_id]:
            self._drop(source)

    def _drop(self, source: PictureSource) -> None:
        dropped = self._kept.pop(source, None)
        if dropped is not None:
            self._bytes -= len(dropped.content)
