"""The real program as a child process, cut off from this machine's settings."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
URL = re.compile(r"http://\S+")
END_SECONDS = 5.0  # what the sandbox promises


class Program:
    """One ``python -m bot sandbox`` that was started in ``folder``, which is its home too; a context manager.

    ``errors``: what it wrote to standard error, once the context has ended.
    """

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self.output = ""
        self.errors = ""
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  closed at the end of the context
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder), **settings}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bot", "sandbox", *arguments],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.seek(0)
        self.errors = self._errors.read()
        self._errors.close()
        if exc is not None:
            exc.add_note(f"the program said\n{self.output}{self.errors}")

    def url(self) -> str:
        """Return the address that it prints."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.output += line
            if found := URL.search(line):
                return found[0]
        raise AssertionError("the program ended without an address")

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> int:
        """Press Ctrl-C and return the exit code; raises ``subprocess.TimeoutExpired`` when it takes too long."""
        self._process.send_signal(number)
        rest, _ = self._process.communicate(timeout=END_SECONDS)
        self.output += rest
        return self._process.returncode

    def wait(self) -> int:
        """Return the exit code of a program that ends by itself."""
        self.output, _ = self._process.communicate(timeout=60)
        return self._process.returncode
