"""``python -m bot restore FILE``: puts a backup in the database's place; the earlier database is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bot.cli.ending import EXIT_BUSY, EXIT_CONFIG, say, settings_or_stop, stop
from bot.store.backups import restore_backup
from bot.store.lock import own_folder
from bot.store.migrations import MIGRATIONS
from bot.store.problem import FolderInUse, StoreProblem


def restore(file: Path) -> None:
    """Check the backup, put it in place and say where the earlier database went."""
    path = settings_or_stop(for_discord=False, level="WARNING").database_path
    try:
        with own_folder(path.parent):
            kept = path.with_name(f"{path.name}.before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
            restored = restore_backup(file, path, kept=kept, migrations=MIGRATIONS)
    except FolderInUse as error:
        stop([error.problem], EXIT_BUSY)
    except StoreProblem as error:
        stop([error.problem], EXIT_CONFIG)
    say(f"restored: {path} is now {file} (schema {restored.schema}); an older schema is migrated at the next start")
    if kept.exists():
        say(f"the earlier database is kept as {kept}: remove it when you are sure")
