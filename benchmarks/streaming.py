"""One streamed answer of 300 tokens: how late its words are shown, what it costs, what the process weighs.

Lateness is what the bot adds to the model's own time. The two bots take turns, half a turn apart, so that whatever else
the machine does falls on both. The cost is measured afterwards, one bot after the other, with all channels streaming at
once; in channels of their own, so that both sizes of chunks begin with empty conversations.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.answer import ANSWER_TOKENS
from benchmarks.rig import BARE, PARLEY, Rig, running
from benchmarks.table import Row, percentile
from bot.sandbox.standin import Pace

FIRST_TOKEN_SECONDS = 0.2
MARGIN_SECONDS = 0.3  # between two turns of one bot
LATENESS_PLACES = 5  # one after the other, so that no channel's edit budget carries over
CHUNK_TOKENS = (1, 4)
MS = 1000.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. ``settle_seconds``: how long a process may rest before it is looked at."""

    turns: int = 40
    busy_places: int = 10
    rounds: int = 3
    tokens_per_second: float = 100.0
    settle_seconds: float = 1.0

    @property
    def slot_seconds(self) -> float:
        """The time from one turn of a bot to its next."""
        return FIRST_TOKEN_SECONDS + ANSWER_TOKENS / self.tokens_per_second + MARGIN_SECONDS


FULL = Size()
QUICK = Size(turns=2, busy_places=2, rounds=1, tokens_per_second=1000.0, settle_seconds=0.3)


@dataclass(frozen=True, slots=True)
class Lateness:
    """Seconds that a bot added in each turn: before the first visible text, and after the last token."""

    first: list[float]
    end: list[float]


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured of one bot."""

    resident_mib: float
    lateness: Lateness
    cpu_ms: float


async def measure(*, quick: bool, folder: Path) -> list[Row]:
    """Measure both bots with one token per chunk, then their cost once more with larger chunks."""
    size = QUICK if quick else FULL
    one, four = CHUNK_TOKENS
    bare, parley = await _everything(size, tokens_per_chunk=one, folder=folder)
    bare_cpu_ms, parley_cpu_ms = await _cost_only(size, tokens_per_chunk=four, folder=folder)

    def late(name: str, part: str, percent: int, target: float) -> Row:
        bare_ms, parley_ms = (percentile(getattr(bot.lateness, part), percent) * MS for bot in (bare, parley))
        return Row(f"{name}, p{percent}", "ms", bare_ms, parley_ms, target)

    busy = f"CPU per turn, {size.busy_places} channels streaming"
    return [
        late("first visible text over the model's first token", "first", 50, 25.0),
        late("first visible text over the model's first token", "first", 95, 50.0),
        late("end of the answer over the model's end", "end", 50, 50.0),
        late("end of the answer over the model's end", "end", 95, 200.0),
        Row(f"{busy}, 1 token per chunk", "ms", bare.cpu_ms, parley.cpu_ms, 20.0),
        Row(f"{busy}, {four} tokens per chunk", "ms", bare_cpu_ms, parley_cpu_ms, 20.0),
        Row("resident memory after READY", "MiB", bare.resident_mib, parley.resident_mib, 95.0),
    ]


async def _both(stack: AsyncExitStack, size: Size, *, tokens_per_chunk: int, folder: Path) -> tuple[Rig, Rig]:
    pace = Pace(FIRST_TOKEN_SECONDS, size.tokens_per_second, tokens_per_chunk)
    places = LATENESS_PLACES + size.busy_places
    rigs = [
        await stack.enter_async_context(
            running(program, places=places, pace=pace, folder=folder / f"{name}-{tokens_per_chunk}")
        )
        for name, program in (("bare", BARE), ("parley", PARLEY))
    ]
    await asyncio.sleep(size.settle_seconds)
    return rigs[0], rigs[1]


async def _everything(size: Size, *, tokens_per_chunk: int, folder: Path) -> tuple[Found, Found]:
    async with AsyncExitStack() as stack:
        rigs = await _both(stack, size, tokens_per_chunk=tokens_per_chunk, folder=folder)
        resident = [rig.child.resident_mib for rig in rigs]
        half = size.slot_seconds / 2
        bare_late, parley_late = await asyncio.gather(
            _lateness(rigs[0], size, after_seconds=0.0), _lateness(rigs[1], size, after_seconds=half)
        )
        cpu_ms = [await _cost(rig, size) for rig in rigs]
        return Found(resident[0], bare_late, cpu_ms[0]), Found(resident[1], parley_late, cpu_ms[1])


async def _cost_only(size: Size, *, tokens_per_chunk: int, folder: Path) -> tuple[float, float]:
    async with AsyncExitStack() as stack:
        bare, parley = await _both(stack, size, tokens_per_chunk=tokens_per_chunk, folder=folder)
        return await _cost(bare, size), await _cost(parley, size)


async def _lateness(rig: Rig, size: Size, *, after_seconds: float) -> Lateness:
    """Ask one question after the other; the first one warms up and is not counted."""
    loop = asyncio.get_running_loop()
    start = loop.time() + after_seconds
    shown = []
    for number in range(size.turns + 1):
        await asyncio.sleep(start + number * size.slot_seconds - loop.time())
        shown.append(await rig.turn(rig.places[number % LATENESS_PLACES]))
    stamps = await rig.model_stamps(len(shown))
    rig.check()
    counted = list(zip(shown, stamps, strict=True))[1:]
    return Lateness(
        first=[one.first_at - stamp["first_text_at"] for one, stamp in counted],
        end=[one.whole_at - stamp["last_text_at"] for one, stamp in counted],
    )


async def _cost(rig: Rig, size: Size) -> float:
    """Return the CPU milliseconds of a turn while all busy places stream at once."""
    places = rig.places[LATENESS_PLACES:]

    await asyncio.sleep(size.settle_seconds)
    before = rig.child.cpu_seconds
    for _ in range(size.rounds):
        await asyncio.gather(*(rig.turn(place) for place in places))
    await asyncio.sleep(size.settle_seconds)  # what is stored after the last edit counts too
    used = rig.child.cpu_seconds - before
    rig.check()
    return used * MS / (len(places) * size.rounds)
