"""However it crashes and loops, the bot logs in at most 20 times an hour and 200 times a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.errors import StoreUnavailable
from bot.gateway.identifying import IdentifyLog, seconds_until_allowed
from bot.store.database import Database
from bot.store.identifies import SqliteIdentifyStore
from bot.store.migrations import MIGRATIONS, migrate
from tests.clock import FakeClock

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_the_twentieth_login_of_an_hour_is_the_last() -> None:
    times = [NOON + timedelta(minutes=minute) for minute in range(20)]
    now = NOON + timedelta(minutes=30)
    assert seconds_until_allowed(times[:19], now) == 0
    assert seconds_until_allowed(times, now) == 30 * 60
    assert seconds_until_allowed(times, NOON + HOUR) == 0


def test_a_clock_that_was_set_back_makes_nobody_wait_for_longer_than_the_window() -> None:
    times = [NOON + timedelta(days=365)] * 20
    assert seconds_until_allowed(times, NOON) == HOUR.total_seconds()


@pytest.mark.parametrize("seconds_per_run", [1, 60])
async def test_a_crash_loop_of_two_days_keeps_to_the_limits(tmp_path: Path, seconds_per_run: int) -> None:
    clock = FakeClock()
    database = await Database.open(tmp_path / "parley.db")
    try:
        await migrate(database, MIGRATIONS, clock=clock)
        times: list[datetime] = []
        while clock.now() < NOON + 2 * DAY:
            log = IdentifyLog(SqliteIdentifyStore(database), clock)  # a new process knows what the disk knows
            await clock.sleep(await log.wait_seconds())
            times.append(clock.now())
            await log.note()
            clock.advance(timedelta(seconds=seconds_per_run))
    finally:
        await database.close()
    assert len(times) > 200
    for most, window in ((20, HOUR), (200, DAY)):
        assert all(later - earlier >= window for earlier, later in zip(times, times[most:], strict=False))


class FullDisk:
    """Implements ``IdentifyStore``."""

    async def identifies(self) -> list[datetime]:
        raise StoreUnavailable("SQLITE_FULL")

    async def record_identify(self, at: datetime) -> None:
        raise StoreUnavailable("SQLITE_FULL")


async def test_logins_that_the_disk_does_not_take_are_counted_in_memory() -> None:
    log = IdentifyLog(FullDisk(), FakeClock())
    for _ in range(20):
        assert await log.wait_seconds() == 0
        await log.note()
    assert await log.wait_seconds() == 3600
