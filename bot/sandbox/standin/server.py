"""The stand-in's server: lifetime, keys, recording; the endpoints have modules of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeAlias

from bot.sandbox.standin.behaviours import Behaviour
from bot.sandbox.standin.pace import Pace
from bot.sandbox.standin.record import RecordedRequest

Check: TypeAlias = Callable[[str, str, object], None]


class StandIn:
    """An OpenAI-compatible server on loopback; an async context manager.

    ``port`` 0 takes a free one. ``check`` is called with method, path and parsed body of every request; what it
    raises is raised again when the server ends, so that a test fails. ``log`` gets one JSON line per request.
    """

    def __init__(
        self,
        *,
        key: str = "sk-stand-in",
        pace: Pace = Pace(),
        port: int = 0,
        check: Check | None = None,
        log: Path | None = None,
    ) -> None:
        self.key = key

    async def __aenter__(self) -> Self:
        raise NotImplementedError

    async def __aexit__(self, *exc: object) -> None:
        raise NotImplementedError

    @property
    def base_url(self) -> str:
        """Where a client finds the API, ``/v1`` included."""
        raise NotImplementedError

    @property
    def requests(self) -> list[RecordedRequest]:
        """All requests in the order of arrival."""
        raise NotImplementedError

    @property
    def billed(self) -> int:
        """How many completions were generated: counted when one begins, whether or not the client gets it."""
        raise NotImplementedError

    def script(self, *behaviours: Behaviour) -> None:
        """Let each of the following chat requests show one of these behaviours, in order."""
        raise NotImplementedError

    def release(self) -> None:
        """Let every request go on that is held now or came before now (``Hold``, ``Stall``)."""
        raise NotImplementedError

    async def arrived(self, count: int) -> RecordedRequest:
        """Wait until so many requests came since the start, and return that one."""
        raise NotImplementedError
