"""``make soak``: the real program between two faulty stand-ins, for long; exits 1 when a promise breaks."""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
import sys
import tempfile
import time
from pathlib import Path

from bot.sandbox.standin import Pace, StandIn
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.program import Bench
from tests.wire.soak import Plan, Verdict, run

PACE = Pace(0.05, 300)
KEPT_REQUESTS = 1_000_000  # all of them are looked at in the end


async def _run(plan: Plan, folder: Path) -> Verdict:
    async with DiscordStandIn() as discord, StandIn(pace=PACE, kept_requests=KEPT_REQUESTS) as openai:
        bench = Bench(
            {
                "DISCORD_TOKEN": discord.token,
                "DISCORD_API_URL": discord.api_url,
                "DISCORD_GATEWAY_URL": discord.gateway_url,
                "OPENAI_API_KEY": openai.key,
                "OPENAI_BASE_URL": openai.base_url,
                "DATABASE_URL": f"sqlite:///{folder}/data/parley.db",
            },
            folder,
            [],
        )
        try:
            return await run(plan, bench, discord, openai)
        finally:
            for program in bench.programs:
                await program.kill()


def main() -> None:
    """Run once; print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, which is printed")
    parser.add_argument("--rate", type=float, default=3.0, help="turns per second")
    parser.add_argument("--fault-every", type=float, default=5.0, help="seconds")
    parser.add_argument("--folder", type=Path, default=None, help="an empty folder to keep database and logs in")
    given = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    plan = Plan(seed, given.minutes * 60, given.rate, given.fault_every)
    print(f"{given.minutes:g} minutes, seed {seed}, {given.rate:g} turns/s, a fault every {given.fault_every:g} s")
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # clients that go away are what this is about
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="parley-soak-") as temporary:
        if given.folder:
            given.folder.mkdir(parents=True, exist_ok=True)
        verdict = asyncio.run(_run(plan, given.folder or Path(temporary)))
    print(f"{verdict}\n{time.perf_counter() - begun:.0f} s")
    for problem in verdict.problems:
        print(problem)
    if verdict.problems:
        sys.exit(f"FAILED: seed {seed}")


if __name__ == "__main__":
    main()
