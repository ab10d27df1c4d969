"""Starts the stand-in alone: ``python -m bot.sandbox.standin``."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from bot.sandbox.standin.pace import Pace
from bot.sandbox.standin.server import StandIn


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bot.sandbox.standin",
        description="A stand-in for an OpenAI-compatible server, on 127.0.0.1. It is no model and says so.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument(
        "--key", default="sk-stand-in", help="the API key that clients must send (default: %(default)s)"
    )
    parser.add_argument("--first-token-seconds", type=float, default=0.3, help="default: %(default)s")
    parser.add_argument("--tokens-per-second", type=float, default=40.0, help="0 is as fast as it can (default: 40)")
    parser.add_argument("--tokens-per-chunk", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--log", type=Path, metavar="FILE", help="append one JSON line per request: stamps and counts")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    pace = Pace(arguments.first_token_seconds, arguments.tokens_per_second or None, arguments.tokens_per_chunk)
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    async with StandIn(key=arguments.key, pace=pace, port=arguments.port, log=arguments.log) as server:
        sys.stdout.write(f"{server.base_url}\n")
        sys.stdout.flush()
        await end.wait()


if __name__ == "__main__":
    try:
        asyncio.run(_serve(_arguments()))
    except OSError as error:
        sys.exit(f"The stand-in cannot listen: {error.strerror}")
