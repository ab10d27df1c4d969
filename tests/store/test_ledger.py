"""The cap: reserved before a call, settled after it, never passed by calls side by side."""

import asyncio
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.caps import SpendingCaps
from bot.core.errors.limits import BudgetExhausted, MemberLimitReached
from bot.core.ports.money import Reservation, Settlement
from bot.store.database import Database
from bot.store.reserving import MEMBER_FULL
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import (
    ANSWER,
    NO_CAP,
    NOTICE,
    REPLY,
    RESERVATION,
    SETTLEMENT,
    ask,
    billed,
    generate,
    open_database,
    state,
)


async def ledger(database: Database) -> list[tuple[int, int, int | None]]:
    rows = await database.run(
        "SELECT attempt, reserved_micro_usd, settled_micro_usd FROM usage_ledger ORDER BY trigger_id, attempt"
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def test_a_call_is_reserved_then_settled_with_what_came_back(database: Database, store: SqliteTurnStore) -> None:
    await generate(store, ask(1))
    assert await ledger(database) == [(1, 1000, None)]
    await store.complete(1, ANSWER, REPLY, SETTLEMENT, history=None)
    await store.finish(1)
    [row] = await database.run("SELECT * FROM usage_ledger")
    assert (row["settled_micro_usd"], row["price_version"], row["capability"], row["model"]) == (
        400,
        "2026-01",
        "chat",
        "some-model",
    )
    assert (row["author_id"], row["guild_id"], row["channel_id"]) == (42, 900, 500)
    assert '"prompt_tokens": 10' in row["usage"]


async def test_the_cap_refuses_and_changes_nothing(database: Database, store: SqliteTurnStore) -> None:
    await store.claim(ask(1))
    await store.begin(1, RESERVATION, caps=SpendingCaps(1000))
    await store.claim(ask(2))
    with pytest.raises(BudgetExhausted) as caught:
        await store.begin(2, replace(RESERVATION, micro_usd=1), caps=SpendingCaps(1000))
    assert caught.value.fields["resets_at"] == int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
    assert await ledger(database) == [(1, 1000, None)]
    assert await state(database, 2) == "claimed"
    await store.begin(2, replace(RESERVATION, micro_usd=0), caps=SpendingCaps(1000))  # a free model goes on


async def test_the_budget_begins_anew_at_midnight_utc(store: SqliteTurnStore, clock: FakeClock) -> None:
    clock.advance(timedelta(hours=11, minutes=59, seconds=59, milliseconds=999))
    await store.claim(ask(1))
    await store.begin(1, RESERVATION, caps=SpendingCaps(1000))
    await store.claim(ask(2))
    with pytest.raises(BudgetExhausted):
        await store.begin(2, RESERVATION, caps=SpendingCaps(1000))
    clock.advance(timedelta(milliseconds=1))
    await store.begin(2, RESERVATION, caps=SpendingCaps(1000))


async def test_a_settlement_makes_room(store: SqliteTurnStore) -> None:
    await generate(store, ask(1))
    await store.complete(1, ANSWER, REPLY, SETTLEMENT, history=None)
    await store.claim(ask(2))
    with pytest.raises(BudgetExhausted):
        await store.begin(2, RESERVATION, caps=SpendingCaps(1399))
    await store.begin(2, RESERVATION, caps=SpendingCaps(1400))


@pytest.mark.parametrize(("was_billed", "cost"), [(True, 1000), (False, 0)])
async def test_a_failure_settles_in_full_or_releases(
    database: Database, store: SqliteTurnStore, was_billed: bool, cost: int
) -> None:
    await generate(store, ask(1))
    await store.fail(1, "provider_timeout", "e1", NOTICE, billed=was_billed)
    assert await ledger(database) == [(1, 1000, cost)]


@pytest.mark.parametrize(("most", "cost"), [(300, 300), (5000, 1000), (0, 0)])
async def test_a_failure_settles_what_may_be_billed(
    database: Database, store: SqliteTurnStore, most: int, cost: int
) -> None:
    await generate(store, ask(1))
    await store.fail(1, "provider_timeout", "e1", NOTICE, billed=True, most_micro_usd=most)
    assert await ledger(database) == [(1, 1000, cost)]


async def test_a_refusal_before_any_call_has_no_row(database: Database, store: SqliteTurnStore) -> None:
    await store.claim(ask(1))
    await store.fail(1, "busy", "e1", NOTICE, billed=False)
    assert await ledger(database) == []


async def test_an_expired_claim_keeps_its_reservation(database: Database, store: SqliteTurnStore) -> None:
    await generate(store, ask(1))
    await store.expire(1, "too old")
    assert await billed(database) == 1000


async def test_a_crash_keeps_the_reservation_and_the_redo_adds_its_own(path: Path) -> None:
    async with open_database(path) as database:
        await generate(SqliteTurnStore(database, FakeClock()), ask(1))
    async with open_database(path) as database:
        store = SqliteTurnStore(database, FakeClock())
        await store.begin(1, RESERVATION, caps=SpendingCaps(2000))
        assert await ledger(database) == [(1, 1000, None), (2, 1000, None)]
        await store.complete(1, ANSWER, REPLY, SETTLEMENT, history=None)
        assert await ledger(database) == [(1, 1000, None), (2, 1000, 400)]
        assert await billed(database) == 1400


async def test_only_the_latest_attempt_is_settled(database: Database, store: SqliteTurnStore) -> None:
    await generate(store, ask(1))
    await store.begin(1, RESERVATION, caps=NO_CAP)
    await store.complete(1, ANSWER, REPLY, SETTLEMENT, history=None)
    assert await ledger(database) == [(1, 1000, None), (2, 1000, 400)]


async def test_what_a_dead_run_reserved_is_never_released(path: Path) -> None:
    """It may have been billed before the run died, whatever became of the redo."""
    async with open_database(path) as database:
        store = SqliteTurnStore(database, FakeClock())
        await generate(store, ask(1))
        await generate(store, ask(2))
    async with open_database(path) as database:
        store = SqliteTurnStore(database, FakeClock())
        with pytest.raises(BudgetExhausted):
            await store.begin(1, RESERVATION, caps=SpendingCaps(2000))
        await store.fail(1, "budget_exhausted", "e1", NOTICE, billed=False)
        await store.begin(2, RESERVATION, caps=SpendingCaps(3000))
        await store.fail(2, "rate_limited", "e2", NOTICE, billed=False)
        assert await ledger(database) == [(1, 1000, 1000), (1, 1000, 1000), (2, 1000, 0)]


amounts = st.integers(min_value=0, max_value=1000)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    calls=st.lists(st.tuples(amounts, st.none() | st.booleans(), amounts), min_size=1, max_size=25),
    cap=st.integers(min_value=0, max_value=8000),
)
def test_calls_side_by_side_never_pass_the_cap(calls: list[tuple[int, bool | None, int]], cap: int) -> None:
    """H10. Each call reserves; then it stays open (a crash), fails, or is settled with no more than it reserved."""

    async def one(store: SqliteTurnStore, trigger_id: int, call: tuple[int, bool | None, int]) -> bool:
        reserved, outcome, cost = call
        await store.claim(ask(trigger_id, conversation=None))
        try:
            await store.begin(trigger_id, Reservation("chat", "m", reserved), caps=SpendingCaps(cap))
        except BudgetExhausted:
            return False
        if outcome is True:
            settlement = Settlement(min(cost, reserved), None, "v")
            await store.complete(trigger_id, ANSWER, REPLY, settlement, history=None)
        elif outcome is False:
            await store.fail(trigger_id, "x", "e", NOTICE, billed=False)
        return True

    async def watch(database: Database, calls_left: "asyncio.Future[list[bool]]") -> None:
        while not calls_left.done():
            assert await billed(database) <= cap
            await asyncio.sleep(0)

    async def run(path: Path) -> None:
        async with open_database(path) as database:
            store = SqliteTurnStore(database, FakeClock())
            running = asyncio.gather(*(one(store, number, call) for number, call in enumerate(calls, 1)))
            await watch(database, running)
            begun = await running
            assert await billed(database) <= cap
            # A call is refused only when it would not have fitted beside what was open: the first is never.
            assert begun[0] == (calls[0][0] <= cap)
            [row] = await database.run("SELECT count(*) FROM usage_ledger")
            assert row[0] == sum(begun)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder) / "parley.db"))


