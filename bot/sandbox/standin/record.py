"""What the stand-in remembers of every request, for tests and measurements."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

KEPT_REQUESTS = 2000  # of a long run, unless somebody wants more


@dataclass(slots=True, eq=False)
class RecordedRequest:
    """One request as it came, and what became of it.

    ``body`` is the parsed JSON (``None`` without one); ``headers`` are found by name in any case. ``ended`` is set when
    the server is done with the request; ``aborted`` says that the client went away first. The stamps are readings of
    ``time.perf_counter``, each taken just before the write; on Linux they compare across processes.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    came_at: float
    number: int = 0  # in the order of arrival, from 1
    first_text_at: float | None = None
    last_text_at: float | None = None
    status: int | None = None
    usage: Mapping[str, Any] | None = None  # as generated, even where it was not sent
    aborted: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


# Where a request carries its record.
RECORD = web.RequestKey("record", RecordedRequest)


class Journal:
    """All requests in the order of arrival."""

    def __init__(self, log: Path | None = None, *, kept: int = KEPT_REQUESTS) -> None:
        self.requests: list[RecordedRequest] = []
        self._log = log
        self._kept = kept
        self._count = 0
        self._arrival = asyncio.Condition()

    async def add(self, record: RecordedRequest) -> None:
        """Add a request that came, and number it."""
        async with self._arrival:
            self._count += 1
            record.number = self._count
            self.requests.append(record)
            del self.requests[: -self._kept]
            self._arrival.notify_all()

    async def arrived(self, number: int) -> RecordedRequest:
        """Wait for the request of that number, and return it."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: self._count >= number)
        return next(record for record in self.requests if record.number == number)

    def end(self, record: RecordedRequest) -> None:
        """Mark a request as done and log its stamps: numbers only, nobody's words."""
        record.ended.set()
        if self._log is None:
            return
        usage = record.usage or {}
        line = {
            "method": record.method,
            "path": record.path,
            "status": record.status,
            "aborted": record.aborted,
            "came_at": record.came_at,
            "first_text_at": record.first_text_at,
            "last_text_at": record.last_text_at,
            "prompt_tokens": usage.get("prompt_tokens"),
            "completion_tokens": usage.get("completion_tokens"),
        }
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
