"""backup, restore and migrate as the operator runs them: nothing is lost, whatever is wrong."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.store.database import Database
from bot.store.migrations import migrate
from tests.cli.conftest import Shell
from tests.clock import FakeClock
from tests.store.samples import MIGRATIONS, open_database

BUSY, CONFIG = 75, 78
TURNS = "SELECT count(*) FROM turns"


async def test_a_backup_is_made_while_the_bot_runs_and_holds_everything(shell: Shell) -> None:
    async with open_database(shell.database) as running:
        with shell.owned():
            await shell.fill()
            assert await running.run(TURNS), "the running bot has it open"
            ended = await shell.run("backup", "--to", shell.folder / "copy.db")
    assert ended.code == 0, ended.err
    assert "copy.db" in ended.out
    copy = shell.folder / "copy.db"
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute(TURNS).fetchone() == (2,)


async def test_a_backup_has_a_name_of_its_own_in_the_data_folder(shell: Shell) -> None:
    await shell.fill()
    assert (await shell.run("backup")).code == 0
    assert len(list(shell.data.glob("parley-*.backup"))) == 1


async def test_a_backup_overwrites_nothing(shell: Shell) -> None:
    await shell.fill()
    taken = shell.folder / "taken"
    taken.write_text("precious", encoding="utf-8")
    ended = await shell.run("backup", "--to", taken)
    assert ended.code == CONFIG
    assert "exists already" in ended.err
    assert taken.read_text(encoding="utf-8") == "precious"


async def test_a_backup_of_nothing_or_to_nowhere_is_a_sentence(shell: Shell) -> None:
    ended = await shell.run("backup")
    assert ended.code == CONFIG
    assert "There is no database" in ended.err
    assert not shell.data.exists(), "a backup makes nothing"
    await shell.fill()
    ended = await shell.run("backup", "--to", shell.folder / "none" / "copy")
    assert ended.code == CONFIG
    assert ended.err.startswith("parley: ")


async def test_the_restore_drill(shell: Shell) -> None:
    await shell.fill()
    copy = shell.folder / "copy"
    assert (await shell.run("backup", "--to", copy)).code == 0
    async with open_database(shell.database) as database:
        await database.run("DELETE FROM turns")
    ended = await shell.run("restore", copy)
    assert ended.code == 0, ended.err
    assert shell.rows(TURNS) == [(2,)]
    assert shell.database.stat().st_mode & 0o777 == 0o600
    (kept,) = shell.data.glob("parley.db.before-restore-*")
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute(TURNS).fetchone() == (0,)
    assert str(kept) in ended.out
    assert copy.exists()
    # What was under way then is not answered now; what was spent stays spent.
    assert shell.rows("SELECT trigger_id, state FROM claims") == [(1, "done"), (2, "expired")]
    assert shell.rows("SELECT count(*) FROM pending") == [(0,)]
    assert shell.rows("SELECT count(*) FROM usage_ledger") == [(2,)]
    async with open_database(shell.database) as database:
        assert await database.run("SELECT 1") is not None


async def test_a_restore_into_an_empty_folder(shell: Shell) -> None:
    await shell.fill()
    copy = shell.folder / "copy"
    await shell.run("backup", "--to", copy)
    other = Shell(shell.folder / "elsewhere")
    other.folder.mkdir()
    assert (await other.run("restore", copy)).code == 0
    assert other.rows(TURNS) == [(2,)]
    assert not list(other.data.glob("*.before-restore-*"))


async def test_a_restore_waits_for_nobody_while_the_bot_runs(shell: Shell) -> None:
    await shell.fill()
    copy = shell.folder / "copy"
    await shell.run("backup", "--to", copy)
    with shell.owned():
        for command in (("restore", copy), ("migrate",)):
            ended = await shell.run(*command)
            assert ended.code == BUSY
            assert "in use by another Parley" in ended.err


def spoil(copy: Path, how: str) -> None:
    content = copy.read_bytes()
    if how == "empty":
        copy.write_bytes(b"")
    elif how == "text":
        copy.write_text("This is not a database.", encoding="utf-8")
    elif how == "half":
        copy.write_bytes(content[: len(content) // 2])
    elif how == "flipped":
        damaged = bytearray(content)
        for position in random.Random(7).sample(range(4096, len(content)), 4000):
            damaged[position] ^= 0xFF
        copy.write_bytes(damaged)
    elif how == "missing":
        copy.unlink()
    else:
        copy.unlink()
        with closing(sqlite3.connect(copy)) as connection:
            connection.execute("CREATE TABLE somebody_elses (x)")


@pytest.mark.parametrize("how", ["empty", "text", "half", "flipped", "missing", "another program's"])
async def test_a_broken_backup_changes_nothing(shell: Shell, how: str) -> None:
    await shell.fill()
    copy = shell.folder / "copy"
    await shell.run("backup", "--to", copy)
    spoil(copy, how)
    before = shell.files()
    ended = await shell.run("restore", copy)
    assert ended.code == CONFIG
    assert str(copy) in ended.err
    assert ended.err.count("\n") == 1
    assert shell.files() == before


async def test_a_newer_backup_and_a_newer_database_are_refused(shell: Shell) -> None:
    await shell.fill()
    copy = shell.folder / "copy"
    await shell.run("backup", "--to", copy)
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("INSERT INTO schema_migrations VALUES (9999, '9999_later', 'x', 0)")
    before = shell.files()
    ended = await shell.run("restore", copy)
    assert ended.code == CONFIG
    assert "newer version" in ended.err
    assert shell.files() == before
    copy.replace(shell.database)
    ended = await shell.run("migrate")
    assert ended.code == CONFIG
    assert "newer version" in ended.err


async def test_a_damaged_database_is_kept_when_a_backup_takes_its_place(shell: Shell) -> None:
    await shell.fill()
    copy = shell.folder / "copy"
    await shell.run("backup", "--to", copy)
    spoil(shell.database, "half")
    damaged = shell.database.read_bytes()
    assert (await shell.run("restore", copy)).code == 0
    assert shell.rows(TURNS) == [(2,)]
    (kept,) = shell.data.glob("parley.db.before-restore-*")
    assert kept.read_bytes() == damaged


async def test_migrate_says_what_it_did_after_a_backup(shell: Shell, tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    oldest = sorted(MIGRATIONS.glob("*.sql"))[0]
    (first / oldest.name).write_bytes(oldest.read_bytes())
    database = await Database.open(shell.database)
    try:
        await migrate(database, first, clock=FakeClock())
    finally:
        await database.close()
    ended = await shell.run("migrate")
    assert ended.code == 0, ended.err
    (made,) = shell.data.glob("*.backup")
    assert str(made) in ended.out
    assert [line for line in ended.out.splitlines() if line.startswith("applied: 0002_")]
    again = await shell.run("migrate")
    assert again.code == 0
    assert "nothing to do" in again.out
    assert (await shell.run("restore", made)).code == 0, "a backup of an older schema can be put back"


async def test_wrong_settings_end_every_command_with_78(shell: Shell) -> None:
    for command in (("migrate",), ("backup",), ("restore", "x"), ("run",)):
        ended = await shell.run(*command, DATABASE_URL="mysql://somewhere")
        assert ended.code == CONFIG
        assert "DATABASE_URL" in ended.err


async def test_an_unknown_command_is_a_matter_of_usage(shell: Shell) -> None:
    assert (await shell.run("dance")).code == 2
    listed = (await shell.run("--help")).out
    for command in ("run", "sandbox", "doctor", "health", "migrate", "backup", "restore"):
        assert command in listed
