"""The stand-in's server: lifetime, key, recording; each family of endpoints has a module of its own."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeAlias

from aiohttp import web

from bot.sandbox.standin import models
from bot.sandbox.standin.behaviours import Behaviour
from bot.sandbox.standin.bodies import parsed
from bot.sandbox.standin.chat import ChatEndpoint
from bot.sandbox.standin.images import PICTURES_PATH, ImagesEndpoint
from bot.sandbox.standin.pace import Pace
from bot.sandbox.standin.record import KEPT_REQUESTS, RECORD, Journal, RecordedRequest
from bot.sandbox.standin.refusals import Refusal
from bot.sandbox.standin.speech import SpeechEndpoint
from bot.sandbox.standin.spoken import Spoken
from bot.sandbox.standin.transcription import TranscriptionEndpoint
from bot.sandbox.standin.voice import Voice

Check: TypeAlias = Callable[[str, str, object], None]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

HOST = "127.0.0.1"
BODY_BYTES = 64 * 1024 * 1024  # pictures and audio come in requests too
SHUTDOWN_SECONDS = 0.05  # then whatever still streams is cancelled
AT_ONCE = Pace()


class Endpoint(Protocol):
    """A family of endpoints."""

    script: deque[Behaviour]
    billed: int

    def routes(self) -> list[web.RouteDef]:
        """Return its routes."""
        ...


class StandIn:
    """An OpenAI-compatible server on loopback; an async context manager.

    ``port`` 0 takes a free one. ``check`` is called with method, path and parsed body of every request; what it
    raises is raised again when the server ends, so that a test fails. ``log`` gets one JSON line per request.
    ``kept_requests``: how many are remembered; the oldest go first.
    """

    def __init__(
        self,
        *,
        key: str = "sk-stand-in",
        pace: Pace = AT_ONCE,
        port: int = 0,
        check: Check | None = None,
        log: Path | None = None,
        kept_requests: int = KEPT_REQUESTS,
    ) -> None:
        self.key = key
        self._port = port
        self._check = check
        self._failures: list[Exception] = []
        self._journal = Journal(log, kept=kept_requests)
        self.spoken = Spoken()  # what is said here is understood here
        voice = Voice(self.spoken)
        self._chat = ChatEndpoint(pace, voice)
        # Each family of endpoints by its name, with its script and its bill.
        self._endpoints: dict[str, Endpoint] = {
            "chat": self._chat,
            "image": ImagesEndpoint(pace),
            "speech": SpeechEndpoint(voice),
            "transcription": TranscriptionEndpoint(self.spoken.understand),
        }
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._serve], client_max_size=BODY_BYTES)
        app.add_routes([route for endpoint in self._endpoints.values() for route in endpoint.routes()])
        app.add_routes(models.routes())
        app.on_response_prepare.append(self._sign)
        # Without handler_cancellation nobody would notice that a client went away.
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, self._port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = runner.addresses[0][1]
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        if self._failures and exc is None:
            raise ExceptionGroup("requests against the API's contract, or failures of the stand-in", self._failures)

    @property
    def base_url(self) -> str:
        """Where a client finds the API, ``/v1`` included."""
        return f"http://{HOST}:{self._port}/v1"

    @property
    def requests(self) -> list[RecordedRequest]:
        """All requests in the order of arrival."""
        return self._journal.requests

    @property
    def billed(self) -> int:
        """How many answers were generated: counted when one begins, whether or not the client gets it."""
        return sum(self.billed_of.values())

    @property
    def billed_of(self) -> dict[str, int]:
        """The same for each family of endpoints."""
        return {name: endpoint.billed for name, endpoint in self._endpoints.items()}

    def script(self, *behaviours: Behaviour, of: str = "chat") -> None:
        """Let each of the following requests to one family of endpoints show one of these behaviours, in order."""
        self._endpoints[of].script.extend(behaviours)

    def forget_script(self, *, of: str = "chat") -> None:
        """Answer as usual from now on, whatever was scripted."""
        self._endpoints[of].script.clear()

    def release(self) -> None:
        """Let every request go on that has come so far and is held, or will be (``Hold``, ``Stall``)."""
        for record in self.requests:
            record.released.set()

    async def arrived(self, count: int) -> RecordedRequest:
        """Wait until so many requests have come since the start, and return that one."""
        return await self._journal.arrived(count)

    @web.middleware
    async def _serve(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Record a request, and turn what goes wrong into OpenAI's error object."""
        came_at = time.perf_counter()
        raw = await request.read()
        body = parsed(raw, request.headers.get("Content-Type", ""))
        record = RecordedRequest(request.method, request.path, request.headers, body, came_at)
        request[RECORD] = record
        await self._journal.add(record)
        try:
            response = await self._answer(request, record, handler)
            record.status = response.status
        except (asyncio.CancelledError, ConnectionError):
            record.aborted = self._runner is not None  # the client is gone, unless it is we who are closing
            raise
        except Exception as failure:
            self._failures.append(failure)
            raise
        finally:
            self._journal.end(record)
        return response

    async def _answer(self, request: web.Request, record: RecordedRequest, handler: Handler) -> web.StreamResponse:
        try:
            if self._check is not None:
                self._check(record.method, record.path, record.body)
        except Exception as violation:  # noqa: BLE001 - whatever it raises is raised again at the end
            self._failures.append(violation)
        try:
            if not request.path.startswith(PICTURES_PATH):
                self._admit(request)
            return await handler(request)
        except Refusal as refusal:
            return refusal.response()
        except web.HTTPNotFound:
            return Refusal(f"Invalid URL ({request.method} {request.path})", status=404).response()
        except web.HTTPMethodNotAllowed:
            return Refusal(
                f"Not allowed to {request.method} on {request.path}.",
                status=405,
                code="method_not_supported",
                param="method",
            ).response()

    def _admit(self, request: web.Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not key:
            raise Refusal("You didn't provide an API key in the Authorization header.", status=401)
        if key != self.key:
            masked = f"{key[:3]}***{key[-4:]}" if len(key) > 12 else "***"
            raise Refusal(f"Incorrect API key provided: {masked}.", status=401, code="invalid_api_key")

    async def _sign(self, request: web.Request, response: web.StreamResponse) -> None:
        if record := request.get(RECORD):
            response.headers["x-request-id"] = f"req_standin_{record.number}"
