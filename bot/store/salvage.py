"""What a backup does not know of the spending since, read from the damaged database whose place it takes."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

MOST_ROWS: Final = 1_000_000  # a damaged number must not keep the bot from starting

MOST_MICRO_USD: Final = 10**12  # a million dollars for one call is damage, and would fill every cap
FOLDERS: Final = "salvage-"

# One row by its key: the walk to it touches no other table and no index.
ROW: Final = """
SELECT usage_id, trigger_id, attempt, run_id, capability, model, reserved_micro_usd, settled_micro_usd, usage,
       price_version, author_id, guild_id, channel_id, created_at, settled_at
FROM usage_ledger WHERE usage_id = ?
"""
AMOUNTS: Final = slice(6, 8)
PUT: Final = "INSERT INTO usage_ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
NEWEST: Final = "SELECT coalesce(max(usage_id), 0) FROM usage_ledger"


def salvage_spending(damaged: Path, restored: Path) -> None:
    """Copy what can be read of the newer rows of the ledger, each by itself, so that the caps hold.

    Neither raises nor changes the damaged file; the log tells how much came over.
    """
    try:
        # A copy, since SQLite would work the write-ahead log into the file.
        with tempfile.TemporaryDirectory(dir=restored.parent, prefix=FOLDERS) as folder:
            copy = Path(folder) / "damaged.db"
            for end in ("", "-wal"):
                if (beside := damaged.with_name(damaged.name + end)).exists():
                    shutil.copyfile(beside, copy.with_name(copy.name + end))
            with closing(sqlite3.connect(copy)) as source, closing(sqlite3.connect(restored)) as target:
                rows, unreadable = _copied(source, target)
    except (OSError, sqlite3.Error, UnicodeDecodeError, MemoryError) as error:  # the last one is SQLITE_NOMEM
        log.critical("the spending since the backup cannot be read", extra={"detail": type(error).__name__})
        return
    log.warning("copied the spending since the backup", extra={"rows": rows, "unreadable": unreadable})


def remove_leftovers(folder: Path) -> None:
    """Remove the copies that a process left behind which was killed: they hold members' words."""
    for left in folder.glob(f"{FOLDERS}*"):
        shutil.rmtree(left, ignore_errors=True)
        if left.exists():
            log.warning("a copy of a damaged database cannot be removed", extra={"folder": left.name})


def _is_sound(reserved: object, settled: object) -> bool:
    return all(
        isinstance(amount, int) and 0 <= amount <= MOST_MICRO_USD
        for amount in (reserved, 0 if settled is None else settled)
    )


def _copied(source: sqlite3.Connection, target: sqlite3.Connection) -> tuple[int, int]:
    """Return how many rows came over, and how many could not be read."""
    newest: int = target.execute(NEWEST).fetchone()[0]
    last: int = source.execute(NEWEST).fetchone()[0]
    before, unreadable = target.total_changes, 0
    with target:
        for usage_id in range(newest + 1, min(last, newest + MOST_ROWS) + 1):
            try:
                for row in source.execute(ROW, (usage_id,)).fetchall():
                    if _is_sound(*row[AMOUNTS]):
                        target.execute(PUT, row)
                    else:
                        unreadable += 1
            except (sqlite3.Error, UnicodeDecodeError, MemoryError):
                unreadable += 1
    return target.total_changes - before, unreadable
