"""A schema that only moves forward, whole, and never under a program that does not know it."""

import hashlib
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.store.database import Database
from bot.store.migrations import migrate, read_migrations
from bot.store.problem import StoreProblem
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import MIGRATIONS, answer, ask, open_database, read

KNOWN = read_migrations(MIGRATIONS)[-1].version
EXTRA = f"{KNOWN + 1:04}_extra"
SECOND = """-- Reason: a test; it says "semicolon; inside".
CREATE TABLE extra (id INTEGER PRIMARY KEY, text TEXT NOT NULL DEFAULT 'a;b') STRICT;
INSERT INTO extra (id) VALUES (1);
CREATE TRIGGER extra_twice AFTER INSERT ON extra WHEN new.id < 10 BEGIN
    INSERT INTO extra (id) VALUES (new.id + 10);
END;
INSERT INTO extra (id) VALUES (2);
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))


def backups(path: Path) -> list[Path]:
    return sorted(path.parent.glob("*.backup"))


def rows(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


async def upgrade(path: Path, folder: Path, *, later: timedelta = timedelta(0)) -> list[str]:
    clock = FakeClock()
    clock.advance(later)
    database = await Database.open(path)
    try:
        return list(await migrate(database, folder, clock=clock))
    finally:
        await database.close()


async def make_old(path: Path) -> None:
    """Make a database of today's schema with a conversation in it."""
    async with open_database(path) as database:
        await answer(SqliteTurnStore(database, FakeClock()), ask(1))


def test_the_programs_own_migrations_are_complete() -> None:
    names = [migration.name for migration in read_migrations(MIGRATIONS)]
    assert names == sorted(names)
    assert all(read(MIGRATIONS / f"{name}.sql").startswith(b"-- ") for name in names), "the reason stands on top"


async def test_each_migration_is_applied_once_and_leaves_its_checksum(path: Path, folder: Path) -> None:
    first = await upgrade(path, folder)
    assert first == [migration.name for migration in read_migrations(folder)]
    assert await upgrade(path, folder) == []
    stored = dict(rows(path, "SELECT name, checksum FROM schema_migrations"))
    assert stored == {name: hashlib.sha256(read(folder / f"{name}.sql")).hexdigest() for name in first}
    assert backups(path) == []


async def test_a_database_with_data_is_backed_up_before_it_changes(path: Path, folder: Path) -> None:
    await make_old(path)
    (folder / f"{EXTRA}.sql").write_text(SECOND)
    assert await upgrade(path, folder) == [EXTRA]
    assert rows(path, "SELECT id, text FROM extra ORDER BY id") == [(1, "a;b"), (2, "a;b"), (12, "a;b")]
    [backup] = backups(path)
    assert backup.name.startswith(f"parley-schema-{KNOWN:04}-20260301T120000")
    assert backup.stat().st_mode & 0o777 == 0o600
    assert rows(backup, "SELECT count(*) FROM turns") == [(2,)]
    assert rows(backup, "SELECT max(version) FROM schema_migrations") == [(KNOWN,)]


async def test_a_migration_that_fails_leaves_nothing(path: Path, folder: Path) -> None:
    await make_old(path)
    (folder / f"{EXTRA}.sql").write_text(SECOND + "INSERT INTO nowhere VALUES (1);\n")
    with pytest.raises(StoreProblem, match=EXTRA) as caught:
        await upgrade(path, folder)
    assert "undone" in caught.value.problem
    assert rows(path, "SELECT name FROM sqlite_master WHERE name LIKE 'extra%'") == []
    assert rows(path, "SELECT max(version) FROM schema_migrations") == [(KNOWN,)]
    assert backups(path) == [], "a start that is repeated must not fill the disk"
    (folder / f"{EXTRA}.sql").write_text(SECOND)
    assert await upgrade(path, folder) == [EXTRA]
    assert rows(path, "SELECT count(*) FROM turns") == [(2,)]


async def test_an_unfinished_statement_is_an_error(path: Path, folder: Path) -> None:
    (folder / f"{EXTRA}.sql").write_text("-- Reason: a test.\nCREATE TABLE extra (text TEXT DEFAULT 'open);\n")
    with pytest.raises(StoreProblem, match="not complete"):
        await upgrade(path, folder)


KILLED = """
import asyncio, os, pathlib, signal, sys
import aiosqlite
from bot.store.database import Database
from bot.store.migrations import migrate
from tests.clock import FakeClock

left = int(sys.argv[3])
execute = aiosqlite.Connection.execute_fetchall

def dying(self, sql, parameters=None):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(self, sql, parameters)

async def main():
    database = await Database.open(pathlib.Path(sys.argv[1]))
    aiosqlite.Connection.execute_fetchall = dying
    await migrate(database, pathlib.Path(sys.argv[2]), clock=FakeClock())

asyncio.run(main())
"""


@pytest.mark.parametrize("statement", range(4, 12))
async def test_a_kill_in_the_middle_leaves_all_or_nothing(path: Path, folder: Path, statement: int) -> None:
    """Statements: 1 and 2 read the version, 3 is the backup, 4 begins, 6 to 9 are the migration's, 11 commits."""
    await make_old(path)
    (folder / f"{EXTRA}.sql").write_text(SECOND)
    child = subprocess.run(  # noqa: ASYNC221 (nothing else runs in this loop)
        [sys.executable, "-c", KILLED, str(path), str(folder), str(statement)],
        cwd=MIGRATIONS.parent,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    assert rows(path, "SELECT name FROM sqlite_master WHERE name LIKE 'extra%'") == []
    assert rows(path, "SELECT max(version) FROM schema_migrations") == [(KNOWN,)]
    assert await upgrade(path, folder, later=timedelta(seconds=1)) == [EXTRA]


async def test_a_newer_database_is_refused_and_not_touched(path: Path, folder: Path) -> None:
    (folder / f"{EXTRA}.sql").write_text(SECOND)
    await upgrade(path, folder)
    before = read(path)
    says = rf"newer version of Parley \(schema {KNOWN + 1}, this program knows {KNOWN}\)"
    with pytest.raises(StoreProblem, match=says):
        await upgrade(path, MIGRATIONS)
    assert read(path) == before


async def test_a_migration_that_changed_after_it_was_applied_is_refused(path: Path, folder: Path) -> None:
    await upgrade(path, folder)
    first = folder / "0001_turns.sql"
    text = first.read_text()
    first.write_text(text + "-- one more thought\n")
    with pytest.raises(StoreProblem, match="0001_turns has changed"):
        await upgrade(path, folder)
    first.write_bytes(text.replace("\n", "\r\n").encode())
    assert await upgrade(path, folder) == [], "line ends are not a change"


@pytest.mark.parametrize("names", [(), ("0002_b.sql",), ("0001_a.sql", "0003_c.sql"), ("0001_a.sql", "0001_b.sql")])
def test_missing_and_double_numbers_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(StoreProblem, match="not complete"):
        read_migrations(tmp_path)


async def test_without_room_for_a_backup_nothing_is_migrated(path: Path, folder: Path) -> None:
    await make_old(path)
    (folder / f"{EXTRA}.sql").write_text(SECOND)
    database = await Database.open(path)
    try:
        for _ in range(2):
            # The name of the backup is taken.
            taken = path.with_name(f"parley-schema-{KNOWN:04}-20260301T120000000000Z.backup")
            taken.write_bytes(b"mine")
            with pytest.raises(StoreProblem):
                await migrate(database, folder, clock=FakeClock())
            assert taken.read_bytes() == b"mine"
    finally:
        await database.close()
    assert rows(path, "SELECT max(version) FROM schema_migrations") == [(KNOWN,)]
