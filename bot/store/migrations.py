"""Numbered SQL files that bring the database to the schema of this program: forward only, one transaction each."""

from __future__ import annotations

import hashlib
import logging
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.core.errors import StoreUnavailable
from bot.core.ports.clock import Clock
from bot.store.database import Database, Transaction, milliseconds
from bot.store.files import remove
from bot.store.problem import StoreProblem

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parents[2] / "migrations"
FILE_NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql")

HISTORY_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    checksum   TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT
"""

RECORD = """
INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (:version, :name, :checksum, :now)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: ``NNNN_name.sql``. ``checksum`` is the SHA-256 of its text (line ends count as one kind), in hex."""

    version: int
    name: str
    statements: tuple[str, ...]
    checksum: str


def read_migrations(folder: Path) -> list[Migration]:
    """Read the folder's migrations in order. Raises ``StoreProblem`` when they are not numbered 1, 2, 3 and so on."""
    found = [_read(path) for path in sorted(folder.glob("*.sql")) if FILE_NAME.fullmatch(path.name)]
    if not found or [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise StoreProblem(f"The migrations in {folder} are not complete: install the program again")
    return found


def _read(path: Path) -> Migration:
    """Read one file and split it: Python's ``executescript`` commits first, so it cannot be part of a transaction."""
    text = path.read_text(encoding="utf-8")
    statements = []
    statement = ""
    for piece in text.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            statements.append(statement)
            statement = ""
    if statement:
        raise StoreProblem(f"The migration {path} is not complete: install the program again")
    return Migration(int(path.name[:4]), path.stem, tuple(statements), hashlib.sha256(text.encode()).hexdigest())


async def migrate(database: Database, folder: Path, *, clock: Clock) -> Sequence[str]:
    """Apply what is missing, after a backup beside the file when it holds anything, and return the names applied.

    Raises ``StoreProblem`` when the database is newer than the program, an applied file has changed, or a migration
    fails; a failed one leaves nothing behind.
    """
    migrations = read_migrations(folder)
    try:
        applied = await _applied(database)
        check_history(database.path, migrations, applied)
        pending = migrations[len(applied) :]
        backup = await _back_up(database, len(applied), clock) if applied and pending else None
    except (sqlite3.Error, StoreUnavailable) as error:
        raise StoreProblem(
            f"The database {database.path} cannot be read or copied ({_cause(error)}): "
            "check the disk, and restore a backup if it is damaged"
        ) from error
    for migration in pending:
        try:
            await _apply(database, migration, clock)
        except (sqlite3.Error, StoreUnavailable) as error:
            if backup and migration is pending[0]:
                remove(backup)  # nothing has changed; a start that is repeated must not fill the disk
            raise StoreProblem(
                f"The migration {migration.name} of {database.path} failed ({_cause(error)}) and was undone: "
                "nothing is lost; run the earlier version of the program, and report this"
            ) from error
        log.info("migration %s applied", migration.name)
    return [migration.name for migration in pending]


async def _applied(database: Database) -> list[sqlite3.Row]:
    # Nothing is written before the checks: a newer program's file stays as it is.
    if not await database.run("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'"):
        return []
    return await database.run("SELECT version, name, checksum FROM schema_migrations ORDER BY version")


def check_history(path: Path, migrations: list[Migration], applied: list[sqlite3.Row]) -> None:
    """Raise ``StoreProblem`` unless this program can bring a database forward from what was applied to it."""
    if applied and applied[-1]["version"] > len(migrations):
        raise StoreProblem(
            f"The database {path} was made by a newer version of Parley (schema {applied[-1]['version']}, "
            f"this program knows {len(migrations)}): run that version, or restore the backup made before its upgrade"
        )
    for row, migration in zip(applied, migrations, strict=False):
        if (row["version"], row["checksum"]) != (migration.version, migration.checksum):
            raise StoreProblem(
                f"The migration {migration.name} has changed since it was applied to {path}: "
                "put the program's own files back"
            )


async def _back_up(database: Database, version: int, clock: Clock) -> Path:
    path = database.path
    target = path.with_name(f"{path.stem}-schema-{version:04d}-{clock.now():%Y%m%dT%H%M%S%fZ}.backup")
    await database.backup(target)
    log.info("backup made: %s", target.name)
    return target


async def _apply(database: Database, migration: Migration, clock: Clock) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.run(HISTORY_TABLE)
        for statement in migration.statements:
            await transaction.run(statement)
        await transaction.run(
            RECORD,
            {
                "version": migration.version,
                "name": migration.name,
                "checksum": migration.checksum,
                "now": milliseconds(clock.now()),
            },
        )

    await database.transaction(work)


def _cause(error: sqlite3.Error | StoreUnavailable) -> str:
    return error.detail if isinstance(error, StoreUnavailable) else str(error)
