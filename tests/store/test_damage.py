"""A damaged database at the start: the newest whole backup takes its place, and no byte of the damaged one is lost."""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.core.caps import CapPeriod, SpendingCaps
from bot.core.errors.limits import BudgetExhausted
from bot.store.backups import restore_newest
from bot.store.figures import SqliteFigures
from bot.store.problem import DatabaseDamaged, StoreProblem
from bot.store.salvage import remove_leftovers
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import MIGRATIONS, NO_CAP, RESERVATION, SETTLEMENT, answer, ask, open_database, read, write

FLIPS = 100


async def fill(path: Path, clock: FakeClock) -> None:
    """Make a database with two backups: of one turn, and of two."""
    async with open_database(path) as database:
        store = SqliteTurnStore(database, clock)
        for number in (1, 2, 3):
            await answer(store, ask(number), "words " * 200)
            await store.finish(number)
            if number < 3:
                backup = path.with_name(f"parley-{number}.backup")
                await database.backup(backup)
                os.utime(backup, (number, number))


async def turns(path: Path) -> int:
    async with open_database(path) as database:
        [row] = await database.run("SELECT count(*) FROM turns")
        return int(row[0])


async def test_whatever_bytes_are_flipped_it_opens_or_is_restored_and_kept(path: Path, clock: FakeClock) -> None:
    await fill(path, clock)
    good, choose, restored = read(path), random.Random(23), 0
    for number in range(FLIPS):
        bad = bytearray(good)
        for _ in range(choose.choice((1, 16, 4096))):
            bad[choose.randrange(len(bad))] ^= 1 << choose.randrange(8)
        write(path, bytes(bad))
        try:
            await turns(path)
        except DatabaseDamaged:
            assert read(path) == bad
            kept = path.with_name(f"parley.db.damaged-{number}")
            backup, _ = restore_newest(path, kept=kept, migrations=MIGRATIONS)
            assert backup.name == "parley-2.backup"
            assert read(kept) == bad
            assert await turns(path) == 4
            restored += 1
        except StoreProblem:  # whole as a file, and not what the program wrote
            assert read(path) == bad
    assert restored > FLIPS / 4


async def test_a_backup_that_is_damaged_too_is_passed_over(path: Path, clock: FakeClock) -> None:
    await fill(path, clock)
    newest = path.with_name("parley-2.backup")
    write(newest, read(newest)[:5000])
    os.utime(newest, (9, 9))
    write(path, b"my holiday notes\n" * 400)
    write(path.with_name("parley.db-wal"), b"a log of something")
    backup, _ = restore_newest(path, kept=path.with_name("kept"), migrations=MIGRATIONS)
    assert backup.name == "parley-1.backup"
    assert read(path.with_name("kept")) == b"my holiday notes\n" * 400
    assert read(path.with_name("kept-wal")) == b"a log of something"
    assert await turns(path) == 2


async def test_without_a_whole_backup_nothing_changes(path: Path, clock: FakeClock) -> None:
    await fill(path, clock)
    for backup in path.parent.glob("*.backup"):
        write(backup, b"not a backup")
    write(path, b"my holiday notes\n" * 400)
    before = {file.name: read(file) for file in path.parent.iterdir()}
    with pytest.raises(StoreProblem, match="2 were looked at"):
        restore_newest(path, kept=path.with_name("kept"), migrations=MIGRATIONS)
    assert {file.name: read(file) for file in path.parent.iterdir()} == before


async def spend(path: Path, numbers: range) -> None:
    async with open_database(path) as database:
        store = SqliteTurnStore(database, FakeClock())
        for number in numbers:
            await answer(store, ask(number), "words " * 200)
            await store.finish(number)


async def room(path: Path) -> int:
    """Return what may still be reserved today under a cap of a million."""
    async with open_database(path) as database:
        return 1_000_000 - await SqliteFigures(database, FakeClock()).spent_micro_usd(CapPeriod.DAY)


def destroy(path: Path, table: str) -> None:
    """Flip every byte of the page where a table begins."""
    with closing(sqlite3.connect(path)) as connection:
        [size] = connection.execute("PRAGMA page_size").fetchone()
        [page] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    bad = bytearray(read(path))
    bad[(page - 1) * size : page * size] = bytes(byte ^ 0xFF for byte in bad[(page - 1) * size : page * size])
    write(path, bytes(bad))


