"""Pictures made square, or smaller, in a child process: whoever decodes a picture pays for its pixels."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from bot.core.errors import FileProblem, FileRefused
from bot.core.pictures.formats import kind_of_picture
from bot.core.pictures.ports import Encoded
from bot.core.ports import Picture

log = logging.getLogger(__name__)

ROOT: Final = Path(__file__).parents[2]
JOB_SECONDS: Final = 30.0
JOBS_SIDE_BY_SIDE: Final = 2  # each may take a processor and some hundred MiB
SQUARE_BYTES: Final = 4_000_000  # below this (OpenAI: images.create_variation)
EDGES_AT: Final = slice(16, 24)  # width and height in a PNG's first chunk


class PictureWorkshop:
    """Implements ``Workshop``."""

    def __init__(self, *, job_seconds: float = JOB_SECONDS) -> None:
        self._job_seconds = job_seconds
        self._places = asyncio.Semaphore(JOBS_SIDE_BY_SIDE)

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
        # Shielded: whoever gives up waiting, the place is free again only when the child has ended.
        job = asyncio.create_task(self._placed(name, limit_bytes, given))
        job.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return await asyncio.shield(job)

    async def _placed(self, name: str, limit_bytes: int, given: bytes) -> bytes | None:
        async with self._places:
            return await asyncio.to_thread(self._run, name, limit_bytes, given)

    def _run(self, name: str, limit_bytes: int, given: bytes) -> bytes | None:
        try:
            ended = subprocess.run(  # noqa: S603 - our own module, and arguments of our own
                [sys.executable, "-s", "-m", "bot.reading.drawing", name, str(limit_bytes)],
                input=given,
                capture_output=True,
                timeout=self._job_seconds,
                cwd=ROOT,
                env={},
                check=False,
            )
        except subprocess.TimeoutExpired:
            log.warning("a picture took too long", extra={"job": name, "bytes": len(given)})
            return None
        if ended.returncode != 0:
            log.info("a picture was not changed", extra={"job": name, "bytes": len(given), "code": ended.returncode})
            return None
        return ended.stdout
