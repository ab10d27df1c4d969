"""Folding in the store: all of it or nothing, and nothing when the conversation is not what was read."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.caps import SpendingCaps
from bot.core.conversation import History
from bot.core.errors.limits import BudgetExhausted
from bot.core.ports.money import Payer, Reservation, Settlement
from bot.store.call_ledger import SqliteCallLedger
from bot.store.database import Database
from bot.store.folds import SqliteFoldStore
from bot.store.token_ratios import SqliteTokenRatioStore
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import CHANNEL, RESERVATION, SETTLEMENT, answer, ask, billed, generate, open_database

PAYER = Payer(trigger_id=1, author_id=42, channel_id=500, guild_id=900)
SUMMARY = Reservation("summary", "some-model", 700)


@pytest.fixture
def folds(database: Database) -> SqliteFoldStore:
    return SqliteFoldStore(database)


@pytest.fixture
def ledger(database: Database, clock: FakeClock) -> SqliteCallLedger:
    return SqliteCallLedger(database, clock)


async def talked(store: SqliteTurnStore) -> History:
    for trigger_id in (1, 2, 3):
        await answer(store, ask(trigger_id, text=f"q{trigger_id}"), f"a{trigger_id}")
    return await store.history(CHANNEL)


async def test_notes_stand_in_place_of_the_oldest_turns_which_stay_stored(
    database: Database, store: SqliteTurnStore, folds: SqliteFoldStore
) -> None:
    before = await talked(store)
    assert await folds.fold(before, before.turns[:4], "Ada asked two things.")
    after = await store.history(CHANNEL)
    assert after == replace(before, turns=before.turns[4:], summary="Ada asked two things.")
    [row] = await database.run("SELECT count(*) FROM turns")
    assert row[0] == 6


async def test_the_same_fold_again_changes_nothing(store: SqliteTurnStore, folds: SqliteFoldStore) -> None:
    before = await talked(store)
    assert await folds.fold(before, before.turns[:2], "first")
    assert not await folds.fold(before, before.turns[:2], "again")
    assert not await folds.fold(before, before.turns[:4], "more")
    assert (await store.history(CHANNEL)).summary == "first"


async def test_notes_replace_the_notes_that_they_were_written_with(
    store: SqliteTurnStore, folds: SqliteFoldStore
) -> None:
    before = await talked(store)
    await folds.fold(before, before.turns[:2], "first")
    between = await store.history(CHANNEL)
    assert await folds.fold(between, between.turns[:2], "first and second")
    assert await store.history(CHANNEL) == replace(before, turns=before.turns[4:], summary="first and second")


async def reset(database: Database, store: SqliteTurnStore, history: History) -> None:
    await store.reset(CHANNEL)


async def trim(database: Database, store: SqliteTurnStore, history: History) -> None:
    await store.trim(history.conversation_id, history.turns[2].turn_id)


async def edit(database: Database, store: SqliteTurnStore, history: History) -> None:
    await database.run("UPDATE turns SET text = 'other' WHERE turn_id = :id", {"id": history.turns[2].turn_id})


async def delete(database: Database, store: SqliteTurnStore, history: History) -> None:
    await database.run("DELETE FROM turns WHERE turn_id = :id", {"id": history.turns[0].turn_id})


async def clear_notes(database: Database, store: SqliteTurnStore, history: History) -> None:
    await database.run("UPDATE conversations SET summary = NULL")


@pytest.mark.parametrize("change", [reset, trim, edit, delete, clear_notes])
async def test_a_change_meanwhile_makes_it_do_nothing(
    database: Database,
    store: SqliteTurnStore,
    folds: SqliteFoldStore,
    change: Callable[[Database, SqliteTurnStore, History], Awaitable[None]],
) -> None:
    first = await talked(store)
    await folds.fold(first, first.turns[:2], "first notes")
    before = await store.history(CHANNEL)
    await answer(store, ask(4))
    await change(database, store, before)
    changed = await store.history(CHANNEL)
    assert not await folds.fold(before, before.turns, "notes")
    assert await store.history(CHANNEL) == changed


async def test_a_turn_that_was_added_meanwhile_is_kept(store: SqliteTurnStore, folds: SqliteFoldStore) -> None:
    before = await talked(store)
    await answer(store, ask(4, text="q4"), "a4")
    assert await folds.fold(before, before.turns[:4], "notes")
    assert [turn.text for turn in (await store.history(CHANNEL)).turns] == ["q3", "a3", "q4", "a4"]


async def test_notes_survive_a_restart_and_end_with_a_reset(path: Path) -> None:
    async with open_database(path) as database:
        store = SqliteTurnStore(database, FakeClock())
        before = await talked(store)
        await SqliteFoldStore(database).fold(before, before.turns[:2], "notes")
    async with open_database(path) as database:
        store = SqliteTurnStore(database, FakeClock())
        assert (await store.history(CHANNEL)).summary == "notes"
        await store.reset(CHANNEL)
        assert (await store.history(CHANNEL)).summary is None


async def test_a_call_outside_of_a_claim_counts_against_the_same_cap(
    database: Database, store: SqliteTurnStore, ledger: SqliteCallLedger
) -> None:
    await generate(store, ask(1))  # reserves 1000
    with pytest.raises(BudgetExhausted) as caught:
        await ledger.reserve(PAYER, SUMMARY, caps=SpendingCaps(1_699))
    assert caught.value.fields["resets_at"] == int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
    entry = await ledger.reserve(PAYER, SUMMARY, caps=SpendingCaps(1_700))
    with pytest.raises(BudgetExhausted):
        await ledger.reserve(PAYER, replace(SUMMARY, micro_usd=1), caps=SpendingCaps(1_700))
    await ledger.settle(entry, Settlement(50, SETTLEMENT.usage, "2026-01"))
    await ledger.settle(entry, Settlement(600, None, ""))
    assert await billed(database) == RESERVATION.micro_usd + 50
    rows = await database.run("SELECT * FROM usage_ledger WHERE capability = 'summary'")
    assert [(row["author_id"], row["channel_id"], row["model"], row["price_version"]) for row in rows] == [
        (42, 500, "some-model", "2026-01")
    ]


async def test_a_call_that_cost_nothing_is_released(database: Database, ledger: SqliteCallLedger) -> None:
    entry = await ledger.reserve(PAYER, SUMMARY, caps=SpendingCaps(10_000))
    assert await billed(database) == 700
    await ledger.settle(entry, None)
    assert await billed(database) == 0


async def test_what_was_not_settled_stays_reserved_for_the_day(
    path: Path,
) -> None:
    async with open_database(path) as database:
        await SqliteCallLedger(database, FakeClock()).reserve(PAYER, SUMMARY, caps=SpendingCaps(700))
    async with open_database(path) as database:
        clock = FakeClock()
        ledger = SqliteCallLedger(database, clock)
        with pytest.raises(BudgetExhausted):
            await ledger.reserve(PAYER, SUMMARY, caps=SpendingCaps(700))
        clock.advance(timedelta(days=1))
        await ledger.reserve(PAYER, SUMMARY, caps=SpendingCaps(700))


async def test_an_answers_own_cost_is_settled_beside_the_call_that_follows(
    database: Database, store: SqliteTurnStore, ledger: SqliteCallLedger
) -> None:
    await answer(store, ask(1))
    entry = await ledger.reserve(PAYER, SUMMARY, caps=SpendingCaps(10_000))
    await store.finish(1)
    await ledger.settle(entry, Settlement(50, None, ""))
    assert await billed(database) == SETTLEMENT.micro_usd + 50


async def test_ratios_are_kept_by_model(path: Path) -> None:
    async with open_database(path) as database:
        ratios = SqliteTokenRatioStore(database, FakeClock())
        await ratios.remember_token_ratio("one", 1.2)
        await ratios.remember_token_ratio("two", 0.9)
        await ratios.remember_token_ratio("one", 1.3)
    async with open_database(path) as database:
        assert await SqliteTokenRatioStore(database, FakeClock()).token_ratios() == {"one": 1.3, "two": 0.9}
