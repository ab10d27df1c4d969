"""The model of a measurement, in a process of its own: the stand-in, which says the same answer to every question.

It prints its base URL, and appends the stamps of every request to a file. A chunk is one event of the stream.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import signal
import sys
from pathlib import Path

from benchmarks.answer import ANSWER, ANSWER_TOKENS
from bot.sandbox.standin import Pace, Say, StandIn

ANSWERS = 100_000  # more than any measurement asks for


async def _serve(say: Say, pace: Pace, log: Path) -> None:
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    async with StandIn(pace=pace, log=log) as server:
        server.script(*[say] * ANSWERS)
        sys.stdout.write(f"{server.base_url}\n")
        sys.stdout.flush()
        await end.wait()


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model")
    parser.add_argument("--first-token-seconds", type=float, required=True)
    parser.add_argument("--tokens-per-second", type=float, required=True)
    parser.add_argument("--tokens-per-chunk", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    given = parser.parse_args()
    chunks = math.ceil(ANSWER_TOKENS / given.tokens_per_chunk)
    # With larger chunks the text is cut evenly, and each comes when its last token would.
    delta_chars = None if given.tokens_per_chunk == 1 else math.ceil(len(ANSWER) / chunks)
    pace = Pace(given.first_token_seconds, given.tokens_per_second / given.tokens_per_chunk)
    asyncio.run(_serve(Say(ANSWER, delta_chars=delta_chars), pace, given.log))


if __name__ == "__main__":
    main()