async def test_calls_that_fit_exactly_all_pass(database: Database, store: SqliteTurnStore) -> None:
    for trigger_id in range(1, 31):
        await store.claim(ask(trigger_id))

    async def begin(trigger_id: int) -> bool:
        try:
            await store.begin(trigger_id, RESERVATION, caps=SpendingCaps(20_000))
        except BudgetExhausted:
            return False
        return True

    begun = await asyncio.gather(*(begin(trigger_id) for trigger_id in range(1, 31)))
    assert begun.count(True) == 20
    assert await billed(database) == 20_000


async def test_no_cap_is_a_large_one(store: SqliteTurnStore) -> None:
    await store.claim(ask(1))
    await store.begin(1, RESERVATION, caps=NO_CAP)


# The member's limit


async def begin_as(store: SqliteTurnStore, trigger_id: int, author_id: int, limit: int) -> bool:
    await store.claim(ask(trigger_id, author_id=author_id, conversation=None))
    try:
        await store.begin(trigger_id, RESERVATION, caps=NO_CAP, member_requests_per_hour=limit)
    except MemberLimitReached:
        return False
    return True


async def test_a_members_limit_refuses_until_the_oldest_question_is_an_hour_old(
    database: Database, store: SqliteTurnStore, clock: FakeClock
) -> None:
    begun_at = clock.now()
    assert await begin_as(store, 1, 42, limit=2)
    clock.advance(timedelta(minutes=20))
    assert await begin_as(store, 2, 42, limit=2)
    await store.claim(ask(3))
    with pytest.raises(MemberLimitReached) as caught:
        await store.begin(3, RESERVATION, caps=NO_CAP, member_requests_per_hour=2)
    assert caught.value.resets_at == begun_at + timedelta(hours=1)
    assert await state(database, 3) == "claimed"
    assert len(await ledger(database)) == 2
    assert await begin_as(store, 4, 43, limit=2), "another member has a limit of their own"
    clock.advance(timedelta(minutes=40) - timedelta(milliseconds=1))
    assert not await begin_as(store, 5, 42, limit=2)
    clock.advance(timedelta(milliseconds=1))
    assert await begin_as(store, 6, 42, limit=2)


