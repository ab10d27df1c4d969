"""The circuit breaker of one endpoint: what has just failed for everybody is not tried again by everybody."""

from __future__ import annotations

import logging
from collections import Counter, deque

from bot.core.errors.provider import KeyRejected, ProviderError, ProviderTimeout, ProviderUnavailable, QuotaExhausted
from bot.core.ports.clock import Clock

log = logging.getLogger(__name__)

FAILURES = 5
WITHIN_SECONDS = 30.0
OPEN_SECONDS = 15.0  # after an outage ends, it is noticed within this time
OPEN_SECONDS_BY_ERROR: dict[type[ProviderError], float] = {
    QuotaExhausted: 600.0,
    KeyRejected: 60.0,  # so that a key that works again is seen soon
}


class Breaker:
    """Closed: everything passes. Open: the error is raised at once. Half-open: one request per while tries again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed_at: deque[float] = deque(maxlen=FAILURES)
        self._error: type[ProviderError] | None = None
        self._next_try_at = 0.0
        self.outcomes: Counter[str] = Counter()  # "ok", or an error's code -> requests that ended so

    @property
    def open_code(self) -> str | None:
        """The code of the error that opened the breaker; ``None`` while it is closed."""
        return None if self._error is None else self._error.code

    def check(self) -> None:
        """Let a request pass, or raise the error that opened the breaker."""
        if self._error is None:
            return
        now = self._clock.perf_seconds()
        if now < self._next_try_at:
            raise self._error(f"breaker open, {self._next_try_at - now:.0f} s to the next try")
        # This request tries; should it never report back, another one does after a while.
        self._next_try_at = now + OPEN_SECONDS

    def record(self, error: ProviderError | None) -> None:
        """Take note of how a request ended. An error that the server itself answered with shows that it is well."""
        self.outcomes["ok" if error is None else error.code] += 1
        now = self._clock.perf_seconds()
        if isinstance(error, QuotaExhausted | KeyRejected):
            self._open(type(error), now, OPEN_SECONDS_BY_ERROR[type(error)])
        elif isinstance(error, ProviderUnavailable | ProviderTimeout):
            self._failed_at.append(now)
            lately = len(self._failed_at) == FAILURES and now - self._failed_at[0] <= WITHIN_SECONDS
            if lately or self._error is not None:
                self._open(ProviderUnavailable, now, OPEN_SECONDS)
        else:
            self._failed_at.clear()
            if self._error is not None:
                log.warning("the provider answers again", extra={"was": self._error.code})
                self._error = None

    def _open(self, error: type[ProviderError], now: float, seconds: float) -> None:
        if self._error is not error:
            log.warning("the provider is left alone for a while", extra={"error": error.code, "seconds": seconds})
        self._error = error
        self._next_try_at = now + seconds
