"""Pictures made square, or smaller, in a child process: whoever decodes a picture pays for its pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bot.core.errors.files import FileProblem, FileRefused
from bot.core.pictures.formats import kind_of_picture
from bot.core.pictures.ports import Encoded
from bot.core.ports.files import Picture
from bot.reading.children import Children, JobFailed

JOB_SECONDS: Final = 30.0
JOBS_SIDE_BY_SIDE: Final = 2  # each may take a processor and some hundred MiB
SQUARE_BYTES: Final = 4_000_000  # below this (OpenAI: images.create_variation)
EDGES_AT: Final = slice(16, 24)  # width and height in a PNG's first chunk


class PictureWorkshop:
    """Implements ``Workshop``."""

    def __init__(self, *, job_seconds: float = JOB_SECONDS) -> None:
        self._job_seconds = job_seconds
        self._children = Children(JOBS_SIDE_BY_SIDE)

    async def as_png(self, picture: Picture, *, square: bool) -> Picture:
        """Return a picture as a PNG; raises ``FileRefused``."""
        made = await self._job("square" if square else "png", SQUARE_BYTES, picture.content)
        if made is None:
            raise FileRefused(FileProblem.PICTURE_BROKEN, number=1)
        edges = made[EDGES_AT]
        width, height = int.from_bytes(edges[:4]), int.from_bytes(edges[4:])
        return replace(picture, mime="image/png", width=width, height=height, content=made)

    async def smaller(self, content: bytes, *, limit_bytes: int) -> Encoded | None:
        """Return a picture within a size; ``None`` when that cannot be done."""
        made = await self._job("smaller", limit_bytes, content)
        kind = None if made is None else kind_of_picture(made)
        return None if made is None or kind is None else Encoded(kind, made)

    async def _job(self, name: str, limit_bytes: int, given: bytes) -> bytes | None:
        arguments = ("bot.reading.drawing", name, str(limit_bytes))
        try:
            return await self._children.run(*arguments, given=given, seconds=self._job_seconds)
        except (JobFailed, TimeoutError):
            return None
