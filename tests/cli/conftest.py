"""Commands as child processes, with settings of their own and nobody else's."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.store.lock import own_folder
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import answer, ask, generate, open_database

ROOT = Path(__file__).parents[2]
COMMAND_SECONDS = 60.0


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class Shell:
    """Runs commands against one data folder."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def database(self) -> Path:
        return self.data / "parley.db"

    async def run(self, *arguments: str | Path, **settings: str) -> Ended:
        empty = self.folder / "empty.env"
        empty.touch(mode=0o600)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PARLEY_ENV_FILE": str(empty),
            "DATABASE_URL": f"sqlite:///{self.database}",
            **self.settings,
            **settings,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", *map(str, arguments),
            cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(COMMAND_SECONDS):
            out, err = await process.communicate()
        assert b"Traceback" not in err, err.decode()
        return Ended(process.returncode or 0, out.decode(), err.decode())

    async def fill(self) -> None:
        """Make a database with an answered question and one that is under way."""
        async with open_database(self.database) as database:
            store = SqliteTurnStore(database, FakeClock())
            await answer(store, ask(1))
            await store.finish(1)
            await generate(store, ask(2))

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(statement).fetchall()

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Own the data folder, as a running bot does."""
        with own_folder(self.data):
            yield

    def files(self) -> dict[str, bytes]:
        """Every file of the data folder with its content; the lock's means nothing."""
        return {path.name: path.read_bytes() for path in sorted(self.data.iterdir()) if path.suffix != ".lock"}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)
