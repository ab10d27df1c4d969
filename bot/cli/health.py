"""``python -m bot health``: whether the running bot is well, for a container's health check."""

from __future__ import annotations

import sys
import time

from bot.cli.ending import EXIT_PROBLEM, say
from bot.heartbeat import HEARTBEAT_NAME, judge, read_heartbeat
from bot.settings import SettingsError, read_settings


def health() -> None:
    """Say it in one line; exit code 0 means well."""
    try:
        settings = read_settings(for_discord=False).settings
    except SettingsError as error:
        say(f"the settings cannot be read: {error.problems[0]}")
        sys.exit(EXIT_PROBLEM)
    verdict = judge(read_heartbeat(settings.database_path.with_name(HEARTBEAT_NAME)), time.time())
    say(verdict.line)
    sys.exit(0 if verdict.healthy else EXIT_PROBLEM)