async def test_the_limit_counts_what_failed_but_the_same_trigger_once(store: SqliteTurnStore) -> None:
    assert await begin_as(store, 1, 42, limit=2)
    assert await begin_as(store, 1, 42, limit=2), "a crash's second try is the same question"
    await store.fail(1, "rate_limited", "e1", NOTICE, billed=False)
    assert await begin_as(store, 2, 42, limit=2)
    assert await begin_as(store, 2, 42, limit=2)
    assert not await begin_as(store, 3, 42, limit=2)


async def test_a_restart_does_not_forget_the_limit(path: Path) -> None:
    async with open_database(path) as database:
        assert await begin_as(SqliteTurnStore(database, FakeClock()), 1, 42, limit=1)
    async with open_database(path) as database:
        assert not await begin_as(SqliteTurnStore(database, FakeClock()), 2, 42, limit=1)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    authors=st.lists(st.integers(min_value=1, max_value=3), min_size=1, max_size=30),
    limit=st.integers(min_value=1, max_value=8),
)
def test_questions_side_by_side_never_pass_a_members_limit(authors: list[int], limit: int) -> None:
    async def run(path: Path) -> None:
        async with open_database(path) as database:
            store = SqliteTurnStore(database, FakeClock())
            begun = await asyncio.gather(
                *(begin_as(store, number, author, limit) for number, author in enumerate(authors, 1))
            )
            for author in set(authors):
                own = [ok for ok, of in zip(begun, authors, strict=True) if of == author]
                assert sum(own) == min(limit, len(own))

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder) / "parley.db"))


async def test_the_count_reads_an_index_only(database: Database) -> None:
    plan = await database.run(
        f"EXPLAIN QUERY PLAN {MEMBER_FULL}", {"trigger_id": 1, "author_id": 42, "hour_ago": 0, "limit": 60}
    )
    assert any("COVERING INDEX usage_by_author" in row["detail"] for row in plan)


async def test_a_question_counts_for_whoever_had_it_answered_again(database: Database, store: SqliteTurnStore) -> None:
    for trigger_id in (1, 2):
        await store.claim(ask(trigger_id))
    await store.begin(1, RESERVATION, caps=NO_CAP, member_requests_per_hour=1, payer_id=7)
    await store.begin_again(1, SETTLEMENT, RESERVATION, caps=NO_CAP, payer_id=7)
    await store.begin(2, RESERVATION, caps=NO_CAP, member_requests_per_hour=1)
    rows = await database.run("SELECT author_id FROM usage_ledger ORDER BY trigger_id, attempt")
    assert [row["author_id"] for row in rows] == [7, 7, 42]
    await store.claim(ask(3))
    with pytest.raises(MemberLimitReached):
        await store.begin(3, RESERVATION, caps=NO_CAP, member_requests_per_hour=1, payer_id=7)


async def test_another_call_of_a_generation_is_settled_and_reserved_at_once(
    database: Database, store: SqliteTurnStore
) -> None:
    await generate(store, ask(1))
    await store.begin_again(1, SETTLEMENT, RESERVATION, caps=SpendingCaps(1400))
    assert await ledger(database) == [(1, 1000, 400), (2, 1000, None)]
    [claim] = await store.unfinished()
    assert claim.generations == 1
    with pytest.raises(BudgetExhausted):
        await store.begin_again(1, SETTLEMENT, RESERVATION, caps=SpendingCaps(1400))
    assert await ledger(database) == [(1, 1000, 400), (2, 1000, 400)], "what was spent is written down all the same"
    await store.complete(1, ANSWER, REPLY, SETTLEMENT, history=None)
    with pytest.raises(LookupError):
        await store.begin_again(1, SETTLEMENT, RESERVATION, caps=NO_CAP)
