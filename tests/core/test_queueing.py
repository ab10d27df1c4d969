"""The queue: a member's questions in order, three members side by side, five wait, the next is refused."""

import asyncio
import random
from contextlib import AsyncExitStack

import pytest

from bot.core.conversation import ConversationKey
from bot.core.errors.limits import Busy
from bot.core.limits import ANSWERS_AT_ONCE, ANSWERS_WAITING
from bot.core.queueing import TurnQueue

KEY = ConversationKey(channel_id=1)


class Hall:
    """Runs questions through a queue and writes down who is being answered, and when."""

    def __init__(self) -> None:
        self.queue = TurnQueue()
        self.begun: list[tuple[int, int]] = []
        self.now: set[int] = set()
        self.most = 0
        self.gates: dict[tuple[int, int], asyncio.Event] = {}

    def ask(self, member: int, number: int) -> asyncio.Task[None]:
        self.gates[member, number] = asyncio.Event()
        return asyncio.create_task(self._answer(member, number))

    async def _answer(self, member: int, number: int) -> None:
        async with self.queue.place(KEY, member):
            assert member not in self.now, "one member's questions overlap"
            self.now.add(member)
            self.most = max(self.most, len(self.now))
            self.begun.append((member, number))
            try:
                await self.gates[member, number].wait()
            finally:
                self.now.discard(member)

    async def finish(self, member: int, number: int) -> None:
        self.gates[member, number].set()
        await settle()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_one_members_questions_are_answered_in_order() -> None:
    hall = Hall()
    tasks = [hall.ask(1, number) for number in range(3)]
    await settle()
    assert hall.begun == [(1, 0)]
    for number in range(3):
        await hall.finish(1, number)
    assert hall.begun == [(1, 0), (1, 1), (1, 2)]
    await asyncio.gather(*tasks)


async def test_three_members_are_answered_side_by_side_and_the_fourth_waits() -> None:
    hall = Hall()
    tasks = [hall.ask(member, 0) for member in range(4)]
    await settle()
    assert hall.now == {0, 1, 2}
    await hall.finish(1, 0)
    assert hall.now == {0, 2, 3}
    for member in (0, 2, 3):
        await hall.finish(member, 0)
    await asyncio.gather(*tasks)


async def test_another_member_is_not_held_up_by_somebodys_second_question() -> None:
    hall = Hall()
    tasks = [hall.ask(1, 0), hall.ask(1, 1), hall.ask(2, 0)]
    await settle()
    assert hall.now == {1, 2}
    for member, number in ((1, 0), (2, 0), (1, 1)):
        await hall.finish(member, number)
    await asyncio.gather(*tasks)


async def test_three_of_one_member_wait_and_everybody_else_is_answered() -> None:
    hall = Hall()
    tasks = [hall.ask(1, number) for number in range(4)]
    await settle()
    assert hall.queue.is_full(KEY, 1)
    assert not hall.queue.is_full(ConversationKey(channel_id=2), 1)
    with pytest.raises(Busy):
        await hall.ask(1, 4)
    assert not hall.queue.is_full(KEY, 2)
    tasks += [hall.ask(2, 0), hall.ask(2, 1), hall.ask(2, 2)]
    await settle()
    assert hall.now == {1, 2}
    assert hall.queue.waiting == 5
    assert not hall.queue.is_full(KEY, 3), "who is answered at once does not wait"
    tasks.append(hall.ask(3, 0))
    await settle()
    assert hall.now == {1, 2, 3}
    for member in (2, 3, 4):
        assert hall.queue.is_full(KEY, member)
        with pytest.raises(Busy):
            await hall.ask(member, 9)
    for member, number in ((1, 0), (2, 0), (3, 0), (1, 1), (2, 1), (1, 2), (2, 2), (1, 3)):
        await hall.finish(member, number)
    await asyncio.gather(*tasks)
    assert not hall.queue.is_full(KEY, 1)


async def test_nobody_is_forgotten_whoever_gives_up() -> None:
    """Questions cancelled at any moment never leave a place taken."""
    for seed in range(60):
        chance = random.Random(seed)
        hall = Hall()
        tasks = [hall.ask(chance.randrange(4), number) for number in range(8)]
        for task in tasks:
            if chance.random() < 0.4:
                task.cancel()
            if chance.random() < 0.5:
                await asyncio.sleep(0)
        for gate in hall.gates.values():
            gate.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert hall.most <= 3
        assert not hall.queue._lines, f"seed {seed}: a conversation is still remembered"


async def test_over_all_conversations_so_many_are_answered_so_many_wait_and_the_rest_is_refused() -> None:
    queue, let_go, answering = TurnQueue(), asyncio.Event(), 0

    async def ask(number: int, *, answers: bool = True) -> None:
        nonlocal answering
        key = ConversationKey(channel_id=number) if number % 2 else None
        async with AsyncExitStack() as held:
            await held.enter_async_context(queue.place(key, number, answers=answers))
            if answers:
                await held.enter_async_context(queue.asking())
            answering += 1
            await let_go.wait()

    tasks = [asyncio.create_task(ask(number)) for number in range(ANSWERS_AT_ONCE + ANSWERS_WAITING)]
    await settle()
    assert (answering, queue.waiting) == (ANSWERS_AT_ONCE, ANSWERS_WAITING)
    assert queue.is_full(ConversationKey(channel_id=9999), 9999)
    assert queue.is_full(None, 9999)
    for number in (9998, 9999):
        with pytest.raises(Busy):
            await ask(number)
    tasks[-1].cancel()
    await settle()
    assert not queue.is_full(None, 9999)
    drawing = asyncio.create_task(ask(9999, answers=False))
    await settle()
    assert answering == ANSWERS_AT_ONCE + 1, "what makes pictures has places of its own"
    let_go.set()
    await asyncio.gather(*tasks, drawing, return_exceptions=True)
    assert answering == ANSWERS_AT_ONCE + ANSWERS_WAITING
    assert (queue.waiting, queue._lines, queue.is_full(None, 1)) == (0, {}, False)
