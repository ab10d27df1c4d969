"""Transactions that nobody can tear, and a file that fails with words."""

import asyncio
import itertools
import logging
import random
import sqlite3
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.core.errors import StoreUnavailable
from bot.store.database import Database, Transaction
from bot.store.problem import StoreProblem
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import CHANNEL, answer, ask, open_database, open_files, read, write

PAIRS = 200


async def make_pairs(database: Database) -> None:
    await database.run("CREATE TABLE pairs (pair INTEGER, side TEXT, PRIMARY KEY (pair, side)) STRICT")


async def add_pair(database: Database, pair: int) -> None:
    async def work(transaction: Transaction) -> None:
        for side in ("left", "right"):
            await transaction.run("INSERT INTO pairs VALUES (:pair, :side)", {"pair": pair, "side": side})

    await database.transaction(work)


async def sides(database: Database) -> dict[int, int]:
    rows = await database.run("SELECT pair, count(*) AS sides FROM pairs GROUP BY pair")
    return {row["pair"]: row["sides"] for row in rows}


async def test_pairs_stay_whole_whenever_callers_are_cancelled(database: Database) -> None:
    await make_pairs(database)
    choose = random.Random(7)
    tasks = [asyncio.create_task(add_pair(database, pair)) for pair in range(PAIRS)]
    left = set(tasks)
    while left:
        _, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        for task in choose.sample(sorted(left, key=id), k=min(2, len(left))):
            task.cancel()
    cancelled = [task.cancelled() for task in tasks]
    assert True in cancelled
    assert False in cancelled
    # A cancelled caller's pair is there or not; everybody else's is.
    found = await sides(database)
    assert set(found.values()) == {2}
    assert {pair for pair, was_cancelled in enumerate(cancelled) if not was_cancelled} <= found.keys()


@pytest.mark.parametrize("steps", range(12))
async def test_a_transaction_survives_cancellation_at_each_await(database: Database, steps: int) -> None:
    await make_pairs(database)
    task = asyncio.create_task(add_pair(database, 1))
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await add_pair(database, 2)
    found = await sides(database)
    assert found[2] == 2
    assert found.get(1, 2) == 2


async def test_a_transaction_that_is_itself_cancelled_is_undone(database: Database) -> None:
    """At the end of the event loop every task is cancelled, the shielded ones too."""
    await make_pairs(database)
    entered = asyncio.Event()

    async def work(transaction: Transaction) -> None:
        await transaction.run("INSERT INTO pairs VALUES (1, 'left')")
        entered.set()
        await asyncio.Event().wait()

    caller = asyncio.create_task(database.transaction(work))
    await entered.wait()
    [inner] = database._tasks
    inner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await add_pair(database, 2)
    assert await sides(database) == {2: 2}


async def test_a_reader_never_sees_an_open_transaction(database: Database) -> None:
    await make_pairs(database)
    seen: set[tuple[int, ...]] = set()

    async def read() -> None:
        for _ in range(60):
            seen.add(tuple((await sides(database)).values()))

    async def write() -> None:
        for pair in range(20):
            await add_pair(database, pair)

    await asyncio.gather(read(), write())
    assert all(set(values) <= {2} for values in seen)


async def test_an_error_in_the_work_undoes_it_and_reaches_the_caller(database: Database) -> None:
    await make_pairs(database)

    async def work(transaction: Transaction) -> None:
        await transaction.run("INSERT INTO pairs VALUES (1, 'left')")
        raise KeyError("ours")

    with pytest.raises(KeyError):
        await database.transaction(work)
    assert await sides(database) == {}


async def test_a_mistake_of_ours_is_not_called_unavailable(database: Database) -> None:
    await make_pairs(database)
    await add_pair(database, 1)
    with pytest.raises(sqlite3.IntegrityError):
        await add_pair(database, 1)
    with pytest.raises(sqlite3.OperationalError):
        await database.run("SELECT nothing FROM nowhere")
    assert await sides(database) == {1: 2}


async def test_a_failure_behind_a_cancelled_caller_is_logged(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await make_pairs(database)
    entered = asyncio.Event()

    async def work(transaction: Transaction) -> None:
        await transaction.run("SELECT 1")
        entered.set()
        await transaction.run("SELECT secret FROM nowhere")

    task = asyncio.create_task(database.transaction(work))
    await entered.wait()
    task.cancel()
    await asyncio.wait([task])
    await database.run("SELECT 1")
    await asyncio.sleep(0)
    assert "OperationalError" in caplog.text
    assert "secret" not in caplog.text


async def test_a_full_disk_stops_writing_and_recovers(database: Database, store: SqliteTurnStore) -> None:
    await answer(store, ask(1))
    [pages] = await database.run("PRAGMA page_count")
    await database.run(f"PRAGMA max_page_count = {pages[0]}")
    asked = itertools.count(2)

    async def until_full() -> None:
        while True:
            await answer(store, ask(next(asked)), "too long to fit " * 100)

    with pytest.raises(StoreUnavailable) as caught:
        await until_full()
    stored = next(asked) - 2
    assert caught.value.detail == "SQLITE_FULL"
    assert "too long" not in repr(caught.value.__dict__)
    [row] = await database.run("SELECT count(*) FROM turns")
    assert row[0] == 2 * stored
    [check] = await database.run("PRAGMA integrity_check")
    assert check[0] == "ok"
    await database.run("PRAGMA max_page_count = 1000000")
    await answer(store, ask(1000), "too long to fit " * 100)
    assert len((await store.history(CHANNEL)).turns) == 2 * stored + 2


async def test_a_database_locked_by_another_program_is_unavailable_for_now(path: Path) -> None:
    async with open_database(path, busy_timeout_ms=20) as database:
        await make_pairs(database)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable) as caught:
                await add_pair(database, 1)
            assert caught.value.detail == "SQLITE_BUSY"
            with pytest.raises(StoreUnavailable):
                await database.run("INSERT INTO pairs VALUES (3, 'left')")
            assert await sides(database) == {}
            other.execute("ROLLBACK")
        await add_pair(database, 2)
        assert await sides(database) == {2: 2}


