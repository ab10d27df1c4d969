"""From what a member chose to what a model takes, and what of it had to change."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bot.core.limits import MOST_PICTURES
from bot.core.pictures.models import PictureModel
from bot.core.pictures.ports import PictureRequest
from bot.core.ports.files import FilesRead
from bot.core.tasks import PictureAction, PictureTask

AUTO = "auto"
EDGE_STEP = 16  # pixels; with the following lines from the API's reference of ``size``
MOST_RATIO = 3
MOST_EDGES = (3840, 2160)
PARTIALS = 1  # of the three that the API streams at most: each costs 100 tokens, half of a picture of low quality
SIZE = re.compile(r"(\d{2,5})x(\d{2,5})")

# What comes closest in the other contract's words.
QUALITIES = {"hd": "high", "standard": "medium", "xhigh": "high", "max": "high"}
QUALITIES_OF_DALL_E = {"high": "hd", "xhigh": "hd", "max": "hd", "medium": "standard", "low": "standard"}
STYLES = {
    "vivid": "Style: vivid, dramatic and hyper-real.",
    "natural": "Style: natural and restrained, like an ordinary photograph or drawing.",
}
# What is asked for where a model cannot make variations by itself, and nobody said what to change.
VARY = "Make a variation of this picture: the same subject, mood and style, with another composition and other details."
CHANGE = "Make a variation of this picture, with this change: "


@dataclass(frozen=True, slots=True)
class Change:
    """An option that was sent otherwise than it was chosen. ``sent`` is ``None`` when it was left out."""

    option: str
    chosen: str
    sent: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls to make, side by side, and what had to change."""

    calls: tuple[PictureRequest, ...]
    changes: tuple[Change, ...]

    @property
    def count(self) -> int:
        """How many pictures are asked for in all."""
        return sum(call.count for call in self.calls)


def plan_pictures(
    model: str, takes: PictureModel, task: PictureTask, text: str, files: FilesRead, *, member_hash: str | None = None
) -> Plan:
    """Return the calls for a task. ``text``: the prompt, or what is to be changed."""
    changes: list[Change] = []

    def sent(option: str, chosen: str | None, value: str | None) -> str | None:
        if chosen is not None and chosen not in (value, AUTO):
            changes.append(Change(option, chosen, value))
        return value

    count = min(task.count, MOST_PICTURES)
    sent("n", str(task.count), str(count))
    style = sent("style", task.style, task.style if takes.styles or task.style is None else "prompt")
    file_format = sent("format", task.file_format, task.file_format if takes.formats else None)
    background = sent("background", task.background, task.background if takes.backgrounds else None)
    if background == "transparent" and file_format == "jpeg":
        file_format = sent("format", file_format, "png")
    by_variations = task.action is PictureAction.VARY and takes.variations and not text.strip()
    size = sent("size", task.size, _size(task.size, takes))
    quality = sent("quality", task.quality, _quality(task.quality, takes))
    streams = takes.streams and count == 1 and quality != "low"
    request = PictureRequest(
        action=task.action,
        model=model,
        prompt=_prompt(task, text, takes),
        count=count,
        contract=takes.contract,
        size=size,
        quality=quality,
        style=style if takes.styles else None,
        background=background,
        file_format=file_format,
        partials=PARTIALS if streams else 0,
        pictures=files.pictures[: max(takes.inputs, 1)],
        mask=files.mask,
        by_variations=by_variations,
        member_hash=member_hash,
    )
    if len(files.pictures) > len(request.pictures):
        changes.append(Change("images", str(len(files.pictures)), str(len(request.pictures))))
    return Plan(tuple(_calls(request, takes.pictures_per_call)), tuple(changes))


def _calls(request: PictureRequest, per_call: int) -> list[PictureRequest]:
    return [replace(request, count=min(per_call, request.count - done)) for done in range(0, request.count, per_call)]


def _prompt(task: PictureTask, text: str, takes: PictureModel) -> str:
    prompt = text.strip()
    if task.action is PictureAction.VARY:
        prompt = f"{CHANGE}{prompt}" if prompt else VARY
    if task.style is not None and not takes.styles and task.style in STYLES:
        prompt = f"{prompt}\n\n{STYLES[task.style]}"
    return prompt


def _quality(chosen: str | None, takes: PictureModel) -> str | None:
    if chosen is None:
        return takes.quality
    if not takes.qualities or chosen in takes.qualities:
        return chosen
    words = QUALITIES_OF_DALL_E if takes.contract == "dall-e" else QUALITIES
    mapped = words.get(chosen)
    return mapped if mapped in takes.qualities else takes.quality


def _size(chosen: str | None, takes: PictureModel) -> str | None:
    if chosen is None:
        return None
    if chosen in takes.sizes or not takes.sizes:
        return None if chosen == AUTO and not takes.sizes else chosen
    edges = edges_of(chosen)
    if edges is None:
        return None
    if takes.free_sizes and is_free_size(*edges):
        return chosen
    wanted = _shape(*edges)
    known = [(size, known_edges) for size in takes.sizes if (known_edges := edges_of(size)) is not None]
    return next((size for size, own in known if _shape(*own) == wanted), known[0][0] if known else None)


def edges_of(size: str) -> tuple[int, int] | None:
    """Return width and height; ``None`` for a size in words."""
    found = SIZE.fullmatch(size)
    return (int(found[1]), int(found[2])) if found else None


def is_free_size(width: int, height: int) -> bool:
    """Whether the newer models take any such size."""
    long, short = max(width, height), min(width, height)
    return (
        width % EDGE_STEP == 0
        and height % EDGE_STEP == 0
        and long <= MOST_RATIO * short
        and (long <= MOST_EDGES[0] and short <= MOST_EDGES[1])
    )


def _shape(width: int, height: int) -> int:
    return (width > height) - (width < height)
