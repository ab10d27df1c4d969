"""The watch beside the event loop: it tells where the loop stands still, and nothing of what is in the variables."""

from __future__ import annotations

import asyncio
import logging
import threading

from bot.loop_watch import BLOCKED_SECONDS, LoopWatch


class Told(logging.Handler):
    """Notes what the watch says, and lets the loop go on."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.said = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.said.set()


def stand_still(said: threading.Event, words: str) -> None:
    assert said.wait(timeout=30), words


async def test_where_the_loop_stands_still_is_logged_while_it_does() -> None:
    told, log = Told(), logging.getLogger("bot.loop_watch")
    log.addHandler(told)
    try:
        async with LoopWatch() as watch:
            asyncio.get_running_loop().call_soon(stand_still, told.said, "canary")
            while not watch.lag_seconds >= BLOCKED_SECONDS:  # noqa: ASYNC110  the next tick knows how long it was
                await asyncio.sleep(0.01)
            assert watch.longest_seconds() >= BLOCKED_SECONDS
            assert watch.blocks == 1
    finally:
        log.removeHandler(told)
    [record] = told.records
    shown = str(vars(record))
    assert "test_loop_watch.py:" in shown
    assert "stand_still" in shown
    assert "canary" not in shown


async def test_its_thread_ends_with_it() -> None:
    async with LoopWatch() as watch:
        assert watch._thread.is_alive()
    await asyncio.to_thread(watch._thread.join, 30)
    assert not watch._thread.is_alive()