async def test_a_lock_that_ends_soon_is_waited_for(database: Database, path: Path) -> None:
    await make_pairs(database)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        task = asyncio.create_task(add_pair(database, 1))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not task.done()
        other.execute("ROLLBACK")
        await task
    assert await sides(database) == {1: 2}


class OnWarning(logging.Handler):
    """Does something when the store says that it tries again."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__(logging.WARNING)
        self._act = act

    def emit(self, record: logging.LogRecord) -> None:
        self._act()


async def test_a_lock_that_outlasts_the_busy_timeout_is_tried_again(path: Path) -> None:
    async with open_database(path, busy_timeout_ms=20) as database:
        await make_pairs(database)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            handler = OnWarning(lambda: other.execute("ROLLBACK"))
            logger = logging.getLogger("bot.store.database")
            logger.addHandler(handler)
            try:
                await add_pair(database, 1)
            finally:
                logger.removeHandler(handler)
        assert await sides(database) == {1: 2}


async def test_closing_lets_the_running_finish_and_refuses_the_rest(path: Path) -> None:
    async with open_database(path) as database:
        await make_pairs(database)
        tasks = [asyncio.create_task(add_pair(database, pair)) for pair in range(5)]
        await asyncio.sleep(0)
        await database.close()
        await asyncio.gather(*tasks)
        with pytest.raises(StoreUnavailable):
            await add_pair(database, 9)
        await database.close()
    async with open_database(path) as database:
        assert await sides(database) == dict.fromkeys(range(5), 2)


async def test_a_cancelled_close_still_ends_the_worker_thread(path: Path) -> None:
    database = await Database.open(path)
    entered = asyncio.Event()

    async def work(transaction: Transaction) -> None:
        await transaction.run("CREATE TABLE half (a INTEGER)")
        entered.set()
        await asyncio.sleep(0)
        await asyncio.Event().wait()

    hanging = asyncio.create_task(database.transaction(work))
    await entered.wait()
    closing_task = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    closing_task.cancel()
    await asyncio.wait([closing_task])
    worker = database._connection._thread
    worker.join(timeout=10)
    assert not worker.is_alive()
    [inner] = database._tasks
    inner.cancel()
    await asyncio.wait([hanging])
    async with open_database(path) as database:
        assert await database.run("SELECT 1 FROM sqlite_master WHERE name = 'half'") == []


async def test_the_settings_of_the_connection(database: Database) -> None:
    async def pragma(name: str) -> object:
        [row] = await database.run(f"PRAGMA {name}")
        return row[0]

    assert await pragma("journal_mode") == "wal"
    assert await pragma("synchronous") == 2
    assert await pragma("foreign_keys") == 1
    assert await pragma("secure_delete") == 1
    assert await pragma("busy_timeout") == 5000


async def test_a_file_with_a_name_that_sqlite_keeps_in_memory_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for statement in ("CREATE TABLE kept (x)", "SELECT x FROM kept"):
        database = await Database.open(Path(":memory:"))
        try:
            await database.run(statement)
        finally:
            await database.close()


async def test_the_file_is_opened_once(database: Database, path: Path) -> None:
    await make_pairs(database)
    if not (names := open_files()):
        pytest.skip("this system does not list a process's open files in /proc")
    assert names.count(str(path)) == 1


async def test_no_words_in_the_log_at_any_level(
    database: Database, store: SqliteTurnStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await answer(store, ask(1, text="canary-question"), "canary-answer")
    assert "canary" not in caplog.text


async def test_text_that_is_not_utf8_is_not_quoted_in_the_error(database: Database) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        await database.run("SELECT CAST(x'63616e617279ff' AS TEXT)")
    assert "canary" not in "".join(traceback.format_exception(caught.value))


async def refusal(path: Path) -> str | None:
    """Open and migrate; return the problem, if there is one."""
    try:
        async with open_database(path):
            return None
    except StoreProblem as problem:
        return problem.problem


async def test_a_damaged_file_is_refused_and_left_as_it_is(path: Path, clock: FakeClock) -> None:
    async with open_database(path) as database:
        store = SqliteTurnStore(database, clock)
        for trigger_id in range(1, 30):
            await answer(store, ask(trigger_id), "words " * 50)
    good = read(path)
    choose = random.Random(11)
    page_starts = range(0, len(good), 4096)
    anywhere = [choose.randrange(len(good)) for _ in range(40)]  # may hit free bytes, or somebody's words
    problems = []
    for spot in [*page_starts, *anywhere]:
        bad = bytearray(good)
        bad[spot : spot + 32] = choose.randbytes(len(bad[spot : spot + 32]))
        write(path, bytes(bad))
        problem = await refusal(path)
        if problem is not None:
            assert read(path) == bad
            assert str(path) in problem
            assert "\n" not in problem
        problems.append(problem)
    assert None not in problems[: len(page_starts)]


async def test_what_is_not_a_database_is_left_as_it_is(path: Path) -> None:
    write(path, b"my holiday notes\n" * 400)
    problem = await refusal(path)
    assert problem is not None
    assert "damaged" in problem
    assert "restore a backup" in problem
    assert read(path) == b"my holiday notes\n" * 400


async def test_a_file_that_another_program_holds_is_refused_with_words(path: Path) -> None:
    async with open_database(path):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreProblem, match="locked by another program"):
            await Database.open(path, busy_timeout_ms=20)
