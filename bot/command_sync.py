"""Keeps Discord's copy of the commands like ours: synced only when they have changed, and not again for a day after
Discord said that it takes no more of them today.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import aiohttp
import discord

from bot.core.errors import StoreUnavailable

if TYPE_CHECKING:
    from bot.app import Parley

log = logging.getLogger(__name__)

TREE_HASH: Final = "command_tree_hash"
REST_UNTIL: Final = "command_sync_rests_until"
# "Max number of daily application command creates has been reached (200)" (developer documentation, "JSON error codes")
DAILY_LIMIT: Final = 30034
DAY: Final = timedelta(hours=24)
LOOK_SECONDS: Final = 600.0


class CommandSync:
    """Syncs the commands of one bot. While that rests, the commands that Discord has go on working."""

    def __init__(self, bot: Parley) -> None:
        self._bot = bot
        self._services = bot.services
        self._rested = False  # changed commands wait for the end of the rest

    async def sync_when_changed(self) -> None:
        """Sync unless Discord has these commands already, or took none a short while ago.

        Raises what may work at the next try; the bot does not come up without its first sync.
        """
        bot, preferences = self._bot, self._services.preferences
        payload = [command.to_dict(bot.tree) for command in bot.tree.get_commands()]
        payload.append({"application": bot.application_id, "library": discord.__version__})
        digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
        if preferences.of_bot(TREE_HASH) == digest:
            return
        if self._rests():
            self._rested = True
            log.warning("the commands have changed and wait", extra={"until": preferences.of_bot(REST_UNTIL)})
            return
        try:
            synced = await bot.tree.sync()
        except discord.RateLimited as error:
            if self._services.rest.paused_seconds() > 0:
                raise  # no call at all is made now
            await self._rest(timedelta(seconds=error.retry_after))
        except discord.HTTPException as error:
            if error.code == DAILY_LIMIT:
                await self._rest(DAY)
            elif error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            else:  # the next start tries again
                self._rested = False
                log.exception("the commands were not synced", extra={"status": error.status, "code": error.code})
        else:
            self._rested = False
            await preferences.remember_of_bot(TREE_HASH, digest)
            log.info("synced the commands", extra={"commands": len(synced)})

    async def keep_synced(self, *, look_seconds: float = LOOK_SECONDS) -> None:
        """Sync what has waited, for as long as the bot runs."""
        while True:
            await asyncio.sleep(look_seconds)
            if not self._rested or self._rests():
                continue
            try:
                await self.sync_when_changed()
            except (
                OSError,
                TimeoutError,
                aiohttp.ClientError,
                discord.HTTPException,
                discord.RateLimited,
                StoreUnavailable,
                KeyError,  # these three: an answer without sense
                TypeError,
                ValueError,
            ) as error:
                log.warning("the commands still wait", extra={"detail": type(error).__name__})

    async def _rest(self, wanted: timedelta) -> None:
        """Write down until when, so that a restart does not ask again."""
        until = self._services.clock.now() + min(wanted, DAY)
        self._rested = True
        log.error("Discord takes no more commands for now: the old ones stay", extra={"until": until.isoformat()})
        await self._services.preferences.remember_of_bot(REST_UNTIL, until.isoformat())

    def _rests(self) -> bool:
        until = self._services.preferences.of_bot(REST_UNTIL)
        left = datetime.fromisoformat(until) - self._services.clock.now() if until is not None else timedelta()
        return timedelta() < left <= DAY  # longer only when the clock was wrong
