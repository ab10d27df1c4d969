"""Child processes, and what Linux says that they used."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROC = Path("/proc")
EXIT_SECONDS = 10.0
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Child:
    """One running ``python -m …``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @property
    def cpu_seconds(self) -> float:
        """What all its threads used so far, in user and system mode; the resolution is a tick of 10 ms."""
        # proc(5): fields 14 and 15; the name in field 2 may hold spaces.
        fields = (PROC / str(self.process.pid) / "stat").read_text(encoding="ascii").rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    @property
    def resident_mib(self) -> float:
        """Its resident memory, shared libraries included."""
        return self._status_mib("VmRSS:")

    @property
    def most_resident_mib(self) -> float:
        """The most resident memory that it ever had."""
        return self._status_mib("VmHWM:")

    @property
    def open_files(self) -> int:
        """How many descriptors it has open, sockets included."""
        return len(list((PROC / str(self.process.pid) / "fd").iterdir()))

    def _status_mib(self, name: str) -> float:
        status = (PROC / str(self.process.pid) / "status").read_text(encoding="utf-8")
        [line] = [line for line in status.splitlines() if line.startswith(name)]
        return int(line.split()[1]) / 1024


@asynccontextmanager
async def started(
    *arguments: str, log: Path, environment: Mapping[str, str] | None = None, stdout: int | None = None
) -> AsyncIterator[Child]:
    """Run ``python -m`` with these arguments, cut off from this machine's settings; it ends with the context.

    What it writes goes into ``log``; with ``stdout=PIPE`` only what it writes to stderr.
    """
    own = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *arguments,
            cwd=ROOT,
            env={**own, "HOME": str(log.parent), **(environment or {})},
            stdout=file if stdout is None else stdout,
            stderr=file,
        )
    try:
        yield Child(process)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(EXIT_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
