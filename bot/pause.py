"""The operator's switch: a file beside the database. While it is there, the running bot answers nobody."""

from __future__ import annotations

import os
from pathlib import Path

PAUSE_NAME = "paused"


def is_paused(path: Path) -> bool:
    """Whether the switch is on. One that cannot be looked at is on: the operator meant something by it."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
