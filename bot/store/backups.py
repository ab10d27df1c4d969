"""Copies of the database file: made while the bot runs, checked, and put back. For tools, so nothing here is async."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bot.store.files import new_file, remove
from bot.store.migrations import check_history, read_migrations
from bot.store.problem import StoreProblem
from bot.store.salvage import salvage_spending

HEADER = b"SQLite format 3\0"
BUSY_SECONDS = 30.0
STEPS = 10_000  # of SQLite's machine between two looks at the clock
BESIDE = ("-wal", "-shm")

# What was under way when the backup was made was answered since, or is too old to be.
END_UNFINISHED = (
    "UPDATE claims SET state = 'expired', reason = 'restored' WHERE state IN ('claimed', 'generating', 'ready')",
    "DELETE FROM pending WHERE trigger_id NOT IN (SELECT trigger_id FROM claims WHERE state = 'failed')",
    "DELETE FROM outbox",
)
FILES_SINCE = 6  # the schema from which on the files of replies have a table of their own


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What a look at a database file shows. ``schema`` is 0 when nothing was migrated into it yet."""

    schema: int
    size_bytes: int


class TooSlow(Exception):
    """The look took longer than its deadline."""


def look(path: Path, *, seconds: float | None = None, whole: bool = False) -> DatabaseState:
    """Check a database file without changing it; another process may use it meanwhile.

    ``whole`` compares the indexes with their tables, too. Raises ``StoreProblem``, or ``TooSlow`` after ``seconds``.
    """
    with _reading(path, seconds) as connection:
        check = "integrity_check" if whole else "quick_check"
        rows = connection.execute(f"PRAGMA {check}(1)").fetchall()
        if rows != [("ok",)]:
            raise StoreProblem(f"{path} is damaged ({check})")
        return DatabaseState(_schema(connection), path.stat().st_size)


def write_backup(path: Path, target: Path) -> DatabaseState:
    """Write a compact copy with mode 0600, check it, and give it its name. Raises ``StoreProblem``."""
    if not path.is_file():
        raise StoreProblem(f"There is no database at {path}: the first start of the bot makes it")
    try:
        with new_file(target) as unfinished:
            with _reading(path, None) as connection:
                connection.execute("VACUUM INTO ?", (str(unfinished),))
            return look(unfinished, whole=True)
    except OSError as error:
        raise StoreProblem(f"The backup {target} cannot be written ({error.strerror})") from error


def restore_newest(path: Path, *, kept: Path, migrations: Path) -> tuple[Path, DatabaseState]:
    """Put the newest whole backup beside a damaged database in its place; the damaged one becomes ``kept``.

    The caller owns the data folder. Raises ``StoreProblem`` when there is none, and then nothing has changed.
    """
    backups = sorted(path.parent.glob("*.backup"), key=lambda backup: backup.stat().st_mtime, reverse=True)
    for backup in backups:
        try:
            return backup, restore_backup(backup, path, kept=kept, migrations=migrations, damaged=True)
        except StoreProblem:
            continue  # an older one may be whole
    raise StoreProblem(f"There is no whole backup of {path} beside it: {len(backups)} were looked at")


def restore_backup(backup: Path, path: Path, *, kept: Path, migrations: Path, damaged: bool = False) -> DatabaseState:
    """Put a checked copy of a backup in the database's place; the database becomes ``kept``.

    The caller owns the data folder. A ``damaged`` database is kept byte for byte, with its log, and what it
    knows of the spending since goes into the copy.
    Raises ``StoreProblem``, and then nothing has changed.
    """
    try:
        with backup.open("rb") as file:
            if file.read(len(HEADER)) != HEADER:
                raise StoreProblem(f"{backup} is not a backup of Parley: it is no SQLite file")
        if any(backup.with_name(backup.name + end).exists() for end in BESIDE):
            raise StoreProblem(f"{backup} has a -wal or -shm file beside it: it is in use, and not a backup")
        whole = path.with_name(f"{path.name}.restoring")
        remove(whole)
        with new_file(whole) as copy:
            shutil.copyfile(backup, copy)
            state = _checked(copy, backup, migrations)
            if damaged and path.exists():
                salvage_spending(path, copy)
        _keep(path, kept, damaged=damaged)
        whole.replace(path)
    except OSError as error:
        raise StoreProblem(f"{backup} cannot be restored ({error.strerror}); nothing is lost") from error
    return state


def _checked(copy: Path, backup: Path, migrations: Path) -> DatabaseState:
    try:
        state = look(copy, whole=True)
        with closing(sqlite3.connect(copy.absolute(), isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            _check_schema(connection, backup, migrations)
            connection.execute("PRAGMA secure_delete = ON")
            for statement in END_UNFINISHED:
                connection.execute(statement)
            if _schema(connection) >= FILES_SINCE:
                connection.execute("DELETE FROM outbox_files")
    except sqlite3.Error as error:
        raise StoreProblem(f"{backup} is damaged ({_name(error)}): nothing was changed") from error
    except StoreProblem as problem:
        raise StoreProblem(problem.problem.replace(str(copy), str(backup)) + "; nothing was changed") from None
    return state


def _check_schema(connection: sqlite3.Connection, backup: Path, migrations: Path) -> None:
    if not _schema(connection):
        raise StoreProblem(f"{backup} is not a backup of Parley: it has none of its tables")
    applied = connection.execute("SELECT version, name, checksum FROM schema_migrations ORDER BY version").fetchall()
    check_history(backup, read_migrations(migrations), applied)


def _keep(path: Path, kept: Path, *, damaged: bool) -> None:
    """Move the database aside with what belongs to it, so that no write-ahead log meets another file."""
    if not path.exists():
        return
    if not damaged:
        # What is in the log goes into the file, which then stands for itself.
        with suppress(sqlite3.Error), closing(sqlite3.connect(path.absolute(), timeout=BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for end in BESIDE:
        beside = path.with_name(path.name + end)
        if beside.exists():
            beside.rename(kept.with_name(kept.name + end))
    try:
        kept.hardlink_to(path)  # so that there is a database at every moment
    except OSError:  # a file system without links
        path.rename(kept)


@contextmanager
def _reading(path: Path, seconds: float | None) -> Iterator[sqlite3.Connection]:
    until = None if seconds is None else time.monotonic() + seconds
    try:
        # Without a write-ahead log nobody has it open. Then it is read as it lies, since SQLite would make that log
        # and leave it behind, perhaps as a user whose files the bot cannot open.
        in_use = path.with_name(f"{path.name}-wal").exists()
        uri = f"{path.absolute().as_uri()}?mode=ro{'' if in_use else '&immutable=1'}"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as opened:
            if until is not None:
                opened.set_progress_handler(lambda: time.monotonic() > until, STEPS)
            yield opened
    except sqlite3.Error as error:
        if _name(error) == "SQLITE_INTERRUPT":
            raise TooSlow from None
        raise StoreProblem(f"{path} cannot be read or copied ({_name(error)})") from error
    except UnicodeDecodeError:  # from Python's module: a damaged file's complaint quotes what is no text
        raise StoreProblem(f"{path} is damaged (undecodable text)") from None


def _schema(connection: sqlite3.Connection) -> int:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_migrations'").fetchone():
        return 0
    return int(connection.execute("SELECT coalesce(max(version), 0) FROM schema_migrations").fetchone()[0])


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", type(error).__name__)
