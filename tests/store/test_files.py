"""Who may read the files, who owns the folder, and what is said when they cannot be written."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bot.store.database import Database
from bot.store.files import private_file, private_folder
from bot.store.lock import own_folder
from bot.store.problem import FolderInUse, StoreProblem
from bot.store.turns import SqliteTurnStore
from tests.store.samples import answer, ask

NOBODY = 65534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: mode(path) for path in folder.iterdir()}


async def test_only_the_owner_can_read_what_is_stored(database: Database, store: SqliteTurnStore, path: Path) -> None:
    old = os.umask(0)
    try:
        await answer(store, ask(1))
        await database.backup(path.with_name("copy.backup"))
    finally:
        os.umask(old)
    assert mode(path.parent) == 0o700
    assert modes(path.parent) == dict.fromkeys(
        ("parley.db", "parley.db-wal", "parley.db-shm", "copy.backup"),
        0o600,
    )


def test_a_file_that_was_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    path.touch(mode=0o644)
    os.close(private_file(path))
    assert mode(path) == 0o600


def test_a_folder_of_somebody_else_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    private_folder(tmp_path)
    assert mode(tmp_path) == 0o755


def test_a_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    private_folder(tmp_path / "a" / "b")
    assert mode(tmp_path / "a" / "b") == 0o700


@contextmanager
def as_nobody() -> Iterator[Path]:
    """Become a user with few rights, and give a folder that root owns and everybody may enter."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "parley.db").touch(mode=0o600)
        (folder / "own").mkdir(mode=0o500)
        os.chown(folder / "own", NOBODY, -1)
        os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(0)


@pytest.fixture
def foreign_folder() -> Iterator[Path]:
    with as_nobody() as folder:
        yield folder


def test_a_foreign_folder_is_refused_with_path_users_and_the_fix(foreign_folder: Path) -> None:
    with pytest.raises(StoreProblem) as caught:
        private_folder(foreign_folder)
    problem = caught.value.problem
    assert str(foreign_folder) in problem
    assert "belongs to user 0 and Parley runs as user 65534" in problem
    assert f"chown -R 65534 {foreign_folder}" in problem


async def test_a_foreign_database_is_refused(foreign_folder: Path) -> None:
    with pytest.raises(StoreProblem, match="belongs to user 0"):
        await Database.open(foreign_folder / "parley.db")
    with pytest.raises(StoreProblem, match="belongs to user 0"):
        private_file(foreign_folder / "parley.db")


def test_a_folder_of_ours_that_is_read_only_is_refused_with_the_fix(tmp_path: Path) -> None:
    with ExitStack() as stack:
        if os.geteuid() == 0:  # root may write anywhere
            folder = stack.enter_context(as_nobody()) / "own"
        else:
            folder = tmp_path / "own"
            folder.mkdir(mode=0o500)
        with pytest.raises(StoreProblem) as caught:
            private_folder(folder)
    assert f"chmod -R u+rwX {folder}" in caught.value.problem


def test_a_file_in_the_way_is_refused_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(StoreProblem, match="data"):
        private_folder(tmp_path / "data")
    with pytest.raises(StoreProblem, match="data"):
        private_folder(tmp_path / "data" / "deeper")


def test_a_second_owner_in_the_same_process_is_refused(tmp_path: Path) -> None:
    with own_folder(tmp_path / "data"), pytest.raises(FolderInUse) as caught, own_folder(tmp_path / "data"):
        pass
    assert f"process {os.getpid()}" in caught.value.problem
    assert str(tmp_path / "data") in caught.value.problem


def test_the_folder_is_free_again_after_its_owner(tmp_path: Path) -> None:
    for _ in range(2):
        with own_folder(tmp_path / "data"):
            assert mode(tmp_path / "data") == 0o700
            assert mode(tmp_path / "data" / "parley.lock") == 0o600


def test_an_owner_in_another_process_is_respected_until_it_is_killed(tmp_path: Path) -> None:
    script = "import sys, pathlib\nfrom bot.store.lock import own_folder\n"
    script += "with own_folder(pathlib.Path(sys.argv[1])):\n    print('mine', flush=True)\n    sys.stdin.read()\n"
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=Path(__file__).parent.parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"mine\n"
        with pytest.raises(FolderInUse, match=f"process {child.pid}"), own_folder(tmp_path):
            pass
        child.kill()
        child.wait()
        with own_folder(tmp_path):
            pass
