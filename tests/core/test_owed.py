"""What the database did not take is written later, each by itself."""

import logging

import pytest

from bot.core.errors import StoreUnavailable
from bot.core.owed import OwedWrites


class Write:
    """The end of a turn, which fails in these ways before the database takes it."""

    def __init__(self, *fails: Exception) -> None:
        self.fails = [*fails]
        self.tries = 0

    async def __call__(self) -> None:
        self.tries += 1
        if self.fails:
            raise self.fails.pop(0)


@pytest.mark.parametrize("error", [LookupError("gone"), RuntimeError("no such state"), ValueError("words")])
async def test_what_can_never_be_written_keeps_nothing_behind_it(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    owed = OwedWrites()
    first, second = Write(StoreUnavailable("full"), error), Write(StoreUnavailable("full"))
    await owed.write(1, first)
    await owed.write(2, second)
    with caplog.at_level(logging.ERROR):
        await owed.catch_up()
    assert "what became of a turn cannot be written" in caplog.text
    assert not owed.owes(1)
    assert not owed.owes(2)
    await owed.catch_up()
    assert (first.tries, second.tries) == (2, 2)


async def test_while_the_database_takes_nothing_all_of_it_stays_owed() -> None:
    owed = OwedWrites()
    full = StoreUnavailable("full")
    first, second = Write(full, full), Write(full)
    await owed.write(1, first)
    await owed.write(2, second)
    await owed.catch_up()
    assert owed.owes(1)
    assert owed.owes(2)
    await owed.catch_up()
    assert not owed.owes(1)
    assert not owed.owes(2)


async def test_the_end_of_a_turn_and_the_messages_of_its_pages_are_owed_side_by_side() -> None:
    owed = OwedWrites()
    writes = {key: Write(StoreUnavailable("full")) for key in (1, (1, 0), (1, 1))}
    for key, write in writes.items():
        await owed.write(key, write)
    assert owed.owes(1)
    await owed.catch_up()
    assert not owed.owes(1)
    assert [write.tries for write in writes.values()] == [2, 2, 2]
