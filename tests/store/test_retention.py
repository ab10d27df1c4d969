"""Nothing is kept for ever: conversations, claims and the ledger go by age, the rest stays, the file stays small."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.conversation import ConversationKey
from bot.store import retention
from bot.store.database import Database
from bot.store.folds import SqliteFoldStore
from bot.store.retention import LEDGER_AGE, Retention
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import CHANNEL, NOTICE, answer, ask, billed, generate, open_database, state
from tests.store.test_wiping import on_disk

DAYS = 30
OTHER = ConversationKey(channel_id=501, guild_id=900)


@pytest.fixture
def keeper(database: Database, clock: FakeClock) -> Retention:
    return Retention(database, clock, days=DAYS)


async def count(database: Database, table: str) -> int:
    [row] = await database.run(f"SELECT count(*) FROM {table}")
    return int(row[0])


def size(path: Path) -> int:
    return path.stat().st_size


async def turn(store: SqliteTurnStore, trigger_id: int, text: str = "words", key: ConversationKey = CHANNEL) -> None:
    await answer(store, ask(trigger_id, text=text, conversation=key), text)
    await store.place(trigger_id, 0, trigger_id + 1000)
    await store.finish(trigger_id)


async def test_a_conversation_goes_on_its_day_and_leaves_no_byte(
    database: Database, store: SqliteTurnStore, clock: FakeClock, keeper: Retention, path: Path
) -> None:
    await turn(store, 1, "canary-old")
    clock.advance(timedelta(days=10))
    await turn(store, 2, "fresh")
    clock.advance(timedelta(days=20))
    assert not any((await keeper.purge()).values()), "thirty days are kept"
    clock.advance(timedelta(milliseconds=1))
    assert await keeper.purge() == {
        "turns": 2, "claims": 1, "tasks": 0, "usage_ledger": 0, "preference_changes": 0, "notes": 0, "conversations": 0,
    }  # fmt: skip
    assert [turn.text for turn in (await store.history(CHANNEL)).turns] == ["fresh", "fresh"]
    assert await count(database, "reply_messages") == 1
    assert b"canary-old" not in on_disk(path)
    clock.advance(timedelta(days=10))
    gone = await keeper.purge()
    assert (gone["turns"], gone["conversations"]) == (2, 1)
    assert (await store.history(CHANNEL)).turns == ()


async def test_what_is_under_way_or_kept_for_a_retry_stays(
    database: Database, store: SqliteTurnStore, clock: FakeClock, keeper: Retention
) -> None:
    await generate(store, ask(1))
    await answer(store, ask(2))
    await generate(store, ask(3))
    await store.fail(3, "rate_limited", "e1", NOTICE, billed=0)
    await store.finish(3)
    clock.advance(timedelta(days=DAYS + 1))
    await keeper.purge()
    assert [await state(database, trigger_id) for trigger_id in (1, 2, 3)] == ["generating", "ready", "failed"]
    assert len(await store.unfinished()) == 2
    await store.sweep()
    await keeper.purge()
    assert await count(database, "claims") == 2, "the failed question went after a day, and its claim with it"


async def test_a_bill_outlives_its_question(
    database: Database, store: SqliteTurnStore, clock: FakeClock, keeper: Retention
) -> None:
    await turn(store, 1)
    spent = await billed(database)
    clock.advance(timedelta(days=DAYS + 1))
    await keeper.purge()
    assert await billed(database) == spent > 0
    clock.advance(LEDGER_AGE)
    await keeper.purge()
    assert await count(database, "usage_ledger") == 0


async def test_notes_go_with_the_last_turn_that_they_were_made_from(
    database: Database, store: SqliteTurnStore, clock: FakeClock, keeper: Retention, path: Path
) -> None:
    await turn(store, 1)
    clock.advance(timedelta(days=1))
    await turn(store, 2)
    history = await store.history(CHANNEL)
    assert await SqliteFoldStore(database).fold(history, history.turns, "canary-notes")
    clock.advance(timedelta(days=DAYS - 1, seconds=1))
    await turn(store, 3)
    await keeper.purge()
    assert (await store.history(CHANNEL)).summary == "canary-notes"
    clock.advance(timedelta(days=1))
    await keeper.purge()
    later = await store.history(CHANNEL)
    assert (later.summary, len(later.turns)) == (None, 2)
    assert b"canary-notes" not in on_disk(path)


async def test_a_conversation_that_is_being_answered_for_the_first_time_stays(
    database: Database, store: SqliteTurnStore, clock: FakeClock, keeper: Retention
) -> None:
    history = await store.history(OTHER)
    clock.advance(timedelta(days=DAYS + 1))
    await generate(store, ask(1, conversation=OTHER, route=ask(1).route))
    await database.run("UPDATE claims SET channel_id = 501 WHERE trigger_id = 1")
    await keeper.purge()
    assert (await store.history(OTHER)).conversation_id == history.conversation_id


async def test_old_rows_behind_new_ones_are_found_in_many_short_steps(
    database: Database, store: SqliteTurnStore, clock: FakeClock, keeper: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A branch copies old turns under new numbers, and a clock may have been set back."""
    monkeypatch.setattr(retention, "BATCH_ROWS", 3)
    for trigger_id in range(1, 11):
        await turn(store, trigger_id)
    await database.run("UPDATE turns SET created_at = created_at - :days WHERE trigger_id > 5", {"days": 31 * 86400000})
    assert (await keeper.purge())["turns"] == 10
    assert {t.trigger_id for t in (await store.history(CHANNEL)).turns} == {1, 2, 3, 4, 5}


async def test_a_new_file_gives_its_room_back(path: Path, clock: FakeClock) -> None:
    async with open_database(path) as database:
        store = SqliteTurnStore(database, clock)
        for trigger_id in range(1, 60):
            await turn(store, trigger_id, "words " * 500)
        await store.sweep()
        full = size(path)
        clock.advance(timedelta(days=DAYS + 1))
        await Retention(database, clock, days=DAYS).purge()
        assert size(path) < full / 2
        [check] = await database.run("PRAGMA integrity_check")
        assert check[0] == "ok"


async def test_with_steady_use_the_file_stops_growing(path: Path, clock: FakeClock) -> None:
    sizes = []
    async with open_database(path) as database:
        store = SqliteTurnStore(database, clock)
        keeper = Retention(database, clock, days=DAYS)
        for day in range(70):
            await turn(store, day + 1, "words " * 300)
            clock.advance(timedelta(days=3))
            if day % 5 == 4:
                await keeper.purge()
                sizes.append(size(path))
    assert max(sizes[8:]) <= max(sizes[:8]) * 1.1
