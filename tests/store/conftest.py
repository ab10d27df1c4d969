"""A migrated database on a real file, and its stores."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store.database import Database
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import open_database


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "parley.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    async with open_database(path) as database:
        yield database


@pytest.fixture
def store(database: Database, clock: FakeClock) -> SqliteTurnStore:
    return SqliteTurnStore(database, clock)
