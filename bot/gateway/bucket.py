"""Pure counting for REST: a token bucket, and a count of events within a window."""

from __future__ import annotations

from collections import deque


class TokenBucket:
    """Hands out times at a steady rate after a first burst, in the order of asking.

    Within any second at most ``per_second + burst`` times lie.
    """

    def __init__(self, *, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = float(burst)
        self._at = 0.0

    def reserve(self, now: float) -> float:
        """Take the next time; return the seconds to wait for it."""
        self._refill(now)
        self._tokens -= 1
        return max(0.0, -self._tokens / self._per_second)

    def left(self, now: float) -> float:
        """Return how many times could be taken without waiting; negative when some wait."""
        self._refill(now)
        return self._tokens

    def _refill(self, now: float) -> None:
        self._tokens = min(float(self._burst), self._tokens + max(0.0, now - self._at) * self._per_second)
        self._at = max(self._at, now)


class WindowCount:
    """Counts what happened within the last so many seconds, up to ``most``."""

    def __init__(self, *, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque(maxlen=most)

    def add(self, now: float) -> None:
        """Count one."""
        self._times.append(now)

    def seconds_full(self, now: float) -> float:
        """Return for how long the count stays at its most; 0 when it is below."""
        if self._times.maxlen is None or len(self._times) < self._times.maxlen:
            return 0.0
        return max(0.0, self._times[0] + self._seconds - now)
