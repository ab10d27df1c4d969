"""One process owns the data folder: two would answer every question twice."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.store.files import private_file, private_folder
from bot.store.problem import FolderInUse

LOCK_NAME = "parley.lock"


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """Own the data folder while the context is open; the folder is made when it is missing.

    The kernel drops the lock when the process ends, however it ends; the lock's file stays and means nothing.
    Raises ``FolderInUse`` when another process owns it, ``StoreProblem`` when it cannot be written.
    """
    private_folder(folder)
    descriptor = private_file(folder / LOCK_NAME)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            process = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise FolderInUse(
                f"The data folder {folder} is in use by another Parley (process {process}). "
                "Stop that one first, or give this one a folder of its own"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)