@pytest.mark.parametrize("in_the_log", [False, True], ids=["file", "write-ahead-log"])
async def test_what_was_spent_after_the_backup_still_counts_when_another_table_is_damaged(
    path: Path, clock: FakeClock, in_the_log: bool, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(path, clock)  # the newest backup knows of two of three
    await spend(path, range(4, 200))
    expected = await room(path)
    if in_the_log:
        async with open_database(path) as database:
            await SqliteTurnStore(database, clock).claim(ask(200))
            await SqliteTurnStore(database, clock).begin(200, RESERVATION, caps=NO_CAP)
            files = {end: read(path.with_name(f"parley.db{end}")) for end in ("", "-wal")}
        for end, content in files.items():  # as kill -9 leaves them
            write(path.with_name(f"parley.db{end}"), content)
        log = files["-wal"]
        expected -= RESERVATION.micro_usd
        bad = bytearray(read(path))
        bad[-5000:] = b"\xff" * 5000
        write(path, bytes(bad))
    else:
        destroy(path, "turns")
        log = b""
    with pytest.raises(DatabaseDamaged):
        await turns(path)
    before = read(path)
    kept = path.with_name("kept")
    restore_newest(path, kept=kept, migrations=MIGRATIONS)
    assert read(kept) == before
    assert not in_the_log or read(path.with_name("kept-wal")) == log
    assert await room(path) == expected
    assert any("copied the spending" in message for message in caplog.messages)
    assert not list(path.parent.glob("salvage-*"))
    async with open_database(path) as database:
        store = SqliteTurnStore(database, clock)
        await store.claim(ask(300))
        with pytest.raises(BudgetExhausted):
            await store.begin(300, RESERVATION, caps=SpendingCaps(1_000_000 - expected))


@pytest.mark.parametrize("column", ["reserved_micro_usd", "settled_micro_usd"])
@pytest.mark.parametrize("amount", [2**63 - 1, 10**12 + 1, -1])
async def test_an_amount_that_cannot_be_is_left_out(
    path: Path, clock: FakeClock, column: str, amount: int, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(path, clock)
    await spend(path, range(4, 8))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(f"UPDATE usage_ledger SET {column} = ? WHERE trigger_id IN (4, 5)", (amount,))
    restore_newest(path, kept=path.with_name("kept"), migrations=MIGRATIONS)
    [told] = [record for record in caplog.records if record.message == "copied the spending since the backup"]
    assert (vars(told)["rows"], vars(told)["unreadable"]) == (3, 2)
    assert await room(path) == 1_000_000 - 5 * SETTLEMENT.micro_usd


def test_what_a_killed_process_left_behind_is_removed(tmp_path: Path) -> None:
    (tmp_path / "salvage-abc").mkdir()
    write(tmp_path / "salvage-abc" / "damaged.db", b"words")
    write(tmp_path / "parley.db", b"kept")
    remove_leftovers(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["parley.db"]


async def test_spending_that_cannot_be_read_is_told_and_stops_nothing(
    path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(path, clock)
    await spend(path, range(4, 40))
    destroy(path, "usage_ledger")
    with pytest.raises(DatabaseDamaged):
        await turns(path)
    restore_newest(path, kept=path.with_name("kept"), migrations=MIGRATIONS)
    assert await room(path) == 1_000_000 - 2 * SETTLEMENT.micro_usd
    assert "the spending since the backup cannot be read" in caplog.messages


async def test_one_page_of_the_ledger_that_is_damaged_costs_its_own_rows_only(
    path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(path, clock)
    await spend(path, range(4, 200))
    content = bytearray(read(path))
    with closing(sqlite3.connect(path)) as connection:
        [size] = connection.execute("PRAGMA page_size").fetchone()
        [root] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'usage_ledger'").fetchone()
    begin = (root - 1) * size
    assert content[begin] == 5, "an inner page: the table has leaves"
    cell = int.from_bytes(content[begin + 12 + 2 : begin + 12 + 4], "big")  # the second one's
    leaf = int.from_bytes(content[begin + cell : begin + cell + 4], "big")
    content[(leaf - 1) * size : leaf * size] = b"\xff" * size
    write(path, bytes(content))
    with pytest.raises(DatabaseDamaged):
        await turns(path)
    restore_newest(path, kept=path.with_name("kept"), migrations=MIGRATIONS)
    [told] = [record for record in caplog.records if record.message == "copied the spending since the backup"]
    rows, unreadable = vars(told)["rows"], vars(told)["unreadable"]
    assert unreadable > 0
    assert rows + unreadable == 197
    assert await room(path) == 1_000_000 - (2 + rows) * SETTLEMENT.micro_usd
