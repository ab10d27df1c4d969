"""Four members attach a picture of 20 MiB at once: the most memory that the bot takes while it shows them to its model.

The pictures are mostly one chunk that no decoder looks at; the bot looks at headers only, so that makes no difference.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rig import PARLEY, running
from benchmarks.table import Row
from bot.sandbox.standin import Pace
from tests.wire.discord_standin import Upload

MEMBERS = 4
TARGET_MIB = 450.0
HEIGHT = WIDTH = 1024


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    picture_bytes: int = 20 * 1024 * 1024
    rounds: int = 3


FULL = Size()
QUICK = Size(picture_bytes=1024 * 1024, rounds=1)


async def measure(*, quick: bool, folder: Path) -> list[Row]:
    """Measure Parley; the bare bot sees no pictures."""
    size = QUICK if quick else FULL
    picture = a_png(size.picture_bytes)
    loopback = {"ATTACHMENT_HOSTS": "127.0.0.1"}
    async with AsyncExitStack() as stack:
        rig = await stack.enter_async_context(
            running(PARLEY, places=MEMBERS, pace=Pace(0.05, 1000.0), folder=folder / "parley", settings=loopback)
        )
        before = rig.child.resident_mib
        for _ in range(size.rounds):
            upload = Upload("picture.png", "image/png", picture)
            await asyncio.gather(*(rig.turn(place, files=[upload]) for place in rig.places))
        most = rig.child.most_resident_mib
        rig.check()
    mib = size.picture_bytes // 1024**2
    return [
        Row("resident memory before", "MiB", None, before),
        Row(f"most resident memory, {MEMBERS} pictures of {mib} MiB at once", "MiB", None, most, TARGET_MIB),
    ]


def a_png(size_bytes: int, *, shade: int = 0) -> bytes:
    """Return a PNG of one grey, as large as that: most of it is a chunk that no decoder looks at."""
    rows = zlib.compress((b"\0" + bytes([shade]) * 3 * WIDTH) * HEIGHT, 9)
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0))
    tail = _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")
    return head + _chunk(b"prVt", bytes(size_bytes - len(head) - len(tail) - 12)) + tail


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
