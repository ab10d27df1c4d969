"""The model of a measurement, in a process of its own: the stand-in, which says the same answer to every question.

It prints its base URL, and appends the stamps of every request to a file.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from benchmarks.answer import ANSWER
from bot.sandbox.standin import Pace, Say, StandIn

ANSWERS = 10_000  # more than any measurement asks for


async def _serve(pace: Pace, log: Path) -> None:
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    async with StandIn(pace=pace, log=log) as server:
        server.script(*[Say(ANSWER)] * ANSWERS)
        sys.stdout.write(f"{server.base_url}\n")
        sys.stdout.flush()
        await end.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model")
    parser.add_argument("--first-token-seconds", type=float, required=True)
    parser.add_argument("--tokens-per-second", type=float, required=True)
    parser.add_argument("--tokens-per-chunk", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    given = parser.parse_args()
    asyncio.run(_serve(Pace(given.first_token_seconds, given.tokens_per_second, given.tokens_per_chunk), given.log))
