"""What the stand-in remembers of every request, for tests and measurements."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KEPT_REQUESTS = 2000  # of a long run; the oldest go first


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
    first_text_at: float | None = None
    last_text_at: float | None = None
    status: int | None = None
    usage: dict[str, Any] | None = None  # as generated, even where it was not sent
    aborted: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Journal:
    """All requests in the order of arrival."""

    def __init__(self, log: Path | None = None) -> None:
        self.requests: list[RecordedRequest] = []
        self._log = log
        self._arrival = asyncio.Condition()

    async def arrive(self, record: RecordedRequest) -> None:
        """Add a request."""
        async with self._arrival:
            self.requests.append(record)
            del self.requests[:-KEPT_REQUESTS]
            self._arrival.notify_all()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until a condition on the requests holds; it is looked at when a request comes."""
        async with self._arrival:
            await self._arrival.wait_for(true)

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
