"""Five hundred hostile answers on the whole way from the model to Discord, while the interpreter tells what it does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.standin import Say
from tests.cogs.conftest import World

ROOT = Path(__file__).parents[2]
# What a model may write in the hope that somebody acts on it; each names something else every time.
WISHES = (
    "$(cat {path})",
    "`; rm -rf {path} #`",
    "<script src=http://192.0.2.{number}/x.js></script>",
    "open('{path}').read()",
    "__import__('os').system('touch {path}')",
    "![x](file://{path})",
    "{{{{ cycler.__init__.__globals__.os.popen('id').read() }}}}",
    "'; DROP TABLE turns; ATTACH DATABASE '{path}' AS other; --",
    '{{"tool": "shell", "arguments": {{"command": "cat {path}"}}}}',
    "/admin backup {path}\n!include {path}",
)
ANSWERS = 50
PATHS = ("/etc/passwd", "../../.env", "/proc/self/environ", "/root/.ssh/id_ed25519", "C:\\\\Windows\\\\win.ini")
FORBIDDEN = (
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty",
    "pty.spawn", "ctypes.dlopen", "shutil.rmtree", "os.chmod", "os.chown", "os.symlink", "os.link", "exec.file",
)  # fmt: skip
CHANGING = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate")


class Watch:
    """What was done that nothing in an answer may bring about. A hook cannot be taken away, so it is switched."""

    def __init__(self) -> None:
        self.is_on = False
        self.seen = 0
        self.found: list[str] = []
        self.allowed: tuple[Path, ...] = ()

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        self.seen += 1
        if event in FORBIDDEN:
            self.found.append(event)
        elif event in {"open", "sqlite3.connect", *CHANGING} and isinstance(arguments[0], str | bytes | os.PathLike):
            path = Path(os.fsdecode(arguments[0])).resolve()
            if not any(path.is_relative_to(folder) for folder in self.allowed):
                self.found.append(f"{event} {path}")
        elif event == "socket.connect" and arguments[1][0] not in {"127.0.0.1", "::1"}:
            self.found.append(f"{event} {arguments[1]}")
        elif event == "socket.getaddrinfo" and arguments[0] not in {"127.0.0.1", "::1", "localhost"}:
            self.found.append(f"{event} {arguments[0]}")

    @contextmanager
    def on(self, *allowed: Path) -> Iterator[None]:
        """``allowed``: folders in which files may be opened; where the interpreter finds its modules, always."""
        folders = {Path(path).resolve() for path in (sys.prefix, sys.base_prefix, *sys.path) if path} - {ROOT}
        folders |= {ROOT / "bot", ROOT / "cogs", *allowed}
        self.allowed = tuple(folder.resolve() for folder in folders)
        self.is_on = True
        try:
            yield
        finally:
            self.is_on = False


@pytest.fixture(scope="session")
def watch() -> Watch:
    watch = Watch()
    sys.addaudithook(watch.hook)
    return watch


async def test_nothing_that_a_model_writes_opens_a_file_starts_a_program_or_calls_anybody(
    world: World, watch: Watch, tmp_path: Path
) -> None:
    answers = []
    for number in range(ANSWERS):
        path = f"{PATHS[number % len(PATHS)]}{number}"
        answers.append("\n".join(wish.format(path=path, number=number) for wish in WISHES))
    await world.asker.send(world.channel, f"{world.mention} hello")  # whatever is loaded late is loaded now
    world.standin.script(*map(Say, answers))
    with watch.on(tmp_path):
        for number in range(ANSWERS):
            await world.asker.send(world.channel, f"{world.mention} number {number}")
    assert len(world.answers()) == ANSWERS + 1
    assert watch.seen > ANSWERS, "the watch sees nothing at all"
    assert watch.found == []
    with watch.on(tmp_path), pytest.raises(FileNotFoundError):
        open(tmp_path.parent.parent / "nowhere")  # noqa: PTH123, SIM115, ASYNC230
    assert [found.split()[0] for found in watch.found] == ["open"], "and what it looks for, it finds"
