"""Keeps the bot connected: logs in, resumes, waits, and gives up only where waiting cannot help.

discord.py's own ``Client.connect`` waits up to 17 minutes, logs in as often as Discord tells it to, and ends with the
first frame that it cannot read. This takes its place.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from typing import TYPE_CHECKING, Final, NoReturn

import aiohttp
import discord

from bot.gateway.private import (
    ReconnectWebSocket,
    Session,
    forget_connections,
    limit_every_call,
    open_socket,
    set_intents,
)

if TYPE_CHECKING:
    from bot.app import Parley

log = logging.getLogger(__name__)

FAILURES = 5  # within a minute
CONNECTS = 15  # within a minute, whoever asks for them: Discord may order some one after the other
WINDOW_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 60.0
OPEN_SECONDS = 60.0
RESUMES = 3  # in vain, after which the session is given up
CALL_SECONDS = 60.0  # what one REST request may take where its caller sets nothing shorter
SESSIONS_LEFT = 100  # of the day's logins (Discord allows 1,000, and resets the token after them)
LOOK_AGAIN_SECONDS = 600.0
UNREACHABLE = (OSError, TimeoutError, aiohttp.ClientError, discord.HTTPException, discord.RateLimited)

# Close codes: developer documentation, "Gateway Close Event Codes".
AUTHENTICATION_FAILED, INVALID_INTENTS, DISALLOWED_INTENTS = 4004, 4013, 4014
REVOKED = "DISCORD_TOKEN: Discord has revoked it; reset it on the Bot page of the developer portal"
HOPELESS: Final = {
    AUTHENTICATION_FAILED: REVOKED,
    4010: "Discord refuses the shard of this bot: report this",
    4011: "This bot is in more servers than one connection serves (2,500), which Parley cannot do: leave some of them",
    4012: "Discord no longer speaks this version of its gateway: install a newer version of Parley",
    INVALID_INTENTS: "Discord refuses the intents of this bot: report this",
    DISALLOWED_INTENTS: "Discord refuses the intents of this bot: report this",
}


class GatewayProblem(Exception):
    """Only the operator can mend it: no further call is made. ``problem`` is one line that says how."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class TokenRefused(GatewayProblem):
    """Discord does not take the token, and every further call with it would count against this address."""


