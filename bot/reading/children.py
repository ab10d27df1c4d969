"""Child processes that look into members' files: a few at a time, each with a deadline, ended with whoever waits."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

ROOT: Final = Path(__file__).parents[2]


class JobFailed(Exception):
    """The child process came to no result: it ran out of memory, crashed, or met something it cannot read."""


class Children:
    """Runs modules of ours as child processes; ``side_by_side`` is how many at once."""

    def __init__(self, side_by_side: int) -> None:
        self._places = asyncio.Semaphore(side_by_side)

    async def run(self, *arguments: str, given: bytes, seconds: float) -> bytes:
        """Return what a module writes; raises ``JobFailed``, or ``TimeoutError`` when it takes too long.

        ``arguments``: the module, the name of the job, and what that needs.
        """
        child = _Child()
        # Shielded: whoever gives up waiting, the place is free again only when the child has ended.
        job = asyncio.create_task(self._placed(child, arguments, given, seconds))
        job.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            child.end()  # the process could not end before its thread does
            raise

    async def _placed(self, child: _Child, arguments: tuple[str, ...], given: bytes, seconds: float) -> bytes:
        async with self._places:
            # In a thread, because its deadline then runs on the real clock and kills the child whatever the loop does.
            return await asyncio.to_thread(self._run, child, arguments, given, seconds)

    def _run(self, child: _Child, arguments: tuple[str, ...], given: bytes, seconds: float) -> bytes:
        extra = {"job": arguments[1], "bytes": len(given)}
        try:
            code, written = child.run(arguments, given, seconds)
        except subprocess.TimeoutExpired:
            log.warning("a file took too long", extra=extra)
            raise TimeoutError from None
        if code != 0:
            log.info("a file was not read", extra={**extra, "code": code})
            raise JobFailed
        return written


class _Child:
    """One child process, which any thread can end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = False
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, arguments: tuple[str, ...], given: bytes, seconds: float) -> tuple[int, bytes]:
        with self._lock:
            if self._ended:
                raise JobFailed
            self._process = subprocess.Popen(  # noqa: S603 - our own module, and arguments of our own
                [sys.executable, "-s", "-m", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=ROOT,
                env={},  # no setting and no secret is any business of a member's file
            )
        with self._process as process:
            try:
                written, _ = process.communicate(given, timeout=seconds)
            finally:
                process.kill()  # nothing, where it has ended
        return process.returncode, written

    def end(self) -> None:
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.kill()
