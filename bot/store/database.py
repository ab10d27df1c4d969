"""One SQLite connection for the process, and transactions on it that a cancelled caller cannot tear.

A statement that runs alone is a transaction by itself (autocommit): ``Database.run``. Several belong together in
``Database.transaction``. Both hold one lock, reads included: the connection is shared, so a read beside an open
transaction would see its uncommitted rows. That costs little, since one worker thread runs all statements anyway.

Both run in a task of their own behind ``asyncio.shield``. A cancelled caller stops waiting; what it started is
still carried out as a whole.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self, TypeVar

import aiosqlite

from bot.core.errors import StoreUnavailable
from bot.store.files import new_file, private_file, private_folder
from bot.store.problem import DatabaseDamaged, StoreProblem

log = logging.getLogger(__name__)

T = TypeVar("T")
Value = str | int | float | bytes | None
Parameters = Mapping[str, Value]

SQLITE_VERSION = (3, 37, 0)  # STRICT tables
BUSY_TIMEOUT_MS = 5000
BUSY_ATTEMPTS = 3  # a backup or another tool may hold the file for longer than one busy timeout
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", "temp_store=MEMORY")
# Comes first, and only new files take it: their free pages can be given back (bot/store/retention.py).
NEW_FILE = "auto_vacuum=INCREMENTAL"

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# What the machine or another process does to us. Everything else (a constraint, bad SQL) is a mistake of ours.
UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)


def milliseconds(at: datetime) -> int:
    """Return a moment as it is stored: milliseconds since 1970, UTC."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def moment(stored: int) -> datetime:
    """Return a stored moment, aware, in UTC."""
    return EPOCH + timedelta(milliseconds=stored)


class Transaction:
    """The statements of one open transaction. Valid only while ``Database.transaction`` runs its work."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def run(self, sql: str, parameters: Parameters | None = None) -> list[sqlite3.Row]:
        """Run one statement and return its rows."""
        return list(await self._connection.execute_fetchall(sql, parameters or {}))

    async def run_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        """Run one statement without rows for each set of parameters, in order."""
        await self._connection.executemany(sql, parameters)


class Database:
    """The open database file. Made by ``open``; ``close`` belongs into a ``finally``."""

    def __init__(self, path: Path, connection: aiosqlite.Connection) -> None:
        self.path = path
        self._connection = connection
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[object]] = set()  # the event loop itself holds tasks weakly
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Self:
        """Open the file, or make it and its folder.

        Raises ``StoreProblem`` when it is damaged (it is left exactly as it is), locked for long or not writable.
        """
        # aiosqlite writes statements with their parameters to its log at DEBUG: members' words.
        logging.getLogger("aiosqlite").setLevel(logging.INFO)
        if sqlite3.sqlite_version_info < SQLITE_VERSION:
            raise StoreProblem(f"SQLite {sqlite3.sqlite_version} is too old: 3.37 or newer is needed")
        private_folder(path.parent)
        descriptor = private_file(path)
        size = os.fstat(descriptor).st_size
        os.close(descriptor)
        try:
            if size:
                await _check(path, busy_timeout_ms)
            return cls(path, await _connect(path, busy_timeout_ms, new=not size))
        except sqlite3.Error as error:
            raise _unusable(path, error) from error
        except UnicodeDecodeError:  # what is damaged is named in its own broken bytes, which go no further
            raise _damaged(path, "undecodable") from None

    async def run(self, sql: str, parameters: Parameters | None = None) -> list[sqlite3.Row]:
        """Run one statement as a transaction of its own and return its rows.

        Raises ``StoreUnavailable``.
        """
        return await self._shielded(lambda: self._first(sql, parameters))

    async def transaction(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run ``work`` in one write transaction: all of its statements, or none when it raises.

        ``work`` awaits nothing but its statements, since everything else waits for it. Raises ``StoreUnavailable``.
        """

        async def statements() -> T:
            try:
                # Not deferred: a later upgrade to writing fails at once, whatever the busy timeout says.
                await self._first("BEGIN IMMEDIATE")
                result = await work(Transaction(self._connection))
                await self._connection.execute_fetchall("COMMIT")
            except BaseException:
                # Whatever was queued in the worker runs before this, a cancelled BEGIN or COMMIT too. Without an
                # open transaction it does nothing.
                await self._connection.rollback()
                raise
            return result

        return await self._shielded(statements)

    async def checkpoint(self) -> None:
        """Move the write-ahead log into the file and empty it, so that deleted bytes are gone from both."""
        await self.run("PRAGMA wal_checkpoint(TRUNCATE)")

    async def backup(self, target: Path) -> None:
        """Write a compact copy with mode 0600. It has its name only when it is whole and on the disk.

        Raises ``StoreProblem`` when the name is taken, ``StoreUnavailable`` when it cannot be written.
        """
        with new_file(target) as unfinished:
            await self.run("VACUUM INTO :path", {"path": str(unfinished)})

    async def close(self) -> None:
        """Let what was called before finish, then close; further calls raise ``StoreUnavailable``."""
        self._closed = True
        try:
            if self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            # aiosqlite's worker is not a daemon thread: without this the process never ends.
            await self._connection.close()

    async def _first(self, sql: str, parameters: Parameters | None = None) -> list[sqlite3.Row]:
        for _ in range(BUSY_ATTEMPTS - 1):
            try:
                return list(await self._connection.execute_fetchall(sql, parameters or {}))
            except sqlite3.OperationalError as error:
                if _primary(error) != sqlite3.SQLITE_BUSY:
                    raise
                log.warning("the database is locked by another process; trying again")
        return list(await self._connection.execute_fetchall(sql, parameters or {}))

    async def _shielded(self, statements: Callable[[], Awaitable[T]]) -> T:
        if self._closed:
            raise StoreUnavailable("closed")
        task = asyncio.create_task(self._alone(statements))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_failure)  # nobody else will hear of it
            raise

    async def _alone(self, statements: Callable[[], Awaitable[T]]) -> T:
        async with self._lock:
            try:
                return await statements()
            except sqlite3.Error as error:
                if isinstance(error, sqlite3.OperationalError) and not _primary(error):
                    # From Python's module: bytes that are no UTF-8. Its message quotes them, so it goes no further.
                    raise StoreUnavailable("undecodable text") from None
                if _primary(error) not in UNAVAILABLE:
                    raise
                raise StoreUnavailable(error.sqlite_errorname) from error
            except ValueError as error:  # how aiosqlite says that it is closed
                if not self._closed:
                    raise
                raise StoreUnavailable("closed") from error


