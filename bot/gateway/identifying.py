"""How often the bot may log in to the gateway. Discord resets a token after 1,000 IDENTIFY a day."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from bot.core.errors import StoreUnavailable
from bot.core.ports.clock import Clock

log = logging.getLogger(__name__)

# Far below Discord's limit, far above what a sound bot needs: a login ends only when a session cannot be resumed.
LIMITS: Final = ((20, timedelta(hours=1)), (200, timedelta(days=1)))


class IdentifyStore(Protocol):
    """Remembers logins over restarts. Both raise ``StoreUnavailable``."""

    async def identifies(self) -> Sequence[datetime]:
        """Return the logins of the last day."""
        ...

    async def record_identify(self, at: datetime) -> None:
        """Remember a login."""
        ...


def seconds_until_allowed(times: Iterable[datetime], now: datetime) -> float:
    """Return how long the next login has to wait for the earlier ones; 0 when it may be now."""
    known = sorted(times)
    wait_seconds = 0.0
    for most, window in LIMITS:
        recent = [at for at in known if at > now - window]
        if len(recent) >= most:
            # A clock that was set back leaves moments that are yet to come: no wait is longer than its window.
            wait_seconds = max(wait_seconds, (min(recent[-most] + window - now, window)).total_seconds())
    return wait_seconds


class IdentifyLog:
    """Counts logins on disk, and in memory those that the disk did not take."""

    def __init__(self, store: IdentifyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._unstored: list[datetime] = []

    async def wait_seconds(self) -> float:
        """Return how long the next login has to wait."""
        now = self._clock.now()
        try:
            stored = await self._store.identifies()
        except StoreUnavailable as error:
            log.warning("logins cannot be counted on disk", extra={"detail": error.detail})
            stored = ()
        return seconds_until_allowed([*stored, *self._unstored], now)

    async def note(self) -> None:
        """Count a login that is about to be sent."""
        now = self._clock.now()
        self._unstored = [at for at in self._unstored if at > now - LIMITS[-1][1]]
        try:
            await self._store.record_identify(now)
        except StoreUnavailable as error:
            self._unstored.append(now)
            log.warning("a login was not counted on disk", extra={"detail": error.detail})
