"""What work with pictures needs from outside, as protocols and plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from bot.core.pictures.models import Contract
from bot.core.ports.files import Picture
from bot.core.ports.money import MediaUsage
from bot.core.tasks import PictureAction

ShowPartial = Callable[[bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRequest:
    """One call. What is ``None`` is not sent.

    ``by_variations``: the endpoint for variations is asked first, and edits with the prompt where there is none.
    ``partials``: how many unfinished pictures are streamed before the finished one; 0 asks without streaming.
    """

    action: PictureAction
    model: str
    prompt: str
    count: int
    contract: Contract
    size: str | None = None
    quality: str | None = None
    style: str | None = None
    background: str | None = None
    file_format: str | None = None
    partials: int = 0
    pictures: tuple[Picture, ...] = ()
    mask: Picture | None = None
    by_variations: bool = False
    member_hash: str | None = None


@dataclass(frozen=True, slots=True)
class MadePictures:
    """What a call gave. ``usage`` is ``None`` where the server returned none.

    ``ignored_options``: the member's options that the server refused and that were left out, by their public names.
    """

    contents: tuple[bytes, ...] = field(repr=False)
    usage: MediaUsage | None
    ignored_options: tuple[str, ...] = ()
    request_id: str | None = None


class PictureMaker(Protocol):
    """Makes pictures."""

    @property
    def is_openai(self) -> bool:
        """Whether this is OpenAI's own server."""
        ...

    async def make(self, request: PictureRequest, show_partial: ShowPartial) -> MadePictures:
        """Return the pictures; ``show_partial`` gets each unfinished one. Raises a ``ProviderError``.

        The request is made once: only a connection that was never made, and parameters that the server refuses before
        it works, are tried again.
        """
        ...


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture as it is sent. ``kind``: png, jpeg, webp or gif."""

    kind: str
    content: bytes = field(repr=False)


class Workshop(Protocol):
    """Changes pictures where it can hurt nobody."""

    async def as_png(self, picture: Picture, *, square: bool) -> Picture:
        """Return a picture as a PNG; ``square``: below 4 MB too, with nothing cut off. Raises ``FileRefused``."""
        ...

    async def smaller(self, content: bytes, *, limit_bytes: int) -> Encoded | None:
        """Return a picture within a size; ``None`` when that cannot be done."""
        ...
