"""The run itself: members ask, things go wrong, the process is started again whenever it ended."""

from __future__ import annotations

import asyncio
import random
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bot.core.sound.formats import PCM, Recording
from bot.reading.encoding import encode
from bot.sandbox.standin import StandIn
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.program import Bench, Program
from tests.wire.soak.checks import Evidence, Verdict, judge
from tests.wire.soak.faults import Injector
from tests.wire.soak.members import Members
from tests.wire.stored import Stored

READY_SECONDS = 60.0
SETTLED_SECONDS = 90.0  # promised: answered again so soon after an outage
SAMPLE_SECONDS = 2.0
DOWN_SECONDS = 1.0  # at most, until somebody starts it again
CAP_USD = 200
MEMBER_CAP_USD = 1  # which the busiest members reach in a quarter of an hour
UNSETTLED = (
    "SELECT count(*) FROM claims WHERE state IN ('claimed', 'generating') OR (state = 'ready' AND parked_at IS NULL)"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """``seconds`` of asking; then everything is to be settled."""

    seed: int
    seconds: float
    turns_per_second: float = 3.0
    fault_every_seconds: float = 5.0


@dataclass(slots=True)
class Watch:
    """What was seen of the processes. ``deaths``: when they ended; ``rss``: KiB by time, one list per process."""

    deaths: list[float] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    rss: list[list[tuple[float, int]]] = field(default_factory=list)


async def run(plan: Plan, bench: Bench, discord: DiscordStandIn, openai: StandIn) -> Verdict:
    """Run the plan, wait until everything is settled, and judge."""
    bench.failpoints = True
    bench.lost_calls = True
    bench.settings |= {"MEMBER_REQUESTS_PER_HOUR": "100000", "DAILY_BUDGET_USD": str(CAP_USD), "LOG_LEVEL": "DEBUG",
                       "MEMBER_DAILY_BUDGET_USD": str(MEMBER_CAP_USD), "ATTACHMENT_HOSTS": "127.0.0.1"}  # fmt: skip

    def sound_of(text: str) -> bytes:
        return encode([Recording(openai.spoken.say(text), PCM)], "opus").content

    members = Members(discord, random.Random(plan.seed), sound_of)
    injector = Injector(bench, discord, openai, members)
    watch, stored = Watch(), Stored(bench.database)
    program = await _started(bench, discord)
    if program.exit_code is not None:
        raise AssertionError(program.log)
    over = asyncio.Event()
    keeping = asyncio.create_task(_keep_running(bench, discord, watch, over))
    try:
        await asyncio.gather(
            _every(1 / plan.turns_per_second, plan.seconds, members.act),
            _every(plan.fault_every_seconds, plan.seconds, injector.inject),
        )
    finally:
        over.set()
        await keeping
    injector.make_room()
    discord.faults.lift()
    for family in openai.billed_of:
        openai.forget_script(of=family)
    bench.disarm()
    openai.release()
    late = await _settle(bench, discord, stored, watch)
    outages = watch.deaths + injector.outages
    evidence = Evidence(members.doings, outages, injector.counts, watch.crashes + late, watch.rss)
    return judge(plan.seed, evidence, bench, discord, openai, stored, cap_usd=CAP_USD, member_cap_usd=MEMBER_CAP_USD)


async def _every(seconds: float, until_seconds: float, do: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    end, due = loop.time() + until_seconds, loop.time() + seconds
    while due < end:
        await asyncio.sleep(max(0.0, due - loop.time()))
        do()
        due += seconds


async def _started(bench: Bench, discord: DiscordStandIn) -> Program:
    """Start the program and wait until it is connected, or has ended again."""
    sessions = len(discord.gateway.sessions)
    program = await bench.start()
    waiting = asyncio.create_task(discord.wait_for(lambda: len(discord.gateway.sessions) > sessions, READY_SECONDS))
    ended = asyncio.create_task(program.ended(READY_SECONDS))
    await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
    for task in (waiting, ended):
        task.cancel()
    await asyncio.gather(waiting, ended, return_exceptions=True)
    return program


async def _keep_running(bench: Bench, discord: DiscordStandIn, watch: Watch, over: asyncio.Event) -> None:
    """Start the program again whenever it ended, as Docker does, and read how much memory it uses."""
    loop = asyncio.get_running_loop()
    sampled_at = 0.0
    while not over.is_set():
        program = bench.programs[-1]
        if program.exit_code is not None:
            _note_death(program, watch, discord)
            await asyncio.sleep(DOWN_SECONDS)
            await _started(bench, discord)
            sampled_at = 0.0
        elif loop.time() - sampled_at > SAMPLE_SECONDS:
            if sampled_at == 0.0:
                watch.rss.append([])
            sampled_at = loop.time()
            if (kib := _rss_kib(program.pid)) is not None and watch.rss:
                watch.rss[-1].append((sampled_at, kib))
        await asyncio.sleep(0.05)


def _note_death(program: Program, watch: Watch, discord: DiscordStandIn) -> None:
    watch.deaths.append(discord.clock())
    # SIGTERM ends it by itself before it listens for signals.
    if program.exit_code not in (0, -signal.SIGKILL, -signal.SIGTERM):
        watch.crashes.append(f"it ended with {program.exit_code}: {program.log[-300:]}")


async def _settle(bench: Bench, discord: DiscordStandIn, stored: Stored, watch: Watch) -> list[str]:
    """End the program and start it once more without faults; return what is not settled in time."""
    program, late = bench.programs[-1], []
    if program.exit_code is None:
        program.terminate()
        await program.ended()
    _note_death(program, watch, discord)
    program = await _started(bench, discord)
    try:
        async with asyncio.timeout(SETTLED_SECONDS):
            while stored.rows(UNSETTLED) != [(0,)]:  # noqa: ASYNC110 - a database tells nobody
                await asyncio.sleep(0.1)
    except TimeoutError:
        late.append(f"{stored.rows(UNSETTLED)} turns are not settled after {SETTLED_SECONDS} s")
    program.terminate()
    if (code := await program.ended()) != 0:
        late.append(f"it ended with {code}")
    return late


def _rss_kib(pid: int) -> int | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) if found else None
