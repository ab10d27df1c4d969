"""Why a file that came along is not read."""

from __future__ import annotations

from enum import StrEnum

from bot.core.errors import ParleyError


class FileProblem(StrEnum):
    """Why a file is not read. Each has a sentence of its own."""

    UNREADABLE = "file_unreadable"
    TOO_MANY = "file_too_many"
    TOO_LARGE = "file_too_large"
    GONE = "file_gone"  # an expired link, a host that is not Discord's, no connection
    EMPTY = "file_empty"
    PICTURE = "file_picture"
    SOUND = "file_sound"
    ARCHIVE = "file_archive"
    NOT_TEXT = "file_not_text"
    PDF_LOCKED = "file_pdf_locked"
    PDF_WITHOUT_TEXT = "file_pdf_without_text"
    PDF_BROKEN = "file_pdf_broken"
    PICTURE_TYPE = "picture_type"
    PICTURE_WEB_PAGE = "picture_web_page"
    PICTURE_BYTES = "picture_bytes"
    PICTURE_PIXELS = "picture_pixels"
    PICTURE_BROKEN = "picture_broken"
    PICTURE_ANIMATED = "picture_animated"
    PICTURE_CMYK = "picture_cmyk"
    PICTURE_HEIC = "picture_heic"
    PICTURE_TOO_MANY = "picture_too_many"
    PICTURES_BYTES = "pictures_bytes"
    MASK_TYPE = "mask_type"
    MASK_SIZE = "mask_size"
    MASK_BYTES = "mask_bytes"
    MASK_OPAQUE = "mask_opaque"
    SOUND_NOT_SOUND = "sound_not_sound"
    SOUND_FORMAT = "sound_format"
    SOUND_BROKEN = "sound_broken"
    SOUND_EMPTY = "sound_empty"
    SOUND_SILENT = "sound_silent"
    SOUND_TOO_LONG = "sound_too_long"
    SOUND_TOO_LARGE = "sound_too_large"
    SCHEMA_NOT_JSON = "schema_not_json"
    SCHEMA_NOT_OBJECT = "schema_not_object"
    SCHEMA_TOO_LARGE = "schema_too_large"  # in what it means: nested, branched or repeated too much
    SCHEMA_REFERENCE = "schema_reference"
    SCHEMA_PATTERN = "schema_pattern"
    SCHEMA_INVALID = "schema_invalid"


class FileRefused(ParleyError):
    """A file is not read, and the question is not answered without it; nothing has been paid for."""

    code = "file_refused"

    def __init__(self, problem: FileProblem = FileProblem.UNREADABLE, **fields: str | int) -> None:
        super().__init__(problem.value, **fields)
        self.problem = problem

    @property
    def sentence_key(self) -> str:
        """The key of the problem's sentence."""
        return f"errors.{self.problem.value}"
