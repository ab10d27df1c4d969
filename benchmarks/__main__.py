"""``make bench``: every measurement, Parley beside a bare bot, as ratios on this machine."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Awaitable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from benchmarks import conversation, crowd, drawing, history, listening, memory, pictures, streaming, uploads, voice
from benchmarks.processes import PROC
from benchmarks.table import Row, render
from tests.wire.discord_standin.spec import load_spec


class Measure(Protocol):
    """A measurement. ``quick`` only shows that it works; ``folder`` is its own, and is removed afterwards."""

    def __call__(self, *, quick: bool, folder: Path) -> Awaitable[list[Row]]: ...


MEASUREMENTS: Mapping[str, Measure] = {
    "streaming": streaming.measure,
    "crowd": crowd.measure,
    "conversation": conversation.measure,
    "history": history.measure,
    "pictures": pictures.measure,
    "uploads": uploads.measure,
    "drawing": drawing.measure,
    "listening": listening.measure,
    "voice": voice.measure,
}
MEMORY = "memory"  # takes its own time: it runs when it is named


async def _measure(measures: Mapping[str, Measure], *, quick: bool) -> None:
    for name, measure in measures.items():
        with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
            rows = await measure(quick=quick, folder=Path(folder))
        print(f"\n{name}\n{render(rows)}", flush=True)


def main() -> None:
    """Run the measurements that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures Parley beside a bare bot.")
    known = f"of: {', '.join(MEASUREMENTS)} (default: all), {MEMORY}"
    parser.add_argument("names", nargs="*", metavar="name", help=known)
    parser.add_argument("--quick", action="store_true", help="only show that it works: the figures mean nothing")
    parser.add_argument("--minutes", type=float, default=memory.MINUTES, help=f"of {MEMORY}")
    parser.add_argument("--rate", type=float, default=memory.TURNS_PER_SECOND, help=f"of {MEMORY}, in turns per second")
    given = parser.parse_args()
    minutely = partial(memory.measure, minutes=given.minutes, turns_per_second=given.rate)
    measurements: dict[str, Measure] = {**MEASUREMENTS, MEMORY: minutely}
    if unknown := set(given.names) - set(measurements):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    if not (PROC / "self" / "stat").exists():
        sys.exit("make bench needs Linux: it reads what a process used from /proc.")
    # The figures are about the bots: what they send is checked by the tests, not here.
    os.environ["PARLEY_SPECS"] = os.devnull
    with contextlib.redirect_stdout(None):  # it would say so
        load_spec()
    started_at = time.perf_counter()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}; {_load()}")
    if given.quick:
        print("--quick: a smoke run, too short and too fast for figures that mean anything")
    asyncio.run(_measure({name: measurements[name] for name in given.names or MEASUREMENTS}, quick=given.quick))
    print(f"\n{time.perf_counter() - started_at:.0f} s; {_load()}")


def _load() -> str:
    return f"load average {os.getloadavg()[0]:.2f}"


if __name__ == "__main__":
    main()
