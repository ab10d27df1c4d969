"""What ``doctor`` looks at on this machine: the data folder, the disk and the database. Nothing is made or changed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from bot.cli.findings import OTHERS, Finding, ok, problem, warn
from bot.heartbeat import HEARTBEAT_NAME, judge, read_heartbeat
from bot.settings import Settings
from bot.store.backups import TooSlow, look
from bot.store.migrations import MIGRATIONS, read_migrations
from bot.store.problem import StoreProblem

MIB = 1024 * 1024
DISK_PROBLEM_BYTES = 50 * MIB
DISK_WARN_BYTES = 1024 * MIB
CHECK_SECONDS = 60.0
OLD_BACKUP_DAYS = 7
DAY_SECONDS = 86_400.0


def look_at_files(settings: Settings) -> Iterator[Finding]:
    """Look at folder, disk, database and heartbeat."""
    path = settings.database_path
    place = next(folder for folder in (path.parent, *path.absolute().parents) if folder.exists())
    yield _folder(path.parent, place)
    yield _disk(place, path)
    yield from _database(path)
    if path.exists():
        yield _backup(path.parent)
    heartbeat = read_heartbeat(path.with_name(HEARTBEAT_NAME))
    if heartbeat is not None:
        verdict = judge(heartbeat, time.time())
        well = verdict.healthy and not verdict.degraded
        yield ok("bot", verdict.line) if well else warn("bot", verdict.line, "look at its log")


def _folder(folder: Path, place: Path) -> Finding:
    if not os.access(place, os.W_OK | os.X_OK):
        advice = f"run: chown -R {os.geteuid()} {place}, or choose another DATABASE_URL"
        return problem("folder", f"user {os.geteuid()} may not write in {place}", advice)
    if place != folder:
        return ok("folder", f"{folder} will be made at the first start")
    if folder.stat().st_mode & OTHERS:
        return warn("folder", f"{folder} can be read by others on this machine", f"run: chmod 700 {folder}")
    return ok("folder", f"{folder} can be written, and is read by its owner only")


def _disk(place: Path, path: Path) -> Finding:
    free = shutil.disk_usage(place).free
    size = path.stat().st_size if path.exists() else 0
    text = f"{free // MIB} MiB are free"
    if free < DISK_PROBLEM_BYTES:
        return problem("disk", text, "make room: the bot stops answering when it can record nothing")
    if free < DISK_WARN_BYTES or free < 2 * size:
        return warn("disk", text, "make room: a migration copies the database first")
    return ok("disk", text)


def _backup(folder: Path) -> Finding:
    how = "run: python -m bot backup; docs/operating.md says how to have it done every day"
    made = {backup: backup.stat().st_mtime for backup in folder.glob("*.backup")}
    if not made:
        return warn("backup", f"there is none in {folder}, from which a damaged database would be replaced", how)
    newest = max(made, key=made.__getitem__)
    days = (time.time() - made[newest]) / DAY_SECONDS
    text = f"the newest in {folder} is {days:.1f} days old ({newest.name})"
    return ok("backup", text) if days <= OLD_BACKUP_DAYS else warn("backup", text, how)


def _database(path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield ok("database", f"{path} will be made at the first start")
        return
    try:
        state = look(path, seconds=CHECK_SECONDS)
        known = len(read_migrations(MIGRATIONS))
    except StoreProblem as error:
        yield problem("database", error.problem, "restore a backup: python -m bot restore FILE")
        return
    except TooSlow:
        yield warn("database", f"its check took more than {CHECK_SECONDS:.0f} s", "run doctor again at a quiet time")
        return
    text = f"whole, {state.size_bytes / MIB:.1f} MiB, schema {state.schema}, SQLite {sqlite3.sqlite_version}"
    if state.schema > known:
        advice = "run that version, or restore the backup that was made before its upgrade"
        yield problem("database", f"schema {state.schema} is newer than this program's {known}", advice)
    elif state.schema < known:
        yield ok("database", f"{text}; the next start brings it to {known}, after a backup")
    else:
        yield ok("database", text)
    if path.stat().st_mode & OTHERS:
        yield warn("database", f"{path} can be read by others on this machine", f"run: chmod 600 {path}")
