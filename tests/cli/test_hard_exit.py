"""Whatever hangs while it stops, the process ends."""

import subprocess
import sys

from bot.cli.ending import EXIT_PROBLEM
from bot.cli.run import GRACE_SECONDS, HARD_EXIT_SECONDS

HANGING = """
import threading
from bot.cli.ending import exit_hard_after

exit_hard_after(0.1)
threading.Thread(target=threading.Event().wait).start()  # as the worker of a database that was not closed
threading.Event().wait()
"""


def test_a_process_that_hangs_while_it_stops_is_ended() -> None:
    ended = subprocess.run([sys.executable, "-c", HANGING], timeout=30, capture_output=True, text=True, check=False)
    assert ended.returncode == EXIT_PROBLEM
    assert "stopping hangs" in ended.stderr


def test_the_hard_end_lies_between_the_grace_and_what_the_container_gets() -> None:
    assert GRACE_SECONDS < HARD_EXIT_SECONDS < 30
