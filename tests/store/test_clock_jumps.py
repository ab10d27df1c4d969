"""A clock that jumps: nothing is paid twice, kept for ever or lost; days and hours end in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.caps import CapPeriod, SpendingCaps
from bot.core.errors.limits import BudgetExhausted, MemberLimitReached
from bot.store.database import Database
from bot.store.figures import SqliteFigures
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import CHANNEL, NO_CAP, RESERVATION, answer, ask, generate, open_database

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CAP = RESERVATION.micro_usd


async def test_an_hour_back_the_claim_still_holds_and_the_history_keeps_its_order(
    store: SqliteTurnStore, clock: FakeClock
) -> None:
    await answer(store, ask(1), "first")
    clock.advance(-HOUR)
    assert not await store.claim(ask(1))
    await answer(store, ask(2), "second")
    await store.sweep()
    assert [turn.text for turn in (await store.history(CHANNEL)).turns][1::2] == ["first", "second"]
    assert len(await store.unfinished()) == 2


async def test_an_hour_back_a_members_limit_does_not_open(store: SqliteTurnStore, clock: FakeClock) -> None:
    await generate(store, ask(1))
    clock.advance(-HOUR)
    await store.claim(ask(2))
    with pytest.raises(MemberLimitReached):
        await store.begin(2, RESERVATION, caps=NO_CAP, member_requests_per_hour=1)


async def test_an_hour_back_within_the_day_the_cap_does_not_open(store: SqliteTurnStore, clock: FakeClock) -> None:
    await generate(store, ask(1))
    clock.advance(-HOUR)
    await store.claim(ask(2))
    with pytest.raises(BudgetExhausted):
        await store.begin(2, RESERVATION, caps=SpendingCaps(CAP))


async def test_back_over_midnight_what_was_spent_counts_for_the_day_before_too(
    database: Database, store: SqliteTurnStore, clock: FakeClock
) -> None:
    await generate(store, ask(1))
    clock.advance(-DAY)
    assert await SqliteFigures(database, clock).spent_micro_usd(CapPeriod.DAY) == CAP
    await store.claim(ask(2))
    with pytest.raises(BudgetExhausted):
        await store.begin(2, RESERVATION, caps=SpendingCaps(CAP))


async def test_a_day_ahead_the_cap_opens_once_and_tokens_and_kept_questions_go(
    store: SqliteTurnStore, clock: FakeClock
) -> None:
    await generate(store, ask(1))
    clock.advance(DAY)
    await store.claim(ask(2))
    await store.begin(2, RESERVATION, caps=SpendingCaps(CAP))
    await store.sweep()
    assert {claim.question.trigger_id for claim in await store.unfinished()} == {1, 2}


@pytest.mark.parametrize(
    "midnight",
    [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)],
    ids=["summer", "winter", "year"],
)
async def test_the_day_of_the_cap_ends_at_midnight_in_utc(path: Path, midnight: datetime) -> None:
    clock = FakeClock(midnight - timedelta(milliseconds=1))
    async with open_database(path) as database:
        store = SqliteTurnStore(database, clock)
        await generate(store, ask(1))
        await store.claim(ask(2))
        with pytest.raises(BudgetExhausted) as full:
            await store.begin(2, RESERVATION, caps=SpendingCaps(CAP))
        assert full.value.resets_at == midnight
        clock.advance(timedelta(milliseconds=1))
        await store.begin(2, RESERVATION, caps=SpendingCaps(CAP))
