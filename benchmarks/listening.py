"""A voice message of 60 seconds that comes in: what it takes to fetch, decode and check it before it is sent on.

That is the work of the child process, which begins anew for every file; what the provider does is not in it.
"""

from __future__ import annotations

import resource
import time
from pathlib import Path
from statistics import median

from benchmarks.table import Row
from bot.core.ports.files import AttachedFile
from bot.reading.reader import Reading
from tests.sounds import a_sound

SECONDS = 60
TIMES = 7
CPU_TARGET_MS = 1000.0


class _Held:
    """A file in memory. Implements ``AttachedFile``."""

    filename = "voice-message.ogg"
    url = ""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = len(content)

    async def read(self) -> bytes:
        return self.content


async def _fetched(file: AttachedFile, *, limit_bytes: int) -> bytes:
    if file.size > limit_bytes:
        raise ValueError("too large")
    return await file.read()


async def measure(*, quick: bool, folder: Path) -> list[Row]:
    """Return CPU and memory of the child, and how long the member waits for it."""
    file = _Held(a_sound("ogg", seconds=2 if quick else SECONDS))
    reading = Reading(_fetched)
    cpu_ms: list[float] = []
    waits_ms: list[float] = []
    for _ in range(1 if quick else TIMES):
        before, begun = _children_seconds(), time.perf_counter()
        [sound] = (await reading.sound(file).read()).sounds
        waits_ms.append((time.perf_counter() - begun) * 1000)
        cpu_ms.append((_children_seconds() - before) * 1000)
        if sound.content != file.content:
            raise RuntimeError("a voice message must be sent on as it came")
    memory_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return [
        Row("CPU for a 60 s voice message in, process start included", "ms", None, median(cpu_ms), CPU_TARGET_MS),
        Row("wait for it, p50", "ms", None, median(waits_ms)),
        Row("resident memory of its process at most", "MiB", None, memory_mib),
    ]


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
