"""Takes the running bot's pulse: writes the heartbeat, and gathers the figures that ``/metrics`` shows."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.core.caps import CapPeriod, SpendingCaps
from bot.core.errors import StoreUnavailable
from bot.heartbeat import BEAT_SECONDS, Heartbeat, write_heartbeat
from bot.store.figures import Undelivered

if TYPE_CHECKING:
    from bot.app import Parley
    from bot.loop_watch import LoopWatch
    from bot.services import Services

log = logging.getLogger(__name__)

PAUSED = "paused by the operator: nobody is answered until `python -m bot resume`"
NOTHING = Undelivered(0, None)
STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Figures:
    """What can be counted. Names are codes of ours; ``None`` is what could not be read now."""

    heartbeat: Heartbeat
    turns: Mapping[str, int]  # outcome -> how many ended so
    provider_calls: Mapping[str, Mapping[str, int]]  # endpoint -> outcome -> how many
    spent_micro_usd: Mapping[CapPeriod, int]  # nothing while it cannot be read
    caps: SpendingCaps
    answering: int
    waiting: int
    undelivered: int
    gateway_latency_seconds: float
    rest_refusals: int
    loop_lag_seconds: float
    loop_blocks: int
    resident_bytes: int
    database_bytes: int


class Vitals:
    """Knows how the running bot is."""

    def __init__(self, bot: Parley, services: Services, loop_watch: LoopWatch) -> None:
        self._bot = bot
        self._services = services
        self._loop_watch = loop_watch
        self._gateway_heard_at = self._now()
        self._owed_since: float | None = None  # when the write was begun that is under way or failed
        self._undelivered = NOTHING
        self._writes = True

    async def keep_beating(self, path: Path) -> None:
        """Write the heartbeat for as long as the bot runs."""
        probing: asyncio.Task[None] | None = None
        try:
            while True:
                # A database that hangs must not stop the heartbeat that tells of it.
                if probing is None or probing.done():
                    probing = asyncio.create_task(self._probe())
                await asyncio.wait({probing}, timeout=BEAT_SECONDS)
                try:
                    write_heartbeat(path, self.heartbeat())
                except OSError as error:
                    log.warning("the heartbeat cannot be written", extra={"detail": type(error).__name__})
                await asyncio.sleep(BEAT_SECONDS)
        finally:
            if probing is not None:
                probing.cancel()

    def heartbeat(self) -> Heartbeat:
        """Return how the bot is now."""
        now = self._now()
        gateway = self._services.link.state()
        if gateway.connected and gateway.last_dispatch_age_seconds is not None:
            self._gateway_heard_at = now - gateway.last_dispatch_age_seconds
        elif gateway.identify_wait_seconds > 0:  # alive, and waiting as it should: no reason to start it again
            self._gateway_heard_at = now
        breakers = self._services.breakers
        return Heartbeat(
            written_at=now,
            database_written_at=now if self._owed_since is None else self._owed_since,
            gateway_heard_at=self._gateway_heard_at,
            oldest_undelivered_at=self._undelivered.oldest_at,
            open_breakers={name: code for name in breakers if (code := breakers[name].open_code) is not None},
            blocked_seconds=self._loop_watch.longest_seconds(),
            degraded=self._degraded(),
        )

    def _degraded(self) -> dict[str, str]:
        paused = {"pause": PAUSED} if self._services.admission.is_paused() else {}
        return {**self._services.degraded, **paused}

    async def figures(self) -> Figures:
        """Return everything that can be counted."""
        services = self._services
        try:
            spent = {period: await services.figures.spent_micro_usd(period) for period in CapPeriod}
        except StoreUnavailable:
            spent = {}
        return Figures(
            heartbeat=self.heartbeat(),
            turns=dict(services.store.ended),
            provider_calls={name: dict(breaker.outcomes) for name, breaker in services.breakers.items()},
            spent_micro_usd=spent,
            caps=services.caps,
            answering=services.turns.answering,
            waiting=services.turns.waiting,
            undelivered=self._undelivered.replies,
            gateway_latency_seconds=self._bot.latency,
            rest_refusals=self._bot.rest_refusals,
            loop_lag_seconds=self._loop_watch.longest_seconds(),
            loop_blocks=self._loop_watch.blocks,
            resident_bytes=resident_bytes(),
            database_bytes=services.figures.database_bytes(),
        )

    async def _probe(self) -> None:
        """Write to the database, and look for what is undelivered."""
        if self._owed_since is None:
            self._owed_since = self._now()
        try:
            await self._services.pulse.write()
            await self._services.turns.catch_up()
            self._undelivered = await self._services.figures.undelivered()
        except StoreUnavailable as error:
            if self._writes:
                log.warning("the database takes no write", extra={"detail": error.detail})
            self._writes = False
            return
        if not self._writes:
            log.warning("the database takes writes again")
        self._writes = True
        self._owed_since = None

    def _now(self) -> float:
        return self._services.clock.now().timestamp()


def resident_bytes() -> int:
    """Return the memory that the process holds; its peak where the system does not tell the present figure."""
    try:
        return int(STATM.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
