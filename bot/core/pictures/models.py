"""What a picture model takes, as a part of its row in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

Contract = Literal["gpt-image", "dall-e"]
Count = Annotated[int, Field(ge=1, le=16)]
Tokens = Annotated[int, Field(ge=0)]

SQUARE_PIXELS = 1024 * 1024  # what ``output_tokens`` are about


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureModel:
    """What a picture model takes. The defaults describe a model of any server that speaks the dall-e contract.

    ``contract``: dall-e answers with a URL unless ``response_format`` says otherwise; gpt-image always with the bytes.
    ``sizes``, ``qualities``: nothing listed means that whatever is asked for is sent. ``free_sizes``: beside the sizes
    that are listed, any whose edges are multiples of 16. ``quality``: what is sent when nobody chose. ``styles``,
    ``backgrounds``, ``formats``: whether the parameters exist. ``pictures_per_call``: more are asked for side by side.
    ``inputs``: how many pictures an edit takes, 0 for a model that cannot edit. ``output_tokens``: of one picture of
    1024x1024, by quality, for the worst case.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    contract: Contract = "dall-e"
    sizes: tuple[str, ...] = ()
    free_sizes: bool = False
    qualities: tuple[str, ...] = ()
    quality: str | None = None
    styles: bool = False
    backgrounds: bool = False
    formats: bool = False
    pictures_per_call: Count = 4
    streams: bool = False
    inputs: Annotated[int, Field(ge=0, le=16)] = 1
    variations: bool = True
    output_tokens: Mapping[str, Tokens] = field(default_factory=dict)

    @property
    def most_output_tokens(self) -> int:
        """The tokens of the dearest quality; 0 where they are not known."""
        return max(self.output_tokens.values(), default=0)


ANY_SERVERS = PictureModel()
