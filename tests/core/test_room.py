"""Room for uploads: never more than there is, in order, and nothing is lost whoever gives up."""

import asyncio

import pytest

from bot.core.room import Room


async def entered(room: Room, size_bytes: int, until: asyncio.Event) -> None:
    async with room.held(size_bytes):
        await until.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("sizes", "inside"),
    [
        pytest.param([1] * 6, 4, id="small ones take a share each"),
        pytest.param([50, 50, 50], 2, id="larger ones take what they need"),
        pytest.param([60, 60, 1], 1, id="nobody overtakes whoever waits"),
        pytest.param([1000, 1], 1, id="one that is larger than all of it is alone"),
        pytest.param([25, 50, 25, 25], 3, id="as many as fit"),
    ],
)
async def test_how_many_have_room_at_once(sizes: list[int], inside: int) -> None:
    room, over = Room(100, 4), asyncio.Event()
    tasks = [asyncio.create_task(entered(room, size, over)) for size in sizes]
    await settle()
    assert len(sizes) - room.waiting == inside
    over.set()
    await asyncio.gather(*tasks)
    assert (room.free_bytes, room.waiting) == (100, 0)


async def test_whoever_gives_up_waiting_lets_the_next_one_in() -> None:
    room, over = Room(100, 4), asyncio.Event()
    first, large, small = (asyncio.create_task(entered(room, size, over)) for size in (60, 80, 30))
    await settle()
    assert room.waiting == 2
    large.cancel()
    await settle()
    assert (room.waiting, room.free_bytes) == (0, 10)
    over.set()
    await asyncio.gather(first, large, small, return_exceptions=True)
    assert room.free_bytes == 100


async def test_whoever_is_cancelled_in_the_moment_of_being_let_in_takes_nothing_along() -> None:
    room, first_over, over = Room(100, 4), asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(entered(room, 100, first_over))
    second, third = (asyncio.create_task(entered(room, 100, over)) for _ in range(2))
    await settle()
    first_over.set()
    await first  # the second one has been let in, and has not run since
    second.cancel()
    await settle()
    assert second.cancelled()
    assert (room.waiting, room.free_bytes) == (0, 0)
    over.set()
    await third
    assert room.free_bytes == 100


async def test_what_goes_wrong_inside_gives_the_room_back() -> None:
    room = Room(100, 4)
    with pytest.raises(ValueError, match="inside"):
        async with room.held(70):
            raise ValueError("inside")
    assert room.free_bytes == 100
