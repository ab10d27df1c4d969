"""How fast the stand-in speaks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """The schedule of an answer: the first token after a while, then so many tokens per second.

    ``tokens_per_second`` ``None`` sends everything at once. ``tokens_per_chunk`` tokens go out in one event.
    """

    first_token_seconds: float = 0.0
    tokens_per_second: float | None = None
    tokens_per_chunk: int = 1

    def due_seconds(self, chunk: int) -> float:
        """Return when chunk number ``chunk`` (0-based) is due, in seconds after the request came."""
        if self.tokens_per_second is None:
            return self.first_token_seconds
        return self.first_token_seconds + chunk * self.tokens_per_chunk / self.tokens_per_second


async def sleep_until(loop_seconds: float) -> None:
    """Sleep until the loop's clock shows a time: each chunk has its own, so that lateness does not add up."""
    wait_seconds = loop_seconds - asyncio.get_running_loop().time()
    if wait_seconds > 0:
        await asyncio.sleep(wait_seconds)
