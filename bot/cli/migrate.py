"""``python -m bot migrate``: brings the database to this version's schema, as the next start would."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from bot.cli.ending import EXIT_BUSY, EXIT_CONFIG, say, settings_or_stop, stop
from bot.clock import SystemClock
from bot.core.errors import StoreUnavailable
from bot.store.database import Database
from bot.store.lock import own_folder
from bot.store.migrations import MIGRATIONS, read_migrations
from bot.store.migrations import migrate as bring_forward
from bot.store.problem import FolderInUse, StoreProblem


def migrate() -> None:
    """Migrate, and say what was done."""
    path = settings_or_stop(for_discord=False, level="WARNING").database_path
    try:
        with own_folder(path.parent):
            before = set(path.parent.glob("*.backup"))
            applied = asyncio.run(_migrate(path))
            backups = sorted(set(path.parent.glob("*.backup")) - before)
    except FolderInUse as error:
        stop([error.problem], EXIT_BUSY)
    except StoreProblem as error:
        stop([error.problem], EXIT_CONFIG)
    except StoreUnavailable as error:
        stop([f"The database {path} cannot be used now ({error.detail})"], EXIT_BUSY)
    for backup in backups:
        say(f"backup made: {backup}")
    for name in applied:
        say(f"applied: {name}")
    say(f"{path} has schema {len(read_migrations(MIGRATIONS))}" + ("" if applied else ": there was nothing to do"))


async def _migrate(path: Path) -> Sequence[str]:
    database = await Database.open(path)
    try:
        return await bring_forward(database, MIGRATIONS, clock=SystemClock())
    finally:
        await database.close()