class Supervisor:
    """Runs the connection of one bot, whose HTTP session and setup it owns as long as ``run`` runs."""

    def __init__(self, bot: Parley) -> None:
        self._bot = bot
        self._services = bot.services
        self._clock = bot.services.clock
        self._link = bot.services.link
        self._session: Session | None = None
        self._initial = True
        self._failures = self._escapes = 0  # since the last READY or RESUMED
        self._was_up = False  # in the present connection
        self._begun: deque[float] = deque(maxlen=CONNECTS)
        self._failed: deque[float] = deque(maxlen=FAILURES)

    async def run(self, token: str) -> NoReturn:
        """Keep the bot connected until this is cancelled. Raises ``GatewayProblem``."""
        await self._log_in(token)
        limit_every_call(self._bot, CALL_SECONDS)
        working = asyncio.create_task(self._keep_connected())
        refused = asyncio.create_task(self._services.rest.token_refused.wait())
        try:
            await asyncio.wait({working, refused}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
            raise TokenRefused(REVOKED)
        finally:
            for task in (working, refused):
                task.cancel()
            await asyncio.gather(working, refused, return_exceptions=True)

    async def _keep_connected(self) -> NoReturn:
        self._bot.add_listener(self._up, "on_connect")
        self._bot.add_listener(self._up, "on_resumed")
        while True:
            await self._connect()

    async def _log_in(self, token: str) -> None:
        while True:
            try:
                await self._bot.login(token)
            except discord.LoginFailure as error:
                raise TokenRefused(
                    "DISCORD_TOKEN: Discord does not accept it; reset it on the Bot page of the developer portal"
                ) from error
            except (*UNREACHABLE, KeyError, TypeError, ValueError) as error:  # the last three: an answer without sense
                await forget_connections(self._bot)
                await self._wait_after(error)
            else:
                return

    async def _connect(self) -> None:
        """Connect once, and stay for as long as it holds."""
        await self._pace()
        self._was_up = False
        try:
            if self._session is None:
                await self._may_identify()
            await self._stay()
        except ReconnectWebSocket as order:
            if not order.resume:
                self._session = None
            if not self._was_up:
                await self._wait_after(order)
        except discord.ConnectionClosed as closed:
            self._judge(closed.code)
        except (*UNREACHABLE, discord.GatewayNotFound) as error:
            await self._wait_after(error)
        except GatewayProblem:
            raise
        except Exception as error:
            log.exception("the connection to Discord failed")
            self._escapes += 1
            if self._escapes >= RESUMES:
                self._session = None
            await self._wait_after(error)

    async def _stay(self) -> None:
        async with asyncio.timeout(OPEN_SECONDS):
            socket = await open_socket(self._bot, self._session, initial=self._initial)
        self._initial = False
        socket.heard = self._link.heard
        self._bot.ws = socket
        try:
            while True:
                await socket.poll_event()
        finally:
            self._link.connected = False
            self._session = socket.session
            self._bot.dispatch("disconnect")
            await socket.abandon()

    async def _pace(self) -> None:
        """Keep the connects of a minute few."""
        now = self._clock.perf_seconds()
        if len(self._begun) == CONNECTS and (wait := self._begun[0] + WINDOW_SECONDS - now) > 0:
            log.warning("connected too often: waiting", extra={"seconds": round(wait)})
            await self._clock.sleep(wait)
        self._begun.append(self._clock.perf_seconds())

    async def _wait_after(self, error: Exception) -> None:
        self._failures += 1
        longest = min(LONGEST_WAIT_SECONDS, 2.0 ** min(self._failures, 10))
        wait = random.uniform(longest / 2, longest)  # noqa: S311  so that bots do not come back all at once
        if isinstance(error, discord.RateLimited):
            wait = min(LONGEST_WAIT_SECONDS, max(wait, error.retry_after))
        now = self._clock.perf_seconds()
        if len(self._failed) == FAILURES:
            wait = max(wait, self._failed[0] + WINDOW_SECONDS - now)
        self._failed.append(now + wait)
        extra = {"seconds": round(wait), "failures": self._failures, "detail": type(error).__name__}
        log.warning("Discord cannot be reached: trying again", extra=extra)
        await self._clock.sleep(wait)

    async def _may_identify(self) -> None:
        """Wait until a login is within the limits, our own and Discord's."""
        while True:
            wait = await self._services.identifies.wait_seconds()
            if wait == 0:
                _, _, limit = await self._bot.http.get_bot_gateway()
                if limit["remaining"] >= SESSIONS_LEFT:
                    self._link.waits_to_identify(0)
                    self._services.degraded.pop("logins", None)
                    return
                wait = max(LONGEST_WAIT_SECONDS, limit["reset_after"] / 1000)
            log.error("too many logins: waiting before the next one", extra={"seconds": round(wait)})
            self._link.waits_to_identify(wait)
            self._services.degraded["logins"] = "too many logins to Discord: waiting before the next one"
            await self._clock.sleep(min(wait, LOOK_AGAIN_SECONDS))

    def _judge(self, code: int) -> None:
        """Go on where that makes sense after a close code that discord.py does not reconnect after."""
        if code in (INVALID_INTENTS, DISALLOWED_INTENTS) and self._link.message_content:
            log.error(
                "Discord refuses the Message Content intent, so the bot goes on without it: in channels with the mode "
                "auto and in its threads it answers only where it is mentioned. Switch the intent on on the Bot page "
                "of the developer portal and start the bot again, or set MESSAGE_CONTENT_INTENT=false"
            )
            self._link.lose_message_content()
            self._services.degraded["message_content"] = "Discord refuses the Message Content intent"
            set_intents(self._bot, self._bot.wanted_intents())
            self._session = None
        elif code in HOPELESS:
            raise (TokenRefused if code == AUTHENTICATION_FAILED else GatewayProblem)(HOPELESS[code])

    async def _up(self) -> None:
        self._failures = self._escapes = 0
        self._was_up = True
        self._link.connected = True
