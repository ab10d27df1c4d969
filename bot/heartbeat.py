"""A small file that the running bot writes now and then, so that another process can tell whether it is well.

A blocked event loop writes nothing, so an old file means trouble, too. No port is opened for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.core.errors import StoreUnavailable

if TYPE_CHECKING:
    from bot.app import Parley
    from bot.services import Services

log = logging.getLogger(__name__)

HEARTBEAT_NAME = "heartbeat.json"
BEAT_SECONDS = 15.0
OLD_SECONDS = 60.0  # of the file and of the last write to the database: three beats may be missed
GATEWAY_SECONDS = 180.0  # discord.py connects again by itself


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How the bot is. Times are seconds since 1970, UTC; ``gateway_lost_at`` is ``None`` while it is connected."""

    written_at: float
    database_written_at: float
    gateway_lost_at: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the bot is well, in one line."""

    healthy: bool
    line: str


def read_heartbeat(path: Path) -> Heartbeat | None:
    """Return what the file says; ``None`` when it is missing or no heartbeat."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        lost_at = content["gateway_lost_at"]
        return Heartbeat(
            float(content["written_at"]),
            float(content["database_written_at"]),
            None if lost_at is None else float(lost_at),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def judge(heartbeat: Heartbeat | None, now: float) -> Verdict:
    """Say whether the bot that wrote the heartbeat is well."""
    if heartbeat is None:
        return Verdict(healthy=False, line="not running: there is no heartbeat")
    age = now - heartbeat.written_at
    if age > OLD_SECONDS:
        return Verdict(healthy=False, line=f"not running or stuck: the last heartbeat is {age:.0f} s old")
    database_age = now - heartbeat.database_written_at
    if database_age > OLD_SECONDS:
        return Verdict(healthy=False, line=f"the database took no write for {database_age:.0f} s")
    gateway_age = 0.0 if heartbeat.gateway_lost_at is None else now - heartbeat.gateway_lost_at
    if gateway_age > GATEWAY_SECONDS:
        return Verdict(healthy=False, line=f"not connected to Discord for {gateway_age:.0f} s")
    gateway = "connected" if heartbeat.gateway_lost_at is None else f"connecting for {gateway_age:.0f} s"
    return Verdict(healthy=True, line=f"healthy: {gateway}, heartbeat {age:.0f} s old, database writes")


async def keep_beating(bot: Parley, services: Services, path: Path) -> None:
    """Write the heartbeat for as long as the bot runs."""

    def now() -> float:
        return services.clock.now().timestamp()

    lost_at: float | None = now()
    database_written_at = now()

    async def found() -> None:
        nonlocal lost_at
        lost_at = None

    async def lost() -> None:
        nonlocal lost_at
        lost_at = now() if lost_at is None else lost_at

    for event, listener in (("on_ready", found), ("on_resumed", found), ("on_disconnect", lost)):
        bot.add_listener(listener, event)
    while True:
        try:
            await services.pulse.write()
            database_written_at = now()
        except StoreUnavailable as error:
            log.warning("the database takes no write", extra={"detail": error.detail})
        try:
            _write(path, Heartbeat(now(), database_written_at, lost_at))
        except OSError as error:
            log.warning("the heartbeat cannot be written", extra={"detail": type(error).__name__})
        await asyncio.sleep(BEAT_SECONDS)


def _write(path: Path, heartbeat: Heartbeat) -> None:
    unfinished = path.with_name(f"{path.name}.unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(heartbeat), file)
    unfinished.replace(path)  # a reader never sees half of one
