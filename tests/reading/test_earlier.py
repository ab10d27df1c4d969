"""Pictures of messages are kept in memory within a limit, and found again by their message."""

from bot.core.conversation import PictureSource
from bot.core.ports.files import AttachedFile, Picture
from bot.reading.earlier import PicturesOfMessages
from tests.pictures import a_picture
from tests.reading.test_reading import HeldFile, reading


def source(message_id: int) -> PictureSource:
    return PictureSource(1, message_id, 10 * message_id)


def picture(size_bytes: int) -> Picture:
    return Picture("a.png", "image/png", 1, 1, bytes(size_bytes))


class Messages:
    """Knows the files of messages, and how often it was asked."""

    def __init__(self, **files: bytes) -> None:
        self.files = files
        self.asked: list[int] = []

    async def find(self, wanted: PictureSource) -> AttachedFile | None:
        self.asked.append(wanted.message_id)
        content = self.files.get(f"m{wanted.message_id}")
        return None if content is None else HeldFile(content, "a.png")


def looking_at(messages: Messages, **options: int) -> PicturesOfMessages:
    pictures = PicturesOfMessages(reading().picture, **options)
    pictures.find = messages.find
    return pictures


async def test_one_is_fetched_once() -> None:
    messages = Messages(m1=a_picture())
    pictures = looking_at(messages)
    for _ in range(2):
        found = await pictures.picture(source(1))
        assert found is not None
        assert found.content == a_picture()
    assert messages.asked == [1]


async def test_what_is_gone_or_cannot_be_used_is_nothing() -> None:
    messages = Messages(m2=a_picture()[:-12])
    pictures = looking_at(messages)
    assert await pictures.picture(source(1)) is None
    assert await pictures.picture(source(2)) is None
    assert await PicturesOfMessages(reading().picture).picture(source(1)) is None


async def test_the_one_that_was_not_asked_for_the_longest_goes_first() -> None:
    messages = Messages()
    pictures = looking_at(messages, limit_bytes=100)
    for number in (1, 2):
        pictures.keep(source(number), picture(40))
    await pictures.picture(source(1))
    pictures.keep(source(3), picture(40))
    assert await pictures.picture(source(1)) is not None
    assert await pictures.picture(source(2)) is None
    pictures.keep(source(4), picture(101))
    assert [await pictures.picture(source(number)) for number in (1, 3, 4)] == [None] * 3


async def test_one_that_is_kept_again_counts_once() -> None:
    pictures = looking_at(Messages(), limit_bytes=100)
    for _ in range(5):
        pictures.keep(source(1), picture(60))
    assert await pictures.picture(source(1)) is not None


async def test_a_message_that_was_changed_is_looked_at_again() -> None:
    messages = Messages(m1=a_picture())
    pictures = looking_at(messages)
    await pictures.picture(source(1))
    messages.files.clear()
    pictures.forget(1)
    assert await pictures.picture(source(1)) is None
