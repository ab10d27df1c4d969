"""The pulse of the bot: each part that fails shows in the heartbeat, and whoever reads it is told which."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app import Parley
from bot.core.errors.provider import QuotaExhausted
from bot.heartbeat import Verdict, judge, read_heartbeat
from bot.loop_watch import LoopWatch
from bot.sandbox.standin import StandIn
from bot.services import Services, open_services
from bot.store.turns import SqliteTurnStore
from bot.vitals import Vitals
from tests.clock import FakeClock
from tests.cogs.conftest import settings_for
from tests.store.samples import NOTICE, answer, ask, generate


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def services(standin: StandIn, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Services]:
    async with open_services(settings_for(tmp_path, standin), clock=clock) as services:
        yield services


@pytest.fixture
async def bot(services: Services) -> AsyncIterator[Parley]:
    async with Parley(services) as bot:
        yield bot


@pytest.fixture
async def vitals(bot: Parley, services: Services) -> AsyncIterator[Vitals]:
    async with LoopWatch() as watch:
        yield Vitals(bot, services, watch)


async def verdict(vitals: Vitals, clock: FakeClock) -> Verdict:
    await vitals._probe()
    return judge(vitals.heartbeat(), clock.now().timestamp())


async def test_at_first_everything_is_well(vitals: Vitals, clock: FakeClock) -> None:
    found = await verdict(vitals, clock)
    assert (found.problems, found.degraded) == ((), ())


async def test_a_gateway_that_never_comes_or_stays_away(vitals: Vitals, services: Services, clock: FakeClock) -> None:
    clock.advance(timedelta(seconds=121))
    assert "nothing was heard from Discord" in (await verdict(vitals, clock)).line
    services.link.heard()
    assert not (await verdict(vitals, clock)).healthy, "a socket that is not ready yet is no session"
    services.link.connected = True
    assert (await verdict(vitals, clock)).healthy
    services.link.connected = False
    clock.advance(timedelta(seconds=119))
    assert (await verdict(vitals, clock)).healthy
    clock.advance(timedelta(seconds=2))
    assert not (await verdict(vitals, clock)).healthy


async def test_a_gateway_that_says_nothing_any_more(vitals: Vitals, services: Services, clock: FakeClock) -> None:
    services.link.heard()
    services.link.connected = True
    clock.advance(timedelta(seconds=119))
    assert (await verdict(vitals, clock)).healthy
    clock.advance(timedelta(seconds=2))
    assert "nothing was heard from Discord for 121 s" in (await verdict(vitals, clock)).line
    services.link.heard()
    assert (await verdict(vitals, clock)).healthy


async def test_a_breaker_that_opens(vitals: Vitals, services: Services, clock: FakeClock) -> None:
    services.breakers["chat"].record(QuotaExhausted())
    found = await verdict(vitals, clock)
    assert found.healthy
    assert QuotaExhausted.code in found.line
    services.breakers["chat"].record(None)
    assert (await verdict(vitals, clock)).degraded == ()
    calls = (await vitals.figures()).provider_calls
    assert calls["chat"] == {QuotaExhausted.code: 1, "ok": 1}


async def test_an_answer_that_stays_undelivered(vitals: Vitals, services: Services, clock: FakeClock) -> None:
    await answer(services.store, ask(1))
    await answer(services.store, ask(2))
    assert (await verdict(vitals, clock)).degraded == ()
    clock.advance(timedelta(seconds=61))
    assert "undelivered for 61 s" in (await verdict(vitals, clock)).line
    assert (await vitals.figures()).undelivered == 2
    clock.advance(timedelta(seconds=840))
    assert any("undelivered" in problem for problem in (await verdict(vitals, clock)).problems)
    for trigger_id in (1, 2):
        await services.store.finish(trigger_id)
    assert "undelivered" not in (await verdict(vitals, clock)).line


async def test_how_turns_ended_is_counted(services: Services, vitals: Vitals) -> None:
    store = services.store
    assert isinstance(store, SqliteTurnStore)
    for trigger_id in (1, 2, 3, 4, 5):
        await generate(store, ask(trigger_id))
    await store.fail(1, "rate_limited", "e1", NOTICE, billed=0)
    for _ in range(2):
        await store.finish(1)
        await store.expire(2, "too old")
        await store.cancel(3, billed=False, reason="withdrawn")
    await answer(store, ask(6))
    await store.finish(6)
    assert (await vitals.figures()).turns == {"failed": 1, "expired": 1, "cancelled": 1, "done": 1}


async def test_a_reason_of_somebody_else_is_told(vitals: Vitals, services: Services, clock: FakeClock) -> None:
    services.degraded["logins"] = "waits before it logs in again"
    assert (await verdict(vitals, clock)).degraded == ("waits before it logs in again",)


async def test_a_write_that_takes_its_time_is_no_failure(
    vitals: Vitals, services: Services, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow() -> None:
        clock.advance(timedelta(seconds=4))
        assert judge(vitals.heartbeat(), clock.now().timestamp()).healthy

    monkeypatch.setattr(services.pulse, "write", slow)
    for _ in range(3):
        assert (await verdict(vitals, clock)).healthy
        clock.advance(timedelta(seconds=3))  # between two writes
        assert judge(vitals.heartbeat(), clock.now().timestamp()).healthy


async def test_a_login_that_waits_for_its_limits_is_degraded_and_not_unhealthy(
    vitals: Vitals, services: Services, clock: FakeClock
) -> None:
    services.link.waits_to_identify(3600)
    services.degraded["logins"] = "too many logins"
    clock.advance(timedelta(seconds=1800))
    found = await verdict(vitals, clock)
    assert (found.problems, found.degraded) == ((), ("too many logins",))
    services.link.waits_to_identify(0)
    clock.advance(timedelta(seconds=119))
    assert (await verdict(vitals, clock)).healthy, "after the wait it has the usual time to connect"
    clock.advance(timedelta(seconds=2))
    assert not (await verdict(vitals, clock)).healthy


async def test_the_heart_beats_while_the_database_hangs(
    vitals: Vitals, services: Services, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, hanging = tmp_path / "heartbeat.json", asyncio.Event()
    monkeypatch.setattr("bot.vitals.BEAT_SECONDS", 0.01)
    monkeypatch.setattr(services.pulse, "write", hanging.wait)
    before = clock.now().timestamp()
    beating = asyncio.create_task(vitals.keep_beating(path))
    try:
        async with asyncio.timeout(30):
            while read_heartbeat(path) is None:  # noqa: ASYNC110  a file tells nobody
                await asyncio.sleep(0.01)
            clock.advance(timedelta(seconds=10))
            while True:
                beat = read_heartbeat(path)
                if beat is not None and beat.written_at > before:
                    break
                await asyncio.sleep(0.01)
        assert beat.database_written_at == before
        assert "took no write for 10 s" in judge(beat, clock.now().timestamp()).line
        hanging.set()
        async with asyncio.timeout(30):
            while beat is None or beat.database_written_at == before:
                await asyncio.sleep(0.01)
                beat = read_heartbeat(path)
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
