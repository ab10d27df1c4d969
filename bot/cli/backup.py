"""``python -m bot backup``: a whole copy of the database, also while the bot runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bot.cli.ending import EXIT_CONFIG, say, settings_or_stop, stop
from bot.store.backups import write_backup
from bot.store.problem import StoreProblem


def backup(target: Path | None) -> None:
    """Write the copy and say where it is."""
    path = settings_or_stop(for_discord=False, level="WARNING").database_path
    copy = target or path.with_name(f"{path.stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.backup")
    try:
        written = write_backup(path, copy)
    except StoreProblem as error:
        stop([error.problem], EXIT_CONFIG)
    say(f"backup made: {copy} (schema {written.schema}, {written.size_bytes} bytes, checked)")
