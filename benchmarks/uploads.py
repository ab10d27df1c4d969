"""Twenty members upload a sound of 20 MB at once: the most memory that the bot takes, with its child processes.

The sounds are WAV files that the model takes as they are; each is decoded once in a child process before it is sent.
"""

from __future__ import annotations

import asyncio
import io
import os
import wave
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import PROC
from benchmarks.rig import PARLEY, Rig, running
from benchmarks.table import Row
from bot.sandbox.standin import Pace
from tests.wire.discord_standin import Interaction, Upload

TARGET_MIB = 450.0
HERTZ = 24_000
SAMPLE_SECONDS = 0.05
PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 1024**2
ALL_SECONDS = 600.0
IN_THE_IMAGE = {"MALLOC_TRIM_THRESHOLD_": "131072"}  # as the Dockerfile has it
MENU = "Transcribe / translate"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    members: int = 20
    sound_bytes: int = 20_000_000


FULL = Size()
QUICK = Size(members=3, sound_bytes=200_000)


async def measure(*, quick: bool, folder: Path) -> list[Row]:
    """Measure Parley; the bare bot hears nothing."""
    size = QUICK if quick else FULL
    upload = Upload("talk.wav", "audio/wav", a_wav(size.sound_bytes))
    async with AsyncExitStack() as stack:
        rig = await stack.enter_async_context(
            running(
                PARLEY,
                places=size.members,
                pace=Pace(0.05, 1000.0),
                folder=folder / "parley",
                settings={"ATTACHMENT_HOSTS": "127.0.0.1", **IN_THE_IMAGE},
            )
        )
        await rig.discord.wait_for(lambda: rig.discord.world.commands)
        before = rig.child.resident_mib
        everything: list[float] = []
        watching = asyncio.create_task(_watch(rig.child.process.pid, everything))
        try:
            await _listened(rig, upload)
        finally:
            watching.cancel()
        most = rig.child.most_resident_mib
        rig.check()
    what = f"{size.members} sounds of {size.sound_bytes / 1e6:g} MB at once"
    return [
        Row("resident memory before", "MiB", None, before),
        Row(f"most resident memory, {what}", "MiB", None, most, TARGET_MIB),
        Row("the same with child processes", "MiB", None, max(everything)),
    ]


async def _listened(rig: Rig, upload: Upload) -> None:
    """Let everybody ask for a transcript of an upload, and wait until each has one."""
    discord = rig.discord
    opened = []
    for place in rig.places:
        message = discord.say(place.channel, place.member, "", files=[upload])
        opened.append(discord.menu(message, MENU, place.member))
    await discord.wait_for(lambda: all(one.callback is not None for one in opened))
    asked = [discord.submit(one) for one in opened]

    def is_done(one: Interaction) -> bool:
        return one.original is not None and not one.original.loading and bool(one.original.content)

    await discord.wait_for(lambda: all(map(is_done, asked)), timeout=ALL_SECONDS)


async def _watch(pid: int, everything: list[float]) -> None:
    """Note the memory of a process and its children now and then."""
    while True:
        everything.append(sum(map(_resident_mib, [pid, *_children(pid)])))
        await asyncio.sleep(SAMPLE_SECONDS)


def _children(pid: int) -> list[int]:
    """Return the processes that any thread of a process began."""
    found: list[int] = []
    for task in (PROC / str(pid) / "task").iterdir():
        with suppress(OSError):  # the thread has ended
            found += map(int, (task / "children").read_text(encoding="ascii").split())
    return found


def _resident_mib(pid: int) -> float:
    with suppress(OSError):  # it has ended
        return int((PROC / str(pid) / "statm").read_text(encoding="ascii").split()[1]) * PAGE_MIB
    return 0.0


def a_wav(size_bytes: int) -> bytes:
    """Return a WAV file as large as that: a square wave that is no silence."""
    written = io.BytesIO()
    with wave.open(written, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(HERTZ)
        period = b"\x00\x20" * 30 + b"\x00\xe0" * 30
        sound.writeframes((period * (size_bytes // len(period) + 1))[: size_bytes - size_bytes % 2])
    return written.getvalue()
