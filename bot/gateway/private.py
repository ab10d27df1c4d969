"""The names of discord.py 2.7 that it does not promise to keep, all of them. ``missing_names`` looks for them."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket, ReconnectWebSocket, WebSocketClosure

__all__ = ["GuardedWebSocket", "ReconnectWebSocket", "Session", "missing_names", "open_socket"]

log = logging.getLogger(__name__)

CLOSE_SECONDS = 5.0
EVENT_NAME = re.compile(r"[A-Z_]{1,40}")
# What discord.py raises to tell its caller that the connection is over; everything else is about one frame.
OVER = (ReconnectWebSocket, WebSocketClosure, discord.ConnectionClosed, aiohttp.ClientError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Session:
    """What a RESUME needs."""

    session_id: str
    sequence: int | None
    gateway: yarl.URL


class GuardedWebSocket(DiscordWebSocket):
    """A connection that a frame without sense does not end."""

    heard: Callable[[], None] | None = None

    async def received_message(self, msg: Any, /) -> None:
        """Take in one frame; drop a dispatch that cannot be read or that its parser chokes on.

        What cannot be done without goes up to the supervisor: compression that broke, HELLO, READY.
        """
        if type(msg) is bytes:
            msg = self._decompressor.decompress(msg)
            if msg is None:
                return
        if self.heard is not None:
            self.heard()
        try:
            await super().received_message(msg)
        except OVER:
            raise
        except Exception as error:
            opcode, event, sequence = _label(msg)
            if opcode not in (None, self.DISPATCH) or event == "READY":
                raise
            detail = type(error).__name__
            log.warning(
                "dropped what Discord sent: it makes no sense",
                extra={"gateway_event": event, "sequence": sequence, "detail": detail},
            )

    @property
    def session(self) -> Session | None:
        """What a RESUME of this connection's session needs; ``None`` when it has none."""
        return None if self.session_id is None else Session(self.session_id, self.sequence, self.gateway)

    async def abandon(self) -> None:
        """Close the connection so that its session can be resumed."""
        if self._keep_alive is not None:
            self._keep_alive.stop()
            self._keep_alive = None
        if self.open:
            with contextlib.suppress(TimeoutError, OSError, aiohttp.ClientError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self.socket.close(code=4000)


def _label(text: object) -> tuple[object, str, int | None]:
    """Return opcode, event and sequence of a frame for the log: nothing that anybody wrote."""
    try:
        frame = json.loads(str(text))
    except ValueError:
        return None, "not JSON", None
    if not isinstance(frame, dict):
        return None, "not an object", None
    opcode, event, sequence = frame.get("op"), frame.get("t"), frame.get("s")
    name = event if isinstance(event, str) and EVENT_NAME.fullmatch(event) else "unknown"
    return opcode, name, sequence if isinstance(sequence, int) else None


async def open_socket(client: discord.Client, session: Session | None, *, initial: bool) -> GuardedWebSocket:
    """Connect to the gateway, and resume the session or log in."""
    if session is None:
        return await GuardedWebSocket.from_client(client, initial=initial)
    return await GuardedWebSocket.from_client(
        client,
        gateway=session.gateway,
        session=session.session_id,
        sequence=session.sequence,
        resume=True,
    )


def set_intents(client: discord.Client, intents: discord.Intents) -> None:
    """Ask for other intents from the next login on."""
    client._connection._intents = intents  # noqa: SLF001


async def forget_connections(client: discord.Client) -> None:
    """Close what a login that failed has opened, so that the next one opens its own."""
    await client.http.close()
    client.http.clear()
    client.http.connector = discord.utils.MISSING


def limit_every_call(client: discord.Client, seconds: float) -> None:
    """Let no REST call hang for longer: aiohttp's own limit is 300 s."""
    client.http._HTTPClient__session._timeout = aiohttp.ClientTimeout(total=seconds)  # type: ignore[attr-defined]  # noqa: SLF001


def missing_names(client: discord.Client) -> list[str]:
    """Return which of the names above a logged-in client of this discord.py does not have."""
    wanted: list[tuple[object, str]] = [
        (client._connection, "_intents"),  # noqa: SLF001
        (client._connection, "parsers"),  # noqa: SLF001
        (client.http, "connector"),
        (client.http, "get_bot_gateway"),
        (client.http, "_HTTPClient__session"),
        (getattr(client.http, "_HTTPClient__session", None), "_timeout"),
        (DiscordWebSocket, "received_message"),
        (DiscordWebSocket, "poll_event"),
        (DiscordWebSocket, "DISPATCH"),
    ]
    missing = [f"{type(owner).__name__}.{name}" for owner, name in wanted if not hasattr(owner, name)]
    source = inspect.getsource(DiscordWebSocket)
    missing += [name for name in ("_keep_alive", "_decompressor", "session_id", "sequence") if name not in source]
    parameters = inspect.signature(DiscordWebSocket.from_client).parameters
    missing += [name for name in ("initial", "gateway", "session", "sequence", "resume") if name not in parameters]
    return missing
