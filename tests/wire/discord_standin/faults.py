"""What can go wrong between Discord and the bot, by script: each fault meets as many requests as it says."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from aiohttp import web

if TYPE_CHECKING:
    from tests.wire.discord_standin.rest import Call

How = Literal["status", "broken", "reset", "hang", "limited", "refused"]
ALWAYS = sys.maxsize  # as many times as it comes
JSON = {"Content-Type": "application/json"}  # exactly, as for every answer of Discord's
HTML = "<!doctype html><html><head><title>502</title></head><body>cloudflare</body></html>"


@dataclass(slots=True, eq=False)
class Fault:
    """``taken``: Discord does what was asked, and only its answer goes wrong.

    ``status`` is answered as HTML, as a proxy does (with 429: a ban); ``broken`` is cut JSON; ``reset`` resets the
    connection; ``hang`` says nothing until the client goes or it is lifted, then resets; ``limited`` is a 429, with
    ``Via`` when it comes from Discord and without when it is a ban. ``refused`` is Discord's own error with ``code``,
    which stands in the journal like every answer.
    """

    how: How
    method: str = ""
    route: str = ""
    taken: bool = False
    status: int = 502
    retry_after_seconds: float = 1.0
    via: bool = True
    times: int = 1
    code: int = 0
    matches: Callable[[Call], bool] | None = None
    met: int = 0
    lifted: asyncio.Event = field(default_factory=asyncio.Event)

    def meets(self, method: str, route: str, call: Call) -> bool:
        """Whether it is for this request; it counts those that it met."""
        found = (
            self.met < self.times
            and method.startswith(self.method)
            and route.endswith(self.route)
            and (self.matches is None or self.matches(call))
        )
        self.met += found
        return found

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Return what the client gets, or raise when its connection breaks."""
        match self.how:
            case "status":
                return web.Response(status=self.status, text=HTML, content_type="text/html")
            case "broken":
                return web.Response(body=b'{"id": "1', headers=JSON)
            case "limited":
                body = {"message": "slow down", "retry_after": self.retry_after_seconds, "global": False}
                headers = {"Retry-After": str(max(1, round(self.retry_after_seconds)))} | JSON
                if self.via:
                    headers["Via"] = "1.1 stand-in"
                return web.Response(status=429, body=json.dumps(body).encode(), headers=headers)
            case "hang":
                await self.lifted.wait()
        _reset(request)
        return web.Response(status=500)  # nobody reads it


def _reset(request: web.Request) -> None:
    transport = request.transport
    if transport is not None:
        # Closing with a linger time of zero sends RST instead of FIN.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


class Faults:
    """The faults that wait for their request."""

    def __init__(self) -> None:
        self.scripted: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Let it meet the next requests that it is for."""
        self.scripted.append(fault)
        return fault

    def meet(self, method: str, route: str, call: Call) -> Fault | None:
        """Return the fault that meets this request."""
        return next((fault for fault in self.scripted if fault.meets(method, route, call)), None)

    def lift(self, how: How | None = None) -> None:
        """Let go of what hangs, and plan no more: of everything, or of one kind."""
        lifted = [fault for fault in self.scripted if how in (None, fault.how)]
        for fault in lifted:
            fault.lifted.set()
            self.scripted.remove(fault)
