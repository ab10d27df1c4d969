"""How a command ends: exit codes, and problems on standard error."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from bot.logs import set_up_logging
from bot.settings import Settings, SettingsError, read_settings

log = logging.getLogger("bot")

EXIT_PROBLEM = 1  # doctor found a problem, the bot is not healthy, or it ended unexpectedly
EXIT_BUSY = 75  # EX_TEMPFAIL: another process owns the data folder, or the disk is full; later it may work
EXIT_CONFIG = 78  # EX_CONFIG: a supervisor should not start it again before somebody mends the settings or the data


def stop(problems: Sequence[str], code: int) -> NoReturn:
    """Tell what is wrong, one line each, and end the process."""
    for problem in problems:
        sys.stderr.write(f"parley: {problem}\n")
    sys.exit(code)


def exit_hard_after(seconds: float) -> None:
    """End the process after so long, whatever hangs. Nothing is lost by that: what matters is on the disk."""

    def end() -> None:
        log.critical("stopping hangs: ending at once")
        os._exit(EXIT_PROBLEM)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def say(line: str) -> None:
    """Tell what a command did."""
    sys.stdout.write(f"{line}\n")


def settings_or_stop(*, for_discord: bool, level: str | None = None) -> Settings:
    """Read the settings and set up logging (``level`` in place of the settings'), or end with every problem."""
    try:
        read = read_settings(for_discord=for_discord)
    except SettingsError as error:
        stop(error.problems, EXIT_CONFIG)
    settings = read.settings
    set_up_logging(level or settings.log_level, as_json=settings.log_format == "json", secrets=settings.secrets())
    for warning in read.warnings:
        log.warning(warning)
    return settings
