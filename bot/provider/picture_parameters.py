"""The parameters of one request for pictures, which shrink as the server refuses them."""

from __future__ import annotations

import re
from typing import Any

from bot.core.pictures.formats import ENDINGS
from bot.core.pictures.ports import PictureRequest
from bot.core.ports.files import Picture
from bot.provider.parameters import REFUSED_CODES, REFUSED_PROSE
from bot.provider.translate import Failure

KEPT = frozenset({"model", "prompt", "image", "mask"})
# What a member can set, by its name in the request.
PUBLIC_NAMES = {
    "size": "size",
    "quality": "quality",
    "style": "style",
    "background": "background",
    "output_format": "format",
    "n": "n",
}
# A variation takes these and no others.
OF_VARIATIONS = frozenset({"model", "image", "n", "size", "response_format"})
TOGETHER = {"stream": ("partial_images",)}  # the second makes no sense without the first
UNSUPPORTED_VALUE = "unsupported_value"


class PictureParameters:
    """The parameters of one request by their names on the wire."""

    def __init__(self, request: PictureRequest, *, openai: bool) -> None:
        values: dict[str, Any] = {
            "model": request.model,
            "prompt": request.prompt,
            "n": request.count if request.count > 1 else None,
            "size": request.size,
            "quality": request.quality,
            "style": request.style,
            "background": request.background,
            "output_format": request.file_format,
            "response_format": "b64_json" if request.contract == "dall-e" else None,
        }
        if request.partials:
            values |= {"stream": True, "partial_images": request.partials}
        if openai and request.contract == "gpt-image":
            values["safety_identifier"] = request.member_hash  # other servers may refuse a key that they do not know
        if request.pictures:
            files = [_file(picture) for picture in request.pictures]
            values["image"] = files if len(files) > 1 else files[0]
        if request.mask is not None:
            values["mask"] = _file(request.mask, "mask")
        self._values = {name: value for name, value in values.items() if value is not None}
        self.ignored_options: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What is sent, and can be left out."""
        return tuple(name for name in self._values if name not in KEPT)

    @property
    def body(self) -> dict[str, Any]:
        """What to send for pictures that are made or edited."""
        edit = "image" in self._values
        # Edits have no style; it stands in the prompt, or nowhere.
        return {name: value for name, value in self._values.items() if not (edit and name == "style")}

    @property
    def of_variation(self) -> dict[str, Any]:
        """What to send to the endpoint for variations."""
        return {name: value for name, value in self._values.items() if name in OF_VARIATIONS}

    @property
    def streams(self) -> bool:
        """Whether unfinished pictures are asked for."""
        return "stream" in self._values

    def leave_out(self, name: str) -> None:
        """Send a parameter no more."""
        for gone in (name, *TOGETHER.get(name, ())):
            self._values.pop(gone, None)
        public = PUBLIC_NAMES.get(name)
        if public is not None and public not in self.ignored_options:
            self.ignored_options += (public,)

    def unknown_to_server(self, failure: Failure) -> str | None:
        """Return the parameter that the server does not know for this model; ``None`` when it is not about one."""
        if failure.status not in (400, 422):
            return None
        unknown = failure.words & (REFUSED_CODES - {UNSUPPORTED_VALUE})
        in_words = failure.code is None and REFUSED_PROSE.search(failure.message)
        return self._named(failure, self.names) if unknown or in_words else None

    def refused_option(self, failure: Failure) -> str | None:
        """Return the member's option whose value the server refuses, by its public name."""
        if failure.status not in (400, 422):
            return None
        name = self._named(failure, tuple(name for name in self.names if name in PUBLIC_NAMES))
        return None if name is None else PUBLIC_NAMES[name]

    @staticmethod
    def _named(failure: Failure, names: tuple[str, ...]) -> str | None:
        if failure.param is not None:
            return failure.param if failure.param in names else None
        found = re.search(rf"\b({'|'.join(map(re.escape, names))})\b", failure.message) if names else None
        return found[1] if found else None


def _file(picture: Picture, name: str = "picture") -> tuple[str, bytes, str]:
    # The API tells the format by the name; the member's own name is none of its business.
    ending = ENDINGS.get(picture.mime.removeprefix("image/"), "png")
    return f"{name}.{ending}", picture.content, picture.mime
