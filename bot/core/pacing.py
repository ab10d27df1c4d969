"""When the next edit may be made: one budget per Discord bucket, shared by all answers that grow in it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from bot.core.limits import EDIT_SECONDS

BUCKETS = 10_000  # remembered at most; the least recently used one is forgotten


@dataclass(slots=True)
class _Bucket:
    free_at: float = 0.0  # on the clock of ``perf_seconds``
    blocked_until: float = 0.0

    def is_free(self, now: float) -> bool:
        """Whether it is as good as new."""
        return max(self.free_at, self.blocked_until) <= now


class EditPace:
    """Hands out edit times per bucket (a channel's id, or an interaction's token).

    Edits of unfinished answers keep ``EDIT_SECONDS`` apart, which leaves one of Discord's about five edits in five
    seconds for the finished answer: that one never waits. What Discord's headers say goes before this rule of thumb.
    """

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        """How many buckets are remembered."""
        return len(self._buckets)

    def _bucket(self, key: str, now: float) -> _Bucket:
        # Every command has a bucket of its own: what is free again, and not this one, is forgotten.
        bucket = self._buckets.setdefault(key, _Bucket())
        self._buckets.move_to_end(key)
        while len(self._buckets) > 1:
            oldest = next(iter(self._buckets))
            if len(self._buckets) <= BUCKETS and not self._buckets[oldest].is_free(now):
                break
            del self._buckets[oldest]
        return bucket

    def reserve(self, key: str, now: float) -> float:
        """Take the next free time for an unfinished edit; return the seconds to wait for it."""
        bucket = self._bucket(key, now)
        at = max(now, bucket.free_at, bucket.blocked_until)
        bucket.free_at = at + EDIT_SECONDS
        return at - now

    def note(self, key: str, now: float, *, gap_seconds: float = EDIT_SECONDS) -> None:
        """Count a message or edit that did not ask for a time; the next unfinished edit comes a gap after it."""
        bucket = self._bucket(key, now)
        bucket.free_at = max(bucket.free_at, now + gap_seconds)

    def learn(self, key: str, now: float, *, remaining: int, reset_after_seconds: float) -> None:
        """Take in what Discord's rate-limit headers say: the last request of a window is kept for a finished answer."""
        if remaining <= 1:
            self._bucket(key, now).blocked_until = now + reset_after_seconds
