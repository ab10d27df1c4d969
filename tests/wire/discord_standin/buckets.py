"""Rate-limit buckets as Discord shows them in headers.

The numbers are not documented; these are what bots see in practice: 5 creates and 5 edits in 5 s for each channel, and
an interaction's webhook has a bucket of its own.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

# (method, route): name of the bucket, requests, seconds. Routes with one name share the bucket of a major parameter.
LIMITS: dict[tuple[str, str], tuple[str, int, float]] = {
    ("POST", "/channels/{channel_id}/messages"): ("create", 5, 5.0),
    ("PATCH", "/channels/{channel_id}/messages/{message_id}"): ("edit", 5, 5.0),
    ("DELETE", "/channels/{channel_id}/messages/{message_id}"): ("delete", 5, 5.0),
    ("POST", "/channels/{channel_id}/typing"): ("typing", 5, 5.0),
    ("POST", "/webhooks/{webhook_id}/{webhook_token}"): ("webhook", 5, 5.0),
    ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/@original"): ("webhook", 5, 5.0),
    ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}"): ("webhook", 5, 5.0),
}
ELSEWHERE = (50, 1.0)
MAJOR_PARAMETERS = ("channel_id", "guild_id", "webhook_id", "webhook_token", "interaction_token")


@dataclass(slots=True)
class Bucket:
    limit: int
    remaining: int
    resets_at: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request passes, and the headers that say so."""

    passes: bool
    retry_after_seconds: float
    headers: dict[str, str]


class Buckets:
    """Counts requests in fixed windows that begin with the first request. With ``pace`` 5 a window of 5 s lasts 1 s."""

    def __init__(self, clock: Callable[[], float], *, pace: float = 1.0) -> None:
        self._clock = clock
        self._pace = pace
        self._buckets: dict[tuple[str, ...], Bucket] = {}

    def take(self, method: str, route: str, path: dict[str, str]) -> Verdict:
        name, limit, seconds = LIMITS.get((method, route), (f"{method} {route}", *ELSEWHERE))
        key = (name, *(path.get(parameter, "") for parameter in MAJOR_PARAMETERS))
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None or now >= bucket.resets_at:
            bucket = self._buckets[key] = Bucket(limit, limit, now + seconds / self._pace)
        passes = bucket.remaining > 0
        bucket.remaining -= passes
        # Rounded up, so that a client that waits exactly so long is not early.
        wait_seconds = math.ceil((bucket.resets_at - now) * 1000) / 1000
        headers = {
            "X-RateLimit-Bucket": hashlib.sha256(name.encode()).hexdigest()[:32],
            "X-RateLimit-Limit": str(bucket.limit),
            "X-RateLimit-Remaining": str(bucket.remaining),
            "X-RateLimit-Reset": f"{time.time() + wait_seconds:.3f}",
            "X-RateLimit-Reset-After": f"{wait_seconds:.3f}",
        }
        if not passes:
            headers |= {"Retry-After": str(math.ceil(wait_seconds)), "X-RateLimit-Scope": "user"}
        return Verdict(passes, wait_seconds, headers)
