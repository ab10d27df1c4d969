"""The real program as a child process, cut off from this machine's settings."""

from __future__ import annotations

import asyncio
import os
import resource
import secrets
import signal
import sys
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
ARMED = "armed"  # the file that arms a failpoint
LOG_SECONDS = 20.0
EXIT_SECONDS = 30.0  # what compose.yaml grants between SIGTERM and SIGKILL


class Program:
    """One ``python -m bot run``, or the same with failpoints."""

    def __init__(self, process: asyncio.subprocess.Process, log_path: Path) -> None:
        self._process = process
        self._log_path = log_path

    @classmethod
    async def start(
        cls, settings: dict[str, str], *, folder: Path, failpoints: bool = False, inside: tuple[str, ...] = ()
    ) -> Program:
        """Start it with these settings and no others; ``folder`` takes its log and is its home.

        ``inside``: the command that starts it, for a surrounding of its own.
        """
        environment, log_path = _prepare(folder)
        command = ("tests.wire.failpoints", str(folder / ARMED)) if failpoints else ("bot", "run")
        with log_path.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *inside, sys.executable, "-m", *command, cwd=ROOT, env=environment | settings, stdout=log, stderr=log
            )
        return cls(process, log_path)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.returncode

    @property
    def log(self) -> str:
        """Everything that it wrote so far, to either stream."""
        return self._log_path.read_text(encoding="utf-8", errors="replace")

    async def says(self, words: str) -> None:
        """Wait until the log has these words: no stand-in can see what is not done."""
        async with asyncio.timeout(LOG_SECONDS):
            while words not in self.log:  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.02)

    async def until(self, waiting: Awaitable[T]) -> T:
        """Await something, unless the program ends before it."""
        wanted = asyncio.ensure_future(waiting)
        ended = asyncio.ensure_future(self._process.wait())
        try:
            await asyncio.wait({wanted, ended}, return_when=asyncio.FIRST_COMPLETED)
            if wanted.done():
                return wanted.result()
            raise AssertionError(f"the program ended with {ended.result()}:\n{self.log}")
        except AssertionError as error:
            error.add_note(f"the program's log ends with\n{self.log[-3000:]}")
            raise
        finally:
            for task in (wanted, ended):
                task.cancel()
            await asyncio.gather(wanted, ended, return_exceptions=True)

    def limit_files(self, size_bytes: int | None) -> None:
        """Let no file grow beyond this size, as a full disk would; ``None`` makes room again."""
        hard = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (hard if size_bytes is None else size_bytes, hard))

    def open_files(self) -> list[str]:
        """Return what it has open, sockets included."""
        names = []
        for descriptor in Path(f"/proc/{self._process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                names.append(str(descriptor.readlink()))
        return names

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    async def ended(self, within_seconds: float = EXIT_SECONDS) -> int:
        """Return the exit code, when it ends by itself within the grace that an operator gives."""
        try:
            async with asyncio.timeout(within_seconds):
                return await self._process.wait()
        except TimeoutError:
            raise AssertionError(f"still running after {within_seconds} s:\n{self.log[-3000:]}") from None

    def kill_now(self) -> None:
        """Send SIGKILL, unless it has ended."""
        if self._process.returncode is None:
            self._process.kill()

    async def kill(self) -> None:
        """End it with SIGKILL, as a power cut would."""
        self.kill_now()
        await self._process.wait()


def _prepare(folder: Path) -> tuple[dict[str, str], Path]:
    """Return an environment without anybody's settings, and a new file for the log."""
    home, empty = folder / "home", folder / "empty.env"  # so that it never reads a developer's .env
    home.mkdir(exist_ok=True)
    empty.touch()
    log_path = folder / f"log-{len(list(folder.glob('log-*')))}.txt"
    return {"HOME": str(home), "PATH": os.environ["PATH"], "PARLEY_ENV_FILE": str(empty)}, log_path


@dataclass(slots=True)
class Bench:
    """What a test starts programs with: always the same settings, unless it says otherwise."""

    settings: dict[str, str]
    folder: Path
    programs: list[Program]
    failpoints: bool = False
    inside: tuple[str, ...] = ()  # the command that starts the program
    lost_calls: bool = False  # the model's answers get lost on the way here: the ledger counts them by their worst case
    damaged: bool = False  # by the test: the database cannot be asked
    secret: str = field(default_factory=lambda: f"secret-{secrets.token_hex(8)}")  # in the program's environment

    async def start(self, **changed: str) -> Program:
        settings = {"BENCH_SECRET": self.secret, **self.settings, **changed}
        program = await Program.start(settings, folder=self.folder, failpoints=self.failpoints, inside=self.inside)
        self.programs.append(program)
        return program

    def arm(self, point: str, action: str) -> None:
        """End the program that reaches a point next; ``is_armed`` until one did."""
        new = self.folder / f"{ARMED}.new"
        new.write_text(f"{point} {action}", encoding="utf-8")
        new.replace(self.folder / ARMED)

    def disarm(self) -> None:
        (self.folder / ARMED).unlink(missing_ok=True)

    def fill_disk(self, program: Program) -> None:
        """Leave a program's database no room to grow; what is in it stays. ``Program.limit_files`` makes room again."""
        program.limit_files(self.database.with_name(f"{self.database.name}-wal").stat().st_size)

    @property
    def is_armed(self) -> bool:
        return (self.folder / ARMED).exists()

    @property
    def database(self) -> Path:
        return Path(self.settings["DATABASE_URL"].removeprefix("sqlite:///"))

    @property
    def was_killed(self) -> bool:
        """Whether a program met SIGKILL so far."""
        return any(program.exit_code == -signal.SIGKILL for program in self.programs)

    @property
    def databases(self) -> list[Path]:
        """All there are: two hosts with one token have one each."""
        return list(self.folder.rglob(self.database.name))

    def logs(self) -> str:
        return "\n".join(program.log for program in self.programs)
