"""Which pictures go along with a question: its own and those of the latest turns, fetched again by their message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from bot.core.conversation import AttachedPicture, Attachment, ChatRole, History, PictureSource, Question
from bot.core.limits import PICTURE_TURNS, PICTURES, PICTURES_BYTES
from bot.core.ports.files import EarlierPictures, Picture

Place: TypeAlias = tuple[int, int]  # trigger id, and the picture's place among the attachments


@dataclass(frozen=True, slots=True)
class Seen:
    """The pictures to send, and the names of the question's own that could not be had."""

    pictures: Mapping[Place, Picture] = field(default_factory=dict)
    lost: tuple[str, ...] = ()

    def own(self, question: Question) -> Mapping[Place, Picture]:
        """Return those of the question itself."""
        return {place: picture for place, picture in self.pictures.items() if place[0] == question.trigger_id}


class NoEarlierPictures:
    """Keeps nothing and finds nothing. Implements ``EarlierPictures``."""

    async def picture(self, source: PictureSource) -> Picture | None:
        """Return nothing."""
        return None

    def keep(self, source: PictureSource, picture: Picture) -> None:
        """Do nothing."""


def may_look(question: Question, history: History | None) -> bool:
    """Whether any picture belongs to the question or to the latest turns."""
    return any(True for _ in _latest(question, history))


def bytes_to_look_at(question: Question, history: History | None) -> int:
    """Return how large the pictures of the question and of the latest turns are together, as far as they are sent."""
    return min(PICTURES_BYTES, sum(described.size_bytes for _, described in _latest(question, history)))


async def look(question: Question, history: History | None, read: Sequence[Picture], earlier: EarlierPictures) -> Seen:
    """Return the newest pictures that fit into one request. ``read``: the question's own, where they were just read."""
    own = _pictures(question.trigger_id, question.attachments)
    just_read = {place: picture for (place, _), picture in zip(own, read, strict=False)}  # after a restart: none
    seen: dict[Place, Picture] = {}
    lost: list[str] = []
    room = PICTURES_BYTES
    for place, described in _latest(question, history):
        picture = just_read.get(place)
        if picture is not None and described.source is not None:
            earlier.keep(described.source, picture)
        if picture is None and described.source is not None and described.size_bytes <= room:
            picture = await earlier.picture(described.source)
        if picture is not None and len(picture.content) <= room:
            seen[place] = picture
            room -= len(picture.content)
        elif place[0] == question.trigger_id:
            lost.append(described.name)
    return Seen(seen, tuple(lost))


def _latest(question: Question, history: History | None) -> Iterator[tuple[Place, AttachedPicture]]:
    """Yield the pictures of the latest questions, the newest question first, up to what a request takes."""
    asked = (
        [(turn.trigger_id, turn.attachments) for turn in history.turns if turn.chat_role is ChatRole.USER]
        if history
        else []
    )
    latest = [*asked, (question.trigger_id, question.attachments)][-PICTURE_TURNS:]
    found = [pair for trigger_id, attached in reversed(latest) for pair in _pictures(trigger_id, attached)]
    yield from found[:PICTURES]


def _pictures(trigger_id: int, attachments: Sequence[Attachment]) -> list[tuple[Place, AttachedPicture]]:
    return [((trigger_id, at), one) for at, one in enumerate(attachments) if isinstance(one, AttachedPicture)]
