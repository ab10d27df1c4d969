"""The command: what it prints, what it writes, how it ends."""

from __future__ import annotations

import signal
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.sandbox.program import URL, Program


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "started-here"
    made.mkdir()
    return made


def test_one_address_nothing_outside_its_folder_and_a_clean_end(folder: Path) -> None:
    with Program(folder) as program:
        url = program.url()
        with urllib.request.urlopen(url) as page:
            assert page.status == 200
            assert b"stand-in" in page.read()
        with Program(folder) as second:
            assert second.wait() == 75
        assert "is in use by another Parley" in second.errors
        with Program(folder, "--data", "other", "--port", str(urlsplit(url).port)) as third:
            assert third.wait() == 75
        assert "cannot be used: choose another one with --port" in third.errors
        assert program.interrupt() == 0
    assert len(URL.findall(program.output)) == 1
    assert "stand-in" in program.output
    assert program.errors == ""
    assert sorted(path.name for path in folder.iterdir()) == ["other", "sandbox-data"]


def test_a_real_endpoint_is_named_and_used_instead(folder: Path) -> None:
    with Program(folder, OPENAI_BASE_URL="http://127.0.0.1:9/v1", CHAT_MODEL="tiny") as program:
        program.url()
        assert program.interrupt(signal.SIGTERM) == 0
    assert "tiny at 127.0.0.1:9" in program.output
    assert "stand-in" not in program.output
    assert len(URL.findall(program.output)) == 1


def test_wrong_settings_are_told_at_once(folder: Path) -> None:
    with Program(folder, OPENAI_BASE_URL="nowhere", DAILY_BUDGET_USD="much") as program:
        assert program.wait() == 78
    assert program.output == ""
    told = sorted(line.removeprefix("parley: ").split(":")[0] for line in program.errors.splitlines())
    assert told == ["DAILY_BUDGET_USD", "OPENAI_BASE_URL"]
