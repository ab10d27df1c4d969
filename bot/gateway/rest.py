"""The bot's own discipline towards Discord's REST API, below its limits, on every request that discord.py sends.

It hangs on aiohttp's tracing, which sees each try of every call, those of webhooks too, and may delay or refuse it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from types import SimpleNamespace

import aiohttp
import discord
from multidict import CIMultiDictProxy

from bot.core.ports.clock import Clock
from bot.gateway.bucket import TokenBucket, WindowCount

log = logging.getLogger(__name__)

CALLS_PER_SECOND = 30.0  # Discord allows 50 (developer documentation, "Rate Limits", global limit)
BURST = 15
ROOM = BURST / 2  # what typing and growing edits leave for finished answers
BAN_SECONDS = 600.0  # when a ban does not say how long
INVALID_SECONDS = 600.0
INVALID_MOST = 2000  # of 10,000 within 10 minutes, after which Cloudflare bans the address
BLOCK_SECONDS = 5.0  # a shorter wait is left to discord.py
BLOCKS = 1000
INVALID = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
JSON = "application/json"
# Interactions do not count against the global limit, and what they are answered with carries a token of its own.
OWN_TOKEN = ("/interactions/", "/webhooks/")


class NotDiscord(aiohttp.ClientPayloadError):
    """Something in between answered, with a page instead of JSON: as good as a server error."""


class NotRepeated(aiohttp.ClientPayloadError):
    """Discord's server failed, and may have done all the same what it was asked for."""


class RestDiscipline:
    """Delays, refuses and watches REST calls. A refusal is a ``discord.RateLimited`` with the seconds to wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bucket = TokenBucket(per_second=CALLS_PER_SECOND, burst=BURST)
        self._invalid = WindowCount(seconds=INVALID_SECONDS, most=INVALID_MOST)
        self._banned_until = 0.0
        self._once = ContextVar("once", default=False)  # of the task that calls
        self._blocked: dict[tuple[str, str], float] = {}
        self.token_refused = asyncio.Event()  # the token works no more

    def has_room(self) -> bool:
        """Whether a call that nobody would miss (typing, a growing edit) may be made now."""
        return self.paused_seconds() == 0 and self._bucket.left(self._clock.perf_seconds()) >= ROOM

    def paused_seconds(self) -> float:
        """Return for how long no call at all is made: after a ban, or after too many calls that were refused."""
        now = self._clock.perf_seconds()
        return max(0.0, self._banned_until - now, self._invalid.seconds_full(now))

    async def admit(self, method: str, path: str) -> None:
        """Wait for the call's turn. Raises ``discord.RateLimited`` when it is not to be made now."""
        now = self._clock.perf_seconds()
        left = max(self.paused_seconds(), self._blocked.get((method, path), 0.0) - now)
        if left > 0:
            raise discord.RateLimited(left)
        if not _has_own_token(path):
            wait_seconds = self._bucket.reserve(now)
            if wait_seconds > 0:
                await self._clock.sleep(wait_seconds)

    def note(self, method: str, path: str, status: int, headers: CIMultiDictProxy[str]) -> None:
        """Learn from an answer."""
        now = self._clock.perf_seconds()
        if status == HTTPStatus.UNAUTHORIZED and not _has_own_token(path):
            self.token_refused.set()
        if status in INVALID and headers.get("X-RateLimit-Scope") != "shared":
            self._invalid.add(now)
            if self._invalid.seconds_full(now):
                log.error("Discord refused too many calls: none is made for a while", extra={"calls": INVALID_MOST})
        if status != HTTPStatus.TOO_MANY_REQUESTS:
            return
        retry_after = _seconds(headers.get("Retry-After"))
        if "Via" not in headers:  # not from Discord but from Cloudflare before it
            self._banned_until = now + (retry_after or BAN_SECONDS)
            log.error("banned by Cloudflare: no call is made", extra={"seconds": round(self._banned_until - now)})
        elif retry_after is not None and retry_after > BLOCK_SECONDS:
            if len(self._blocked) >= BLOCKS:
                self._blocked = {key: until for key, until in self._blocked.items() if until > now}
            self._blocked[method, path] = now + retry_after

    @contextmanager
    def unrepeated(self) -> Iterator[None]:
        """Let a server error end a call, which discord.py would make again: for creates that no nonce protects."""
        token = self._once.set(True)
        try:
            yield
        finally:
            self._once.reset(token)

    def hang_on(self, trace: aiohttp.TraceConfig) -> None:
        """Let the trace of discord.py's HTTP session obey."""

        async def start(_s: aiohttp.ClientSession, _c: SimpleNamespace, begun: aiohttp.TraceRequestStartParams) -> None:
            if _is_rest(str(begun.url)):
                await self.admit(begun.method, begun.url.path)

        async def end(_s: aiohttp.ClientSession, _c: SimpleNamespace, ended: aiohttp.TraceRequestEndParams) -> None:
            if not _is_rest(str(ended.url)):
                return
            response = ended.response
            self.note(ended.method, ended.url.path, response.status, response.headers)
            if self._once.get() and response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                response.close()
                raise NotRepeated(f"status {response.status}")
            if _is_page(response):
                response.close()
                raise NotDiscord(f"status {response.status}, not JSON")

        trace.on_request_start.append(start)
        trace.on_request_end.append(end)


def _is_rest(url: str) -> bool:
    return url.startswith(discord.http.Route.BASE)


def _has_own_token(path: str) -> bool:
    return any(part in path for part in OWN_TOKEN)


def _is_page(response: aiohttp.ClientResponse) -> bool:
    """Whether an answer is no answer of Discord's. Server errors and 429 are dealt with whatever they look like."""
    if response.status in (HTTPStatus.NO_CONTENT, HTTPStatus.TOO_MANY_REQUESTS) or response.status >= 500:
        return False
    return response.headers.get("Content-Type") != JSON  # exactly what discord.py takes for JSON


def _seconds(header: str | None) -> float | None:
    try:
        return float(header) if header is not None else None
    except ValueError:
        return None
