"""What the real images endpoints refuse, refused the same way: status, code, type, param."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.sandbox.standin.bodies import Upload
from bot.sandbox.standin.models import PictureCard, picture_card
from bot.sandbox.standin.painting import edges
from bot.sandbox.standin.refusals import Refusal, invalid, not_offered

PROMPT_CHARS = 32_000
STANDARD_SIZES = ("1024x1024", "1536x1024", "1024x1536", "auto")
SIZE = re.compile(r"(\d+)x(\d+)")
UPLOADS = 16
UPLOAD_BYTES = 50 * 1024 * 1024
PNG_BYTES = 4 * 1024 * 1024

OF_BOTH = frozenset({"prompt", "model", "n", "size", "quality", "user"})
OF_DALL_E = OF_BOTH | {"response_format"}
OF_GPT_IMAGE = OF_BOTH | {
    "background", "moderation", "output_compression", "output_format", "partial_images", "safety_identifier", "stream",
}  # fmt: skip
NOT_OFFERED = frozenset({"complexity", "frame_count", "frame_duration_ms", "svg", "markup"})
FILES = frozenset({"image", "image[]", "mask"})
BLOCKED = "[block]"  # in a prompt, like in a chat


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that the API takes. ``width`` and ``height``: what is to be drawn."""

    card: PictureCard
    prompt: str
    count: int
    width: int
    height: int
    quality: str
    form: str
    transparent: bool
    partials: int | None  # streamed before the finished picture; without streaming ``None``
    as_url: bool
    style: str | None
    pictures: tuple[bytes, ...] = ()
    mask: bytes | None = None


def check_images(body: Any, action: str) -> Asked:
    """Return what is asked for; raise the refusal of a request that the API does not take.

    ``action``: generations, edits or variations.
    """
    if not isinstance(body, dict):
        raise Refusal("The body of the request is neither a JSON object nor a form.")
    given = {name: value for name, value in body.items() if value is not None}
    if not isinstance(given.get("model"), str):
        raise Refusal("You must provide a model parameter.")
    card = picture_card(given["model"])
    _check_action(card, action)
    _check_names(given, card, action)
    prompt = "" if action == "variations" else _prompt(given)
    if card.contract == "gpt-image":
        width, height = _free_size(given, card)
        _check_gpt_image(given)
    else:
        width, height = _listed_size(given, card)
        if given.get("response_format", "url") not in ("url", "b64_json"):
            raise invalid("response_format", "supported values are: 'url' and 'b64_json'.")
    quality = str(given.get("quality", card.qualities[0]))
    if quality not in card.qualities:
        names = ", ".join(f"'{one}'" for one in card.qualities)
        raise invalid("quality", f"'{quality}'. Supported values are: {names}.")
    style = given.get("style")
    if style not in (None, "vivid", "natural"):
        raise invalid("style", "supported values are: 'vivid' and 'natural'.")
    pictures, mask = _uploads(given, card) if action != "generations" else ((), None)
    return Asked(
        card=card,
        prompt=prompt,
        count=_number(given, "n", 1, card.most_pictures, 1),
        width=width,
        height=height,
        quality=quality,
        form=str(given.get("output_format", "png")),
        transparent=given.get("background") == "transparent",
        partials=_number(given, "partial_images", 0, 3, 0) if _is_on(given.get("stream")) else None,
        as_url=card.contract == "dall-e" and given.get("response_format", "url") == "url",
        style=style,
        pictures=pictures,
        mask=mask,
    )


def _check_action(card: PictureCard, action: str) -> None:
    if action == "edits" and not card.edits:
        raise invalid("model", f"'{card.name}' cannot be used with this endpoint.")
    if action == "variations" and not card.variations:
        raise invalid("model", f"'{card.name}' cannot be used with this endpoint.")


def _check_names(given: Mapping[str, Any], card: PictureCard, action: str) -> None:
    known = set(OF_GPT_IMAGE if card.contract == "gpt-image" else OF_DALL_E)
    if card.styles and action == "generations":
        known.add("style")
    if action != "generations":
        known |= FILES
    if action == "edits" and card.contract == "gpt-image":
        known.add("input_fidelity")
    if action == "variations":
        known = {"model", "n", "size", "response_format", "user", "image"}
    for name in given:
        if name in NOT_OFFERED:
            raise not_offered(name)
        if name not in known:
            raise Refusal(f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)


def _prompt(given: Mapping[str, Any]) -> str:
    prompt = given.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise Refusal("Missing required parameter: 'prompt'.", code="missing_required_parameter", param="prompt")
    if len(prompt) > PROMPT_CHARS:
        sentence = f"expected a string with maximum length {PROMPT_CHARS}."
        raise invalid("prompt", sentence, "string_above_max_length")
    if BLOCKED in prompt.lower():
        raise Refusal(
            "Your request was rejected by the safety system: the prompt holds the word for it.",
            code="moderation_blocked",
            type="image_generation_user_error",
        )
    return prompt


