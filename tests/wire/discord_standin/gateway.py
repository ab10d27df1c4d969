"""The gateway: sessions that outlive their connection, sequence numbers, replay on RESUME, close codes on demand."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.wire.discord_standin.journal import Frame, Journal, Json
from tests.wire.discord_standin.payloads import (
    DIRECT_MESSAGES,
    GUILD_MESSAGES,
    GUILDS,
    MESSAGE_CONTENT,
    PRIVILEGED,
    Payloads,
)
from tests.wire.discord_standin.world import Channel, Interaction, Message

# Opcodes: developer documentation, "Gateway Opcodes".
DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 3, 6, 7, 9, 10, 11
NO_INTENT = 0  # interactions come whatever the intents are

UNKNOWN_OPCODE, NOT_AUTHENTICATED, AUTHENTICATION_FAILED, ALREADY_AUTHENTICATED = 4001, 4003, 4004, 4005
DISALLOWED_INTENTS = 4014


@dataclass(slots=True, eq=False)
class Session:
    """What IDENTIFY began. Everything that was dispatched is kept for RESUME."""

    session_id: str
    intents: int
    identify: Json
    dispatched: list[Json] = field(default_factory=list)
    connection: Connection | None = None
    ended: bool = False


class Connection:
    """One WebSocket. Frames are queued, so that whoever dispatches never waits."""

    def __init__(self, socket: web.WebSocketResponse, *, compress: bool) -> None:
        self.socket = socket
        self.closing = False
        self.dead = False
        self._deflate = zlib.compressobj() if compress else None
        self._queue: asyncio.Queue[Json | str | int] = asyncio.Queue()

    def send(self, frame: Json | str) -> None:
        if not self.dead:
            self._queue.put_nowait(frame)

    def close(self, code: int) -> None:
        """Close after everything that was sent before."""
        self.closing = True
        self._queue.put_nowait(code)

    async def write(self) -> None:
        while True:
            frame = await self._queue.get()
            if isinstance(frame, int):
                await self.socket.close(code=frame)
                return
            text = frame if isinstance(frame, str) else json.dumps(frame)
            try:
                if self._deflate:
                    packed = self._deflate.compress(text.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
                    await self.socket.send_bytes(packed)
                else:
                    await self.socket.send_str(text)
            except ConnectionError:
                return  # the client has gone; what it missed stays in its session


class Gateway:
    """Accepts connections and dispatches events to every living session that asked for them."""

    def __init__(self, payloads: Payloads, journal: Journal, *, token: str, privileged_intents: int) -> None:
        self.payloads = payloads
        self.journal = journal
        self.token = token
        self.privileged_intents = privileged_intents
        self.heartbeat_ms = 41_250
        self.down = False  # refuses every connection
        self.refused = 0  # connections, while down
        self.identifies_left = 1000  # of the day, as /gateway/bot says
        self.replays_again = 0  # how many events that the client has seen a RESUME repeats: Discord may
        self.url = ""
        self.sessions: list[Session] = []
        self._connections: set[Connection] = set()

    @property
    def identifies(self) -> list[Json]:
        """Return the payload of every accepted IDENTIFY, oldest first."""
        return [session.identify for session in self.sessions]

    @property
    def connected(self) -> list[Session]:
        return [session for session in self.sessions if session.connection and not session.ended]

    def message(self, event: str, message: Message) -> None:
        """Dispatch MESSAGE_CREATE or MESSAGE_UPDATE, with the content that each session may read."""
        if message.ephemeral:
            return

        def render(session: Session) -> Json:
            readable = bool(session.intents & MESSAGE_CONTENT)
            return self.payloads.message_event(message, content_intent=readable)

        self.dispatch(event, render, intent=DIRECT_MESSAGES if message.channel.is_dm else GUILD_MESSAGES)

    def message_deleted(self, message: Message) -> None:
        if message.ephemeral:
            return
        payload = {"id": str(message.message_id), "channel_id": str(message.channel.channel_id)}
        if not message.channel.is_dm:
            payload["guild_id"] = str(self.payloads.world.guild_id)
        intent = DIRECT_MESSAGES if message.channel.is_dm else GUILD_MESSAGES
        self.dispatch("MESSAGE_DELETE", lambda _: payload, intent=intent)

    def thread_created(self, thread: Channel) -> None:
        self.dispatch("THREAD_CREATE", lambda _: self.payloads.channel(thread) | {"newly_created": True}, intent=GUILDS)

    def interaction(self, interaction: Interaction) -> None:
        self.dispatch("INTERACTION_CREATE", lambda _: self.payloads.interaction(interaction), intent=NO_INTENT)

    def dispatch(self, event: str, render: Callable[[Session], Json], *, intent: int) -> None:
        for session in self.sessions:
            if not session.ended and (intent == NO_INTENT or session.intents & intent):
                self._dispatch(session, event, render(session))

    def close(self, code: int) -> None:
        """Close every connection. The sessions stay, and can be resumed where Discord's code allows it."""
        for connection in tuple(self._connections):
            connection.close(code)

    def send_text(self, text: str) -> None:
        """Send a frame as it is, whatever it is."""
        for connection in tuple(self._connections):
            connection.send(text)

    def dispatch_nonsense(self, event: str, payload: Any) -> None:
        """Dispatch an event that Discord would never send so; it has a sequence number like any other."""
        for session in self.connected:
            self._dispatch(session, event, payload)

    def ask_to_reconnect(self) -> None:
        for connection in tuple(self._connections):
            connection.send({"op": RECONNECT, "d": None, "s": None, "t": None})

    def invalidate(self, *, resumable: bool) -> None:
        """Send opcode 9; a session that is not resumable ends."""
        for session in self.sessions:
            if session.connection:
                session.connection.send({"op": INVALID, "d": resumable, "s": None, "t": None})
                session.ended = session.ended or not resumable

    def go_dead(self) -> None:
        """Send nothing more over the connections that are open, and do not close them either."""
        for connection in self._connections:
            connection.dead = True

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        if self.down:
            self.refused += 1
            self.journal.changed()
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        # zstd needs a package that may not be there: discord.py takes plain text frames just as well.
        connection = Connection(socket, compress=request.query.get("compress") == "zlib-stream")
        self._connections.add(connection)
        writer = asyncio.create_task(connection.write())
        connection.send({"op": HELLO, "d": {"heartbeat_interval": self.heartbeat_ms}, "s": None, "t": None})
        code = None
        try:
            while (message := await socket.receive()).type is WSMsgType.TEXT:
                self._receive(connection, json.loads(message.data))
            code = message.data if message.type is WSMsgType.CLOSE else None
        finally:
            self._connections.discard(connection)
            self._detach(connection, client_code=code)
            # An own close still waits for the client's echo; anything else in the queue has nobody to go to.
            await asyncio.wait([writer], timeout=1.0 if connection.closing else 0.0)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return socket

    def _receive(self, connection: Connection, frame: Json) -> None:
        opcode, payload = frame["op"], frame.get("d")
        self.journal.add_frame(Frame(time.perf_counter(), opcode, payload))
        if connection.dead:
            return
        known = any(session.connection is connection for session in self.sessions)
        if opcode == HEARTBEAT:
            connection.send({"op": ACK, "d": None, "s": None, "t": None})
        elif opcode in {IDENTIFY, RESUME}:
            if known:
                connection.close(ALREADY_AUTHENTICATED)
            elif opcode == IDENTIFY:
                self._identify(connection, payload)
            else:
                self._resume(connection, payload)
        elif not known:
            connection.close(NOT_AUTHENTICATED)
        elif opcode != PRESENCE:
            self.journal.violate(f"gateway opcode {opcode} is not implemented by the stand-in")
            connection.close(UNKNOWN_OPCODE)

    def _identify(self, connection: Connection, payload: Any) -> None:
        intents = payload["intents"]
        if payload["token"] != self.token:
            connection.close(AUTHENTICATION_FAILED)
            return
        if intents & PRIVILEGED & ~self.privileged_intents:
            connection.close(DISALLOWED_INTENTS)
            return
        session = Session(secrets.token_hex(16), intents, payload, connection=connection)
        self.sessions.append(session)
        world = self.payloads.world
        ready: Json = {
            "v": 10,
            "user": self.payloads.user(world.bot),
            "guilds": [{"id": str(world.guild_id), "unavailable": True}],
            "session_id": session.session_id,
            "session_type": "normal",
            "resume_gateway_url": self.url,
            "application": {"id": str(world.bot.user_id), "flags": 0},
            "private_channels": [],
            "relationships": [],
            "presences": [],
        }
        self._dispatch(session, "READY", ready | ({"shard": payload["shard"]} if "shard" in payload else {}))
        if intents & GUILDS:
            self._dispatch(session, "GUILD_CREATE", self.payloads.guild())
        self.journal.changed()

    def _resume(self, connection: Connection, payload: Any) -> None:
        wanted = payload["session_id"]
        session = next((s for s in self.sessions if s.session_id == wanted and not s.ended), None)
        if payload["token"] != self.token:
            connection.close(AUTHENTICATION_FAILED)
        elif session is None:
            connection.send({"op": INVALID, "d": False, "s": None, "t": None})
        else:
            session.connection = connection
            missed = max(0, payload["seq"] - self.replays_again)  # sequence numbers begin at 1
            for frame in session.dispatched[missed:]:
                connection.send(frame)
            self._dispatch(session, "RESUMED", {})
            self.journal.changed()

    def _dispatch(self, session: Session, event: str, payload: Json) -> None:
        frame = {"op": DISPATCH, "d": payload, "s": len(session.dispatched) + 1, "t": event}
        session.dispatched.append(frame)
        if session.connection:
            session.connection.send(frame)

    def _detach(self, connection: Connection, *, client_code: int | None) -> None:
        for session in self.sessions:
            if session.connection is connection:
                session.connection = None
                # A client that closes with 1000 or 1001 gives its session up (documentation, "Resuming").
                session.ended = session.ended or client_code in {1000, 1001}
        self.journal.changed()