async def _check(path: Path, busy_timeout_ms: int) -> None:
    # Read-only, so that a damaged file and its write-ahead log stay byte for byte what they are: an ordinary
    # connection would set the journal mode in its header and move the log into it when it closes.
    async with aiosqlite.connect(_uri(path, "ro"), uri=True, timeout=busy_timeout_ms / 1000) as connection:
        rows = list(await connection.execute_fetchall("PRAGMA quick_check(1)"))
    if [row[0] for row in rows] != ["ok"]:
        raise _damaged(path, "quick_check")


async def _connect(path: Path, busy_timeout_ms: int, *, new: bool) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(
        _uri(path, "rwc"), uri=True, isolation_level=None, timeout=busy_timeout_ms / 1000
    )
    try:
        connection.row_factory = sqlite3.Row
        for pragma in (NEW_FILE, *PRAGMAS) if new else PRAGMAS:
            await connection.execute_fetchall(f"PRAGMA {pragma}")
    except BaseException:
        await connection.close()
        raise
    return connection


def _uri(path: Path, mode: str) -> str:
    """Return the name of a file that SQLite takes for nothing else, such as a database in memory."""
    return f"{path.absolute().as_uri()}?mode={mode}"


def _primary(error: sqlite3.Error) -> int:
    """Return the primary result code; 0 for an error of the Python module itself, which has none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _unusable(path: Path, error: sqlite3.Error) -> StoreProblem:
    code = _primary(error)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreProblem(f"The database {path} is locked by another program: end that one first")
    if code in UNAVAILABLE - {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return StoreProblem(f"The database {path} cannot be opened ({name}): check the disk and who owns the file")
    return _damaged(path, name)


def _damaged(path: Path, name: str) -> DatabaseDamaged:
    return DatabaseDamaged(
        f"The database {path} is damaged ({name}) and was left as it is: restore a backup, "
        "or move it and the files beside it (-wal, -shm) away to begin with an empty one"
    )


def _log_failure(task: asyncio.Task[object]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("a transaction failed after its caller was cancelled: %s", type(error).__name__)
