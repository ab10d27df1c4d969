"""How commands end where they cannot work: a thread that is no daemon would keep the process for ever."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.conftest import COMMAND_SECONDS, ROOT, Shell

HANGING = """
import threading
from bot.cli.run import end_anyway
end_anyway(0.05)
threading.Thread(target=threading.Event().wait).start()
"""


def test_a_thread_that_nobody_can_stop_does_not_keep_the_process() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HANGING], cwd=ROOT, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS
    )
    assert ended.returncode == 1
    assert "something did not end in time" in ended.stderr


@pytest.mark.parametrize("command", ["run", "doctor", "health", "backup", "sandbox"])
def test_a_python_without_the_packages_is_told_in_one_line(command: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-S", "-m", "bot", command],  # -S: without what is installed
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS,
    )  # fmt: skip
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "has no package" in line
    assert f".venv/bin/python -m bot {command}" in line
    assert ("make sandbox" if command == "sandbox" else "make run") in line


async def test_a_pause_without_a_data_folder_names_it(shell: Shell) -> None:
    ended = await shell.run("pause")
    assert ended.code == 78
    assert f"The data folder {shell.data} does not exist" in ended.err
