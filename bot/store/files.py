"""Files that only the bot's own user can read: the folder 0700, each file 0600."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.store.problem import StoreProblem

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def private_folder(folder: Path) -> None:
    """Make the folder with mode 0700 unless it exists, and check that files can be made in it.

    The mode of an existing folder is left alone: it may be a folder that is shared with others, and the files in it
    are private by themselves. Raises ``StoreProblem``.
    """
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unwritable(folder, error) from error


def private_file(path: Path) -> int:
    """Open a file for reading and writing, made with mode 0600 when it is missing, and return its descriptor.

    Raises ``StoreProblem``.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
        try:
            os.fchmod(descriptor, FILE_MODE)
        except OSError:
            os.close(descriptor)
            raise
    except OSError as error:
        raise _unwritable(path, error) from error
    return descriptor


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Give an empty file with mode 0600 to be filled; it gets its name at the end, or is removed after an error.

    Raises ``StoreProblem``.
    """
    if path.exists():
        raise StoreProblem(f"{path} exists already: move it away first")
    unfinished = path.with_name(f"{path.name}.unfinished")
    remove(unfinished)
    descriptor = private_file(unfinished)
    try:
        yield unfinished
        os.fsync(descriptor)  # VACUUM INTO of older SQLite leaves that to us
        unfinished.rename(path)
    finally:
        os.close(descriptor)
        remove(unfinished)


def remove(path: Path) -> None:
    """Remove a file that may be missing."""
    path.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> StoreProblem:
    place, owner = _nearest(path)
    user = os.geteuid()
    if error.errno not in (errno.EACCES, errno.EPERM):
        why = error.strerror or type(error).__name__
        fix = "Choose another path, or put this one right"
    elif owner != user:
        why = f"{place} belongs to user {owner} and Parley runs as user {user}"
        fix = f"To repair it, run: chown -R {user} {place}"
    else:
        why = f"the mode of {place} does not allow it"
        fix = f"To repair it, run: chmod -R u+rwX {place}"
    return StoreProblem(f"Cannot write {path}: {why}. {fix}")


def _nearest(path: Path) -> tuple[Path, int]:
    """Return the deepest part of the path that can be seen, and the user that owns it."""
    for place in (path, *path.absolute().parents):
        try:
            return place, place.stat().st_uid
        except OSError:
            continue
    return path, os.geteuid()
