"""What can go wrong between Discord and the bot, by script: each fault meets as many requests as it says."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web

JSON = {"Content-Type": "application/json"}  # exactly, as for every answer of Discord's
HTML = "<!doctype html><html><head><title>502</title></head><body>cloudflare</body></html>"


@dataclass(slots=True, eq=False)
class Fault:
    """``taken``: Discord does what was asked, and only its answer goes wrong.

    ``status`` is answered as HTML, as a proxy does; ``reset`` resets the connection; ``hang`` says nothing until the
    client goes or ``lift``; ``limited`` is a 429, with ``Via`` when it comes from Discord and without when it is a ban.
    """

    how: Literal["status", "reset", "hang", "limited"]
    method: str = ""
    route: str = ""
    taken: bool = False
    status: int = 502
    retry_after_seconds: float = 1.0
    via: bool = True
    times: int = 1
    met: int = 0
    lifted: asyncio.Event = field(default_factory=asyncio.Event)

    def meets(self, method: str, route: str) -> bool:
        """Whether it is for this request; it counts those that it met."""
        found = self.met < self.times and method.startswith(self.method) and route.endswith(self.route)
        self.met += found
        return found

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Return what the client gets, or raise when its connection breaks."""
        match self.how:
            case "status":
                return web.Response(status=self.status, text=HTML, content_type="text/html")
            case "limited":
                body = {"message": "slow down", "retry_after": self.retry_after_seconds, "global": False}
                headers = {"Retry-After": str(max(1, round(self.retry_after_seconds)))} | JSON
                if self.via:
                    headers["Via"] = "1.1 stand-in"
                return web.Response(status=429, body=json.dumps(body).encode(), headers=headers)
            case "hang":
                await self.lifted.wait()
            case "reset":
                pass
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

    def meet(self, method: str, route: str) -> Fault | None:
        """Return the fault that meets this request."""
        return next((fault for fault in self.scripted if fault.meets(method, route)), None)

    def lift(self) -> None:
        """Let go of what hangs, and plan no more."""
        for fault in self.scripted:
            fault.lifted.set()
        self.scripted.clear()
