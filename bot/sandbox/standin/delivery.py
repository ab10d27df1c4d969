"""Sends an answer: at its pace, and broken off where a behaviour says so."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from aiohttp import web

from bot.sandbox.standin.behaviours import Cut, CutStyle, Hold, Raw, Stall
from bot.sandbox.standin.completion import Completion, sse
from bot.sandbox.standin.pace import Pace, sleep_until
from bot.sandbox.standin.record import RECORD, RecordedRequest

Break: TypeAlias = Cut | Stall | Hold

STREAM_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
SERVER_ERROR = {
    "error": {"message": "The server had an error.", "type": "server_error", "param": None, "code": "server_error"}
}


class BrokenOff(Exception):
    """The answer ends here: what was to be sent has been sent."""


class Delivery:
    """One answer on its way to one client."""

    def __init__(self, request: web.Request, record: RecordedRequest, pace: Pace, broken_by: Break | None) -> None:
        self._request = request
        self._record = record
        self._pace = pace
        self._broken_by = broken_by
        self._start_seconds = asyncio.get_running_loop().time()
        self._chunks = 0

    async def stream(self, completion: Completion, options: Mapping[str, Any]) -> web.StreamResponse:
        """Send the answer as server-sent events."""
        events = completion.as_events(options)
        point = self._broken_by.after_deltas if self._broken_by else None
        response = web.StreamResponse(headers=STREAM_HEADERS)
        try:
            if point is None:
                await self._break(response)
            await response.prepare(self._request)
            await response.write(events.start)
            await self._send(response, events.deltas[:point])
            if point is not None:
                await self._break(response)
                await self._send(response, events.deltas[point:])
            await response.write(events.end)
        except BrokenOff:
            pass
        return response

    async def whole(self, completion: Completion) -> web.StreamResponse:
        """Send the answer as one JSON object, when its last token is due."""
        await sleep_until(self._start_seconds + self._pace.due_seconds(len(completion.deltas)))
        answer = completion.as_json()
        cut = self._broken_by if isinstance(self._broken_by, Cut) else None
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        try:
            if cut is None or cut.after_deltas is None:
                await self._break(response)
            if cut and cut.how == "no_finish":
                for choice in answer["choices"]:
                    choice["finish_reason"] = None
            body = encoded(SERVER_ERROR if cut and cut.how == "error_event" else answer)
            half = body[: len(body) // 2]
            sent = half if cut and cut.how in ("bad_json", "half_line", "close", "reset") else body
            # A connection that breaks has promised more than it sends.
            response.content_length = len(body) if cut and cut.how in ("close", "reset") else len(sent)
            await response.prepare(self._request)
            self._stamp()
            await response.write(sent)
            if cut and cut.how in ("close", "reset"):
                self._hang_up(reset=cut.how == "reset")
        except BrokenOff:
            pass
        return response

    async def _send(self, response: web.StreamResponse, deltas: tuple[bytes, ...]) -> None:
        size = self._pace.tokens_per_chunk
        for start in range(0, len(deltas), size):
            await sleep_until(self._start_seconds + self._pace.due_seconds(self._chunks))
            self._chunks += 1
            self._stamp()
            await response.write(b"".join(deltas[start : start + size]))

    def _stamp(self) -> None:
        now = time.perf_counter()
        if self._record.first_text_at is None:
            self._record.first_text_at = now
        self._record.last_text_at = now

    async def _break(self, response: web.StreamResponse) -> None:
        if self._broken_by is not None:
            await break_off(self._request, response, self._broken_by)

    def _hang_up(self, *, reset: bool = False) -> None:
        hang_up(self._request, reset=reset)


async def break_off(request: web.Request, response: web.StreamResponse, how: Break) -> None:
    """Do what a behaviour does in the middle of an answer; raises ``BrokenOff`` where nothing follows."""
    match how:
        case Hold():
            await request[RECORD].released.wait()
        case Stall():
            await request[RECORD].released.wait()
            hang_up(request)
            raise BrokenOff
        case Cut(how=style):
            if response.prepared:
                await response.write(_spoiled(style))
            if style in ("close", "reset") or not response.prepared:
                hang_up(request, reset=style == "reset")
            raise BrokenOff


def hang_up(request: web.Request, *, reset: bool = False) -> None:
    """Close the connection of a request."""
    transport = request.transport
    if transport is None:
        return
    if not reset:
        transport.close()
        return
    # Closing with a linger time of zero sends RST instead of FIN.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _spoiled(how: CutStyle) -> bytes:
    """Return the last bytes of a stream that breaks off this way."""
    match how:
        case "error_event":
            return sse(SERVER_ERROR)
        case "half_line":
            return b'data: {"id":"chatcmpl-standin","object":"chat.compl'
        case "bad_json":
            return b'data: {"id":"chatcmpl-standin","choices":[{]}\n\n'
    return b""


async def send_raw(request: web.Request, raw: Raw) -> web.StreamResponse:
    """Send bytes as they are, in slices if asked to."""
    body = raw.body.encode() if isinstance(raw.body, str) else raw.body
    response = web.StreamResponse(status=raw.status, headers={"Content-Type": raw.content_type})
    await response.prepare(request)
    for part in _sliced(body, raw.slice_bytes or max(len(body), 1)):
        await response.write(part)
        await asyncio.sleep(0)  # lets a client in the same loop read the slice by itself
    return response


def _sliced(body: bytes, size: int) -> Iterable[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


def encoded(value: object) -> bytes:
    """Return a value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
