"""Deadlines on a real loop; the only real waiting is for timers that are due at once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bot.provider.watchdog import DeadlinePassed, Watchdog

SOON = 0.01
NEVER = 3600.0


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture
async def watchdog() -> Watchdog:
    return Watchdog(now() + NEVER)


async def test_what_is_ready_passes_although_it_is_late(watchdog: Watchdog) -> None:
    assert await watchdog.until(now() - 1, asyncio.sleep(0, "here")) == "here"


async def test_silence_ends_at_its_deadline(watchdog: Watchdog) -> None:
    with pytest.raises(DeadlinePassed):
        await watchdog.until(now() + SOON, asyncio.Event().wait())


async def test_silence_ends_at_the_end_of_everything() -> None:
    with pytest.raises(DeadlinePassed):
        await Watchdog(now() + SOON).until(now() + NEVER, asyncio.Event().wait())


async def test_a_nearer_deadline_is_kept_after_a_farther_one(watchdog: Watchdog) -> None:
    await watchdog.until(now() + NEVER, asyncio.sleep(0))
    with pytest.raises(DeadlinePassed):
        await watchdog.until(now() + SOON, asyncio.Event().wait())


async def test_a_farther_deadline_is_kept_after_a_nearer_one(watchdog: Watchdog) -> None:
    await watchdog.until(now() + SOON, asyncio.sleep(0))
    assert await watchdog.until(now() + NEVER, asyncio.sleep(5 * SOON, "here")) == "here"


async def test_the_task_goes_on_after_a_deadline(watchdog: Watchdog) -> None:
    with pytest.raises(DeadlinePassed):
        await watchdog.until(now(), asyncio.Event().wait())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_time_between_two_waits_is_not_the_servers(watchdog: Watchdog) -> None:
    await watchdog.until(now() + SOON, asyncio.sleep(0))
    await asyncio.sleep(5 * SOON)  # the reader is busy; the old timer rings and nobody is hurt
    waiting = asyncio.create_task(watchdog.until(now() + NEVER, asyncio.Event().wait()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_cancellation_from_outside_stays_one(watchdog: Watchdog) -> None:
    waiting = asyncio.create_task(watchdog.until(now() + NEVER, asyncio.Event().wait()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_cancellation_from_outside_wins_over_the_deadline(watchdog: Watchdog) -> None:
    waiting = asyncio.create_task(watchdog.until(now() + NEVER, asyncio.Event().wait()))
    await asyncio.sleep(0)
    waiting.cancel()
    watchdog._due_at = now() - 1
    watchdog._ring()  # both in the same round of the loop
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_stream_of_waits_sets_one_timer(watchdog: Watchdog, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    real, timers = loop.call_at, []

    def counted(when: float, callback: Callable[..., object], *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        timers.append(when)
        return real(when, callback, *args, **kwargs)

    monkeypatch.setattr(loop, "call_at", counted)
    for _ in range(300):
        await watchdog.until(now() + 30, asyncio.sleep(0))
    assert len(timers) == 1
    watchdog.close()
