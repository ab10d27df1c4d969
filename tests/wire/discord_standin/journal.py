"""What happened, in order, and waiting for something to happen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
Json = dict[str, Any]
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a multipart request."""

    file_name: str
    content_type: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """One answered REST request. ``at`` and ``answered_at`` are readings of ``time.perf_counter``.

    ``route`` is the path as Discord's OpenAPI document writes it; ``pinged`` names everybody who was notified.
    """

    at: float
    answered_at: float
    method: str
    route: str
    path: dict[str, str]
    query: dict[str, str]
    body: Any
    uploads: tuple[Upload, ...]
    status: int
    answer: Any
    pinged: frozenset[str]


@dataclass(frozen=True, slots=True)
class Frame:
    """One gateway payload that the bot sent."""

    at: float
    opcode: int
    payload: Any


@dataclass(slots=True)
class Journal:
    """The log of one stand-in. ``violations`` must be empty when a test ends.

    ``watchers`` see every request when it has been taken, before its answer leaves.
    """

    requests: list[Request] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    watchers: list[Callable[[Request], None]] = field(default_factory=list)
    _waiters: list[Callable[[], None]] = field(default_factory=list)

    def add_request(self, request: Request) -> None:
        self.requests.append(request)
        for watch in self.watchers:
            watch(request)
        self.changed()

    def add_frame(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.changed()

    def violate(self, sentence: str) -> None:
        """Record what the bot did and Discord does not know, or what the stand-in does not know yet."""
        self.violations.append(sentence)
        self.changed()

    def changed(self) -> None:
        """Let everybody who waits look again."""
        for look in tuple(self._waiters):
            look()

    async def wait_for(self, condition: Callable[[], T], timeout: float) -> T:
        """Return the first truthy value of ``condition``, which is asked again whenever something happens.

        Raises ``AssertionError`` at once on a violation, and with the log's tail after ``timeout`` seconds.
        """
        found: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def look() -> None:
            if found.done():
                return
            if self.violations:
                found.set_exception(AssertionError("\n".join(self.violations)))
                return
            try:
                value = condition()
            except Exception as error:  # noqa: BLE001 - a wrong condition is the waiting test's failure, not the server's
                found.set_exception(error)
                return
            if value:
                found.set_result(value)

        self._waiters.append(look)
        look()
        try:
            async with asyncio.timeout(timeout):
                return await found
        except TimeoutError:
            raise AssertionError(f"nothing of the kind within {timeout} s; the log ends with\n{self.tail()}") from None
        finally:
            self._waiters.remove(look)

    def tail(self, lines: int = 25) -> str:
        """Return the last requests and frames as text, oldest first."""
        happened = [(r.at, f"{r.method} {r.route} {r.path} {r.body} -> {r.status}") for r in self.requests]
        happened += [(f.at, f"op {f.opcode}") for f in self.frames]
        return "\n".join(f"{at:.3f} {text[:300]}" for at, text in sorted(happened)[-lines:])
