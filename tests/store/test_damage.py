"""A damaged database at the start: the newest whole backup takes its place, and no byte of the damaged one is lost."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from bot.store.backups import restore_newest
from bot.store.problem import DatabaseDamaged, StoreProblem
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import MIGRATIONS, answer, ask, open_database, read, write

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
