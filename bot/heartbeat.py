"""How the bot is: a small file that the running bot writes, so that another process can tell, and the judgement on it.

A blocked event loop writes nothing, so an old file means trouble, too. No port is opened for it. This module is read by
a container's health check every half minute: it imports nothing that is slow.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

HEARTBEAT_NAME = "heartbeat.json"
BEAT_SECONDS = 3.0
OLD_SECONDS = 45.0  # a machine that is busy may miss some beats
DATABASE_SECONDS = 5.0  # for which a write may be under way or fail, when the beat was written
GATEWAY_SECONDS = 120.0  # nearly three of Discord's heartbeats; discord.py connects again by itself
SLOW_DELIVERY_SECONDS = 60.0
LOST_DELIVERY_SECONDS = 900.0  # by then every question has its answer or a notice
BLOCKED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How the bot is. Times are seconds since 1970, UTC; reasons and names are ours, never anybody's words."""

    written_at: float
    database_written_at: float  # until when every write that was begun has reached the disk
    gateway_heard_at: float  # the last frame of a session that is ready, or when a login last had to wait
    oldest_undelivered_at: float | None = None
    open_breakers: Mapping[str, str] = field(default_factory=dict)  # endpoint -> code of the error that opened it
    blocked_seconds: float = 0.0  # the event loop, at the longest within the last minute
    degraded: Mapping[str, str] = field(default_factory=dict)  # what else is not as it should be, by who noticed it


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the bot is well. ``problems`` keep it from working; with what is ``degraded`` it still answers."""

    problems: tuple[str, ...]
    degraded: tuple[str, ...]
    line: str

    @property
    def healthy(self) -> bool:
        """Whether nothing keeps it from working."""
        return not self.problems


def read_heartbeat(path: Path) -> Heartbeat | None:
    """Return what the file says; ``None`` when it is missing or no heartbeat."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        undelivered_at = content["oldest_undelivered_at"]
        return Heartbeat(
            written_at=float(content["written_at"]),
            database_written_at=float(content["database_written_at"]),
            gateway_heard_at=float(content["gateway_heard_at"]),
            oldest_undelivered_at=None if undelivered_at is None else float(undelivered_at),
            open_breakers=_texts(content["open_breakers"]),
            blocked_seconds=float(content["blocked_seconds"]),
            degraded=_texts(content["degraded"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_heartbeat(path: Path, heartbeat: Heartbeat) -> None:
    """Put the file in place, with mode 0600; raises ``OSError``."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(heartbeat), file)
    unfinished.replace(path)  # a reader never sees half of one


def judge(heartbeat: Heartbeat | None, now: float) -> Verdict:
    """Say whether the bot that wrote the heartbeat is well."""
    if heartbeat is None:
        return _verdict(["not running: there is no heartbeat"])
    age = now - heartbeat.written_at
    # One from the future: the clock was set back, and nobody has written since.
    if abs(age) > OLD_SECONDS:
        return _verdict([f"not running or stuck: the last heartbeat is {age:.0f} s old"])
    return _verdict(list(_problems(heartbeat, now)), list(_degradations(heartbeat, now)), age)


def _problems(heartbeat: Heartbeat, now: float) -> Iterator[str]:
    database_age = heartbeat.written_at - heartbeat.database_written_at
    if database_age > DATABASE_SECONDS:
        yield f"the database took no write for {database_age:.0f} s"
    gateway_age = now - heartbeat.gateway_heard_at
    if gateway_age > GATEWAY_SECONDS:
        yield f"nothing was heard from Discord for {gateway_age:.0f} s"
    undelivered = _undelivered_seconds(heartbeat, now)
    if undelivered > LOST_DELIVERY_SECONDS:
        yield f"an answer is undelivered for {undelivered:.0f} s"


def _degradations(heartbeat: Heartbeat, now: float) -> Iterator[str]:
    for endpoint, code in sorted(heartbeat.open_breakers.items()):
        yield f"the server for {endpoint} is not asked for a while, because it failed repeatedly ({code})"
    undelivered = _undelivered_seconds(heartbeat, now)
    if SLOW_DELIVERY_SECONDS < undelivered <= LOST_DELIVERY_SECONDS:
        yield f"an answer is undelivered for {undelivered:.0f} s"
    if heartbeat.blocked_seconds > BLOCKED_SECONDS:
        yield f"the event loop stood still for {heartbeat.blocked_seconds:.1f} s"
    yield from (reason for _, reason in sorted(heartbeat.degraded.items()))


def _undelivered_seconds(heartbeat: Heartbeat, now: float) -> float:
    return 0.0 if heartbeat.oldest_undelivered_at is None else now - heartbeat.oldest_undelivered_at


def _verdict(problems: list[str], degraded: list[str] | None = None, age: float = 0.0) -> Verdict:
    degraded = degraded or []
    if problems:
        line = "; ".join(["not healthy: " + problems[0], *problems[1:], *degraded])
    elif degraded:
        line = "; ".join(["healthy, but " + degraded[0], *degraded[1:]])
    else:
        line = f"healthy: connected, heartbeat {age:.0f} s old, database writes"
    return Verdict(tuple(problems), tuple(degraded), line)


def _texts(content: object) -> Mapping[str, str]:
    if not isinstance(content, dict):
        raise TypeError("no object")
    return {str(name): str(text) for name, text in content.items()}
