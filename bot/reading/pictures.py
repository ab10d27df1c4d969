"""The pictures of one question or task: fetched with limits, and looked at from outside only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from bot.core.attachments import safe_file_name
from bot.core.conversation import AttachedPicture, PictureSource
from bot.core.errors.files import FileProblem, FileRefused
from bot.core.limits import MASK_BYTES, PICTURE_BYTES, PICTURES
from bot.core.ports.files import AttachedFile, FetchFile, FilesRead, Picture
from bot.reading.headers import PictureHeader, read_header

ENDINGS: Final = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp"}


class AttachedPictures:
    """Pictures, and perhaps the mask that says where the first one is to be edited. Implements ``FileReader``."""

    def __init__(self, fetch: FetchFile, attachments: Sequence[AttachedFile], mask: AttachedFile | None) -> None:
        self._fetch = fetch
        self._attachments = attachments
        self._mask = mask

    async def size_bytes(self) -> int:
        """Return the size of all that are fetched."""
        files = self._attachments if self._mask is None else (*self._attachments, self._mask)
        return sum(file.size for file in files if file.size <= PICTURE_BYTES)

    async def read(self) -> FilesRead:
        """Fetch and check them; raises ``FileRefused`` with the first one that cannot be used."""
        if len(self._attachments) > PICTURES:
            raise FileRefused(FileProblem.PICTURE_TOO_MANY, limit=PICTURES)
        pictures: list[Picture] = []
        for number, file in enumerate(self._attachments, 1):
            try:
                pictures.append((await fetched_picture(self._fetch, file))[0])
            except FileRefused as refused:
                raise FileRefused(refused.problem, number=number) from None
        mask = None if self._mask is None else await self._checked_mask(self._mask, pictures)
        return FilesRead(pictures=tuple(pictures), mask=mask)

    async def _checked_mask(self, file: AttachedFile, pictures: Sequence[Picture]) -> Picture:
        try:
            mask, header = await fetched_picture(self._fetch, file)
        except FileRefused as refused:
            of_type = (FileProblem.PICTURE_TYPE, FileProblem.PICTURE_HEIC, FileProblem.PICTURE_CMYK)
            problem = FileProblem.MASK_TYPE if refused.problem in of_type else refused.problem
            raise FileRefused(problem, number=len(pictures) + 1) from None
        if header.mime != "image/png":
            raise FileRefused(FileProblem.MASK_TYPE)
        if len(mask.content) >= MASK_BYTES:
            raise FileRefused(FileProblem.MASK_BYTES)
        if pictures and (mask.width, mask.height) != (pictures[0].width, pictures[0].height):
            raise FileRefused(FileProblem.MASK_SIZE, width=pictures[0].width, height=pictures[0].height)
        if not header.has_alpha:
            raise FileRefused(FileProblem.MASK_OPAQUE)
        return mask


async def fetched_picture(fetch: FetchFile, file: AttachedFile) -> tuple[Picture, PictureHeader]:
    """Return a picture that may be sent, and its header; raises ``FileRefused`` without a number."""
    if file.size > PICTURE_BYTES:
        raise FileRefused(FileProblem.PICTURE_BYTES)
    try:
        content = await fetch(file, limit_bytes=PICTURE_BYTES)
    except FileRefused as refused:
        large = refused.problem is FileProblem.TOO_LARGE
        raise FileRefused(FileProblem.PICTURE_BYTES if large else refused.problem) from None
    return await checked_picture(file.filename, content)


async def checked_picture(filename: str, content: bytes) -> tuple[Picture, PictureHeader]:
    """Return the picture that bytes are, named as what they are; raises ``FileRefused`` without a number."""
    if len(content) > PICTURE_BYTES:
        raise FileRefused(FileProblem.PICTURE_BYTES)
    # A walk through 20 MiB of hostile bytes takes long enough to be no business of the loop.
    header = await asyncio.to_thread(read_header, content)
    name = safe_file_name(filename)
    stem, dot, ending = name.rpartition(".")
    name = f"{stem if dot and len(ending) <= 4 else name}.{ENDINGS[header.mime]}"
    return Picture(name, header.mime, header.width, header.height, content), header


def described(picture: Picture, source: PictureSource | None, *, quoted: bool = False) -> AttachedPicture:
    """Return what is kept of a picture."""
    kind = picture.mime.removeprefix("image/").upper()
    return AttachedPicture(picture.name, kind, len(picture.content), picture.width, picture.height, source, quoted)