def _check_gpt_image(given: Mapping[str, Any]) -> None:
    form = given.get("output_format", "png")
    if form in ("gif", "svg"):
        raise not_offered("output_format")
    if form not in ("png", "webp", "jpeg"):
        raise invalid("output_format", "supported values are: 'png', 'webp', and 'jpeg'.")
    background = given.get("background", "auto")
    if background not in ("transparent", "opaque", "auto"):
        raise invalid("background", "supported values are: 'transparent', 'opaque', and 'auto'.")
    if background == "transparent" and form == "jpeg":
        raise invalid("background", "transparent backgrounds are not supported for the 'jpeg' output format.")
    if "output_compression" in given and form == "png":
        raise invalid("output_compression", "it is only supported for 'webp' and 'jpeg'.")
    if "partial_images" in given and not _is_on(given.get("stream")):
        raise invalid("partial_images", "it is only allowed when 'stream' is true.")


def _free_size(given: Mapping[str, Any], card: PictureCard) -> tuple[int, int]:
    size = str(given.get("size", "auto"))
    if size == "auto":
        return 1024, 1024
    found = SIZE.fullmatch(size)
    if found is None:
        raise invalid("size", f"'{size}'. Use WIDTHxHEIGHT or 'auto'.")
    width, height = int(found[1]), int(found[2])
    if size in STANDARD_SIZES:
        return width, height
    if not card.free_sizes:
        names = ", ".join(f"'{one}'" for one in STANDARD_SIZES)
        raise invalid("size", f"'{size}'. Supported values are: {names}.")
    if width % 16 or height % 16:
        raise invalid("size", f"'{size}'. Width and height must both be divisible by 16.")
    long, short = max(width, height), min(width, height)
    if short == 0 or long > 3 * short or long > 3840 or short > 2160:
        raise invalid("size", f"'{size}'. The ratio is at most 3:1, the largest size 3840x2160.")
    return width, height


def _listed_size(given: Mapping[str, Any], card: PictureCard) -> tuple[int, int]:
    size = str(given.get("size", "1024x1024"))
    if size not in card.sizes:
        names = ", ".join(f"'{one}'" for one in card.sizes)
        raise invalid("size", f"'{size}'. Supported values are: {names}.")
    width, _, height = size.partition("x")
    return int(width), int(height)


def _uploads(given: Mapping[str, Any], card: PictureCard) -> tuple[tuple[bytes, ...], bytes | None]:
    value = given.get("image[]", given.get("image"))
    files = value if isinstance(value, list) else [] if value is None else [value]
    if not files:
        raise Refusal("Missing required parameter: 'image'.", code="missing_required_parameter", param="image")
    most = UPLOADS if card.contract == "gpt-image" else 1
    if len(files) > most:
        raise invalid("image", f"expected at most {most}.")
    sizes = [_upload_size("image", file, card) for file in files]
    mask = given.get("mask")
    if mask is None:
        return tuple(file.content for file in files), None
    width, height, form = _size_of("mask", mask)
    if form != "PNG" or len(mask.content) > PNG_BYTES:
        raise invalid("mask", "it must be a PNG of less than 4 MB.", "invalid_image")
    if (width, height) != sizes[0]:
        raise invalid("mask", "it must have the same size as the image.", "invalid_image")
    return tuple(file.content for file in files), mask.content


def _upload_size(name: str, file: object, card: PictureCard) -> tuple[int, int]:
    width, height, form = _size_of(name, file)
    content = file.content if isinstance(file, Upload) else b""
    if card.contract == "dall-e" and (form != "PNG" or width != height or len(content) > PNG_BYTES):
        raise invalid(name, "it must be a square PNG of less than 4 MB.", "invalid_image")
    if len(content) > UPLOAD_BYTES:
        raise invalid(name, "it must be smaller than 50 MB.", "invalid_image")
    return width, height


def _size_of(name: str, file: object) -> tuple[int, int, str]:
    if not isinstance(file, Upload):
        raise invalid(name, "expected a file.", "invalid_type")
    try:
        found = edges(file.content)
    except ValueError:
        raise invalid(name, "it is not a picture in PNG, WebP or JPEG.", "invalid_image") from None
    ending = file.file_name.rpartition(".")[2]
    if {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}.get(ending) != found[2]:
        raise invalid(name, f"unsupported file name '.{ending}' for what it is.", "invalid_image")
    return found


def _number(given: Mapping[str, Any], name: str, low: int, high: int, default: int) -> int:
    value = given.get(name, default)
    if isinstance(value, str) and re.fullmatch(r"\d{1,3}", value):
        value = int(value)  # of a form
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(name, "expected an integer.", "invalid_type")
    if value < low:
        raise invalid(name, f"expected a value >= {low}, but got {value} instead.", "integer_below_min_value")
    if value > high:
        raise invalid(name, f"expected a value <= {high}, but got {value} instead.", "integer_above_max_value")
    return value


def _is_on(value: object) -> bool:
    return value is True or value == "true"
