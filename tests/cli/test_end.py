"""Whatever hangs, the process ends: a thread that is no daemon would keep it for ever."""

from __future__ import annotations

import subprocess
import sys

from tests.cli.conftest import COMMAND_SECONDS, ROOT

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
