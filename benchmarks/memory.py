"""Whether memory stays flat: one process, without a fault and without a restart, asked for minutes on end.

Members and channels stay the same, so that whatever grows is kept for turns that are over. A time to get warm comes
first: caches fill up, histories reach the length at which they are folded, and the allocator takes what it needs. The
slope is the median of the slopes between any two samples after it: steady growth counts, a single step does not.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median

from benchmarks.answer import QUESTION
from benchmarks.rig import PARLEY, Rig, running
from benchmarks.table import Row
from benchmarks.uploads import IN_THE_IMAGE
from bot.sandbox.standin import Pace
from tests.wire.discord_standin.commands import ids

MINUTES = 10.0
TURNS_PER_SECOND = 15.0
WARM_SHARE = 0.3  # of the run, before memory is looked at
SAMPLE_SECONDS = 2.0
SETTLED_SECONDS = 10.0
PLACES = 60
PRESSES_EVERY = 10  # so many turns: one is asked by a button
WAYS = ("mention", "direct message", "chat", "private chat", "ask")
SOAK_TURNS_PER_HOUR = 3 * 3600
TARGET_MIB = 1.0  # an hour


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process had in memory and open ``at`` seconds after the first question, when so many had been asked."""

    at: float
    asked: int
    mib: float
    files: int


async def measure(
    *, quick: bool, folder: Path, minutes: float = MINUTES, turns_per_second: float = TURNS_PER_SECOND
) -> list[Row]:
    """Measure Parley; the bare bot keeps nothing that could grow."""
    seconds = 4.0 if quick else minutes * 60
    async with AsyncExitStack() as stack:
        rig = await stack.enter_async_context(
            running(
                PARLEY,
                places=PLACES,
                pace=Pace(0.05, 2000.0, 4),
                folder=folder / "parley",
                settings={"MEMBER_REQUESTS_PER_HOUR": "100000", **IN_THE_IMAGE},
            )
        )
        await rig.discord.wait_for(lambda: rig.discord.world.commands)
        samples = await _asked(rig, seconds, turns_per_second)
        done = await _answered(folder / "parley" / "data" / "parley.db")
    warm = [sample for sample in samples if sample.at >= seconds * WARM_SHARE]
    by_hour = slope([(one.at / 3600, one.mib) for one in warm])
    by_turn = slope([(one.asked, one.mib) for one in warm])
    return [
        Row(f"turns in {seconds / 60:g} minutes", "", None, samples[-1].asked),
        Row("of them answered", "", None, done),
        Row("resident memory before", "MiB", None, samples[0].mib),
        Row("resident memory, warm", "MiB", None, warm[0].mib),
        Row("resident memory at the end", "MiB", None, warm[-1].mib),
        Row(
            "most open files while it was getting warm", "", None, max(one.files for one in samples if one not in warm)
        ),
        Row("most open files afterwards", "", None, max(one.files for one in warm)),
        Row("slope", "MiB/h", None, by_hour),
        Row("slope by turns", "KiB/1000", None, by_turn * 1000 * 1024),
        Row("that is, with 3 turns a second as in the soak", "MiB/h", None, by_turn * SOAK_TURNS_PER_HOUR, TARGET_MIB),
    ]


async def _asked(rig: Rig, seconds: float, turns_per_second: float) -> list[Sample]:
    """Ask at an even pace for so long; return what memory was meanwhile."""
    loop = asyncio.get_running_loop()
    began_at = loop.time()

    def sample(at: float, asked: int) -> Sample:
        return Sample(at, asked, rig.child.resident_mib, rig.child.open_files)

    samples = [sample(0.0, 0)]
    number = 0
    while (at := loop.time() - began_at) < seconds:
        if at < number / turns_per_second:
            await asyncio.sleep(number / turns_per_second - at)
            continue
        if at - samples[-1].at >= SAMPLE_SECONDS:
            samples.append(sample(at, number))
        _ask(rig, number)
        number += 1
    return [*samples, sample(at, number)]


def _ask(rig: Rig, number: int) -> None:
    discord = rig.discord
    place = rig.places[number % len(rig.places)]
    if number % PRESSES_EVERY == 0:
        for message in reversed(discord.world.shown_by_bot(place.channel)[-3:]):
            pressed = [i for part in message.components for i in ids(part) if i.startswith("regen:")]
            if pressed and not message.loading and not message.ephemeral:
                discord.click(message, pressed[0], place.member)
                return
    text = f"{QUESTION} ({number})"
    match WAYS[number // len(rig.places) % len(WAYS)]:
        case "mention":
            discord.say(place.channel, place.member, text, mentions=[discord.world.bot])
        case "direct message":
            discord.say(discord.world.dm_with(place.member), place.member, text)
        case "ask":
            discord.slash(place.channel, place.member, "ask", prompt=text)
        case way:
            discord.slash(place.channel, place.member, "chat", message=text, private=way == "private chat")


async def _answered(database: Path) -> int:
    """Return how many turns were answered, once nothing is under way any more."""
    await asyncio.sleep(SETTLED_SECONDS)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM claims WHERE state = 'done'").fetchone()[0])


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return how much the second value grows with each unit of the first: the median over all pairs of points.

    A step that stays, as after a moment with more turns at once than ever before, is not growth (Theil and Sen).
    """
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2]
    return median(slopes) if slopes else 0.0
