"""Which pictures go along: the newest, within a request's room; and what they cost in tokens."""

from dataclasses import replace

import pytest

from bot.core.catalogue import PictureTokens
from bot.core.conversation import AttachedPicture, AttachedText, ChatRole, History, PictureSource, Turn
from bot.core.limits import PICTURE_TURNS, PICTURES, PICTURES_BYTES
from bot.core.looking import look, may_look
from bot.core.ports.files import Picture
from bot.core.prompt import build_prompt
from tests.core.questions import ASKED_AT, a_question


def described(number: int, *, size_bytes: int = 3, found_again: bool = True) -> AttachedPicture:
    source = PictureSource(20, number, number) if found_again else None
    return AttachedPicture(f"p{number}.png", "PNG", size_bytes, 8, 6, source)


def picture(number: int, *, size_bytes: int = 3) -> Picture:
    return Picture(f"p{number}.png", "image/png", 8, 6, bytes(size_bytes))


def history(*attached: tuple[AttachedPicture, ...]) -> History:
    turns: list[Turn] = []
    for number, pictures in enumerate(attached, 1):
        asked = Turn(2 * number, ChatRole.USER, f"question {number}", "Asker", None, ASKED_AT, number, pictures)
        turns += (asked, Turn(2 * number + 1, ChatRole.ASSISTANT, "answer", trigger_id=number))
    return History(1, 1, tuple(turns))


class Earlier:
    """Has every picture that is found again, and notes what it was asked for."""

    def __init__(self, size_bytes: int = 3) -> None:
        self.asked: list[int] = []
        self.kept: list[int] = []
        self._size_bytes = size_bytes

    async def picture(self, source: PictureSource) -> Picture | None:
        self.asked.append(source.message_id)
        return picture(source.message_id, size_bytes=self._size_bytes)

    def keep(self, source: PictureSource, picture: Picture) -> None:
        self.kept.append(source.message_id)


async def test_pictures_of_the_latest_questions_are_sent() -> None:
    question = replace(a_question(), attachments=(described(9),))
    earlier = Earlier()
    seen = await look(question, history(*[(described(n),) for n in range(1, 5)]), [picture(9)], earlier)
    assert list(seen.pictures) == [(1000, 0), (4, 0), (3, 0)]
    assert len(seen.pictures) == PICTURE_TURNS
    assert (earlier.asked, earlier.kept) == ([4, 3], [9])


async def test_a_request_takes_four() -> None:
    question = replace(a_question(), attachments=tuple(described(n) for n in range(3)))
    seen = await look(question, history((described(7), described(8))), [picture(n) for n in range(3)], Earlier())
    assert len(seen.pictures) == PICTURES
    assert (1, 0) in seen.pictures


async def test_what_does_not_fit_into_a_request_is_not_fetched() -> None:
    half = PICTURES_BYTES // 2 + 1
    earlier = Earlier(half)
    before = history(*[(described(n, size_bytes=half),) for n in (1, 2)])
    seen = await look(a_question(), before, [], earlier)
    assert list(seen.pictures) == [(2, 0)]
    assert earlier.asked == [2]
    assert seen.lost == (), "only what the question itself brings is missed"


async def test_one_that_no_message_holds_is_seen_once() -> None:
    question = replace(a_question(), attachments=(described(1, found_again=False),))
    assert len((await look(question, None, [picture(1)], Earlier())).pictures) == 1
    again = await look(question, None, [], Earlier())
    assert (again.pictures, again.lost) == ({}, ("p1.png",))


async def test_pictures_stand_with_their_messages_beside_texts() -> None:
    text = AttachedText("a.txt", "text", 4, "text")
    question = replace(a_question(), attachments=(text, described(9)))
    before = history((described(1),), ())
    seen = await look(question, before, [picture(9)], Earlier())
    prompt = build_prompt(question, before, pictures=seen.pictures)
    assert [tuple(p.name for p in message.pictures) for message in prompt.messages] == [
        (), ("p1.png",), (), (), (), ("p9.png",)
    ]  # fmt: skip
    plain = build_prompt(question, before)
    assert [m.text for m in plain.messages] == [m.text for m in prompt.messages], "the words are the same without"
    assert plain.tokens == prompt.tokens


def test_texts_need_no_looking() -> None:
    question = replace(a_question(), attachments=(AttachedText("a.txt", "text", 4, "text"),))
    assert not may_look(question, history((), ()))
    assert may_look(question, history((), (described(1),)))
    assert not may_look(question, history((described(1),), (), ()))


@pytest.mark.parametrize(
    ("rule", "size", "detail", "tokens"),
    [
        (PictureTokens(), (10, 10), None, 85 + 170),
        (PictureTokens(), (1024, 1024), "high", 85 + 4 * 170),
        (PictureTokens(), (8000, 5000), "auto", 85 + 8 * 170),
        (PictureTokens(), (8000, 5000), "low", 85),
        (PictureTokens(base=0, side_pixels=32, each=1, most=10_000), (1024, 1024), None, 1024),
        (PictureTokens(base=0, side_pixels=32, each=1, most=10_000), (8000, 5000), None, 10_000),
    ],
)
def test_tokens_of_a_picture(rule: PictureTokens, size: tuple[int, int], detail: str | None, tokens: int) -> None:
    assert rule.of(*size, detail) == tokens
