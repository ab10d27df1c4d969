"""What a voice message of a minute takes: the file of a server made ready to be sent, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.table import Row

SECONDS: Final = 60
QUICK_SECONDS: Final = 5
MS: Final = 1000.0
CPU_TARGET_MS: Final = 1000.0

# Rests and a voice's pitch, roughly: neither the encoder nor the waveform has it easy with a pure tone.
WORK: Final = """
import json, math, resource, sys
from array import array
from bot.core.sound.formats import PCM, PCM_RATE, Recording
from bot.reading.encoding import encode

seconds, asked = int(sys.argv[1]), sys.argv[2]
wave = array("h", (
    round(9000 * math.sin(place * 0.04 + 3 * math.sin(place * 0.0011)) * max(0, math.sin(place / 9000)))
    for place in range(seconds * PCM_RATE)
))
sent = Recording(wave.tobytes(), PCM)
if asked != PCM:
    sent = Recording(encode([sent], asked).content, asked)
before = resource.getrusage(resource.RUSAGE_SELF)
encoded = encode([sent], "opus")
after = resource.getrusage(resource.RUSAGE_SELF)
cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
assert len(encoded.waveform) == 256 and abs(encoded.seconds - seconds) < 1
print(json.dumps({"cpu_seconds": cpu, "rss_mib": after.ru_maxrss / 1024}))
"""


async def measure(*, quick: bool, folder: Path) -> list[Row]:
    """Make voice messages of what servers send: Ogg Opus, which stays as it is, and MP3, which does not."""
    seconds = QUICK_SECONDS if quick else SECONDS
    rows = []
    for asked, name in (("opus", "sent as Ogg Opus"), ("mp3", "sent as MP3")):
        used = await asyncio.to_thread(_used, seconds, asked)
        title = f"voice message of {seconds} s out, {name}"
        rows.append(Row(f"{title}: CPU", "ms", None, used["cpu_seconds"] * MS, CPU_TARGET_MS))
        rows.append(Row(f"{title}: memory", "MiB", None, used["rss_mib"]))
    return rows


def _used(seconds: int, asked: str) -> dict[str, float]:
    command = [sys.executable, "-c", WORK, str(seconds), asked]
    ended = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    used: dict[str, float] = json.loads(ended.stdout)
    return used
