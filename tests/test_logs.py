"""Logs: no secret at any level, one line per record, exceptions without their messages."""

import io
import json
import logging

import pytest

from bot.logs import PINNED, set_up_logging

TOKEN = "bot-" + "t" * 24 + ".Gabcde." + "x" * 32
KEY = "sk-proj-" + "k" * 40


@pytest.fixture
def lines() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(autouse=True)
def restore_logging() -> object:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in PINNED}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)
    logging.captureWarnings(capture=False)


@pytest.mark.parametrize("as_json", [False, True])
def test_secrets_are_hidden_wherever_they_stand(lines: io.StringIO, as_json: bool) -> None:
    set_up_logging("DEBUG", as_json=as_json, secrets=["hunter2-secret"], stream=lines)
    log = logging.getLogger("bot.test")
    log.info("a %s b", "hunter2-secret", extra={"also": "hunter2-secret"})
    log.info("shapes %s and %s", KEY, TOKEN)
    log.info("PATCH /webhooks/123456789/%s/messages/1", "aW50ZXJhY3Rpb246" + "z" * 60)
    written = lines.getvalue()
    for secret in ("hunter2", KEY, TOKEN, "aW50ZXJhY3Rpb246"):
        assert secret not in written
    assert written.count("[hidden]") == 5


@pytest.mark.parametrize("as_json", [False, True])
def test_an_exception_is_told_without_its_message(lines: io.StringIO, as_json: bool) -> None:
    set_up_logging("DEBUG", as_json=as_json, secrets=[], stream=lines)
    try:
        try:
            raise KeyError("what a member wrote")
        except KeyError as inner:
            raise RuntimeError("and this, too") from inner
    except RuntimeError:
        logging.getLogger("bot.test").exception("it broke")
    written = lines.getvalue()
    assert "RuntimeError" in written
    assert "KeyError" in written
    assert "test_logs.py:" in written
    assert "member wrote" not in written
    assert "this, too" not in written


def test_nobody_can_forge_a_line(lines: io.StringIO) -> None:
    set_up_logging("INFO", as_json=False, secrets=[], stream=lines)
    logging.getLogger("bot.test").info("name %s", "x\n2026 ERROR forged \x1b[31m")
    assert lines.getvalue().count("\n") == 1
    assert "\x1b" not in lines.getvalue()


def test_json_lines_are_json(lines: io.StringIO) -> None:
    set_up_logging("INFO", as_json=True, secrets=[], stream=lines)
    logging.getLogger("bot.test").info("answered", extra={"trigger_id": 5})
    record = json.loads(lines.getvalue())
    assert record["message"] == "answered"
    assert record["trigger_id"] == 5


def test_the_libraries_that_tell_too_much_are_held_back_at_debug(lines: io.StringIO) -> None:
    set_up_logging("DEBUG", as_json=False, secrets=[], stream=lines)
    for name in PINNED:
        logging.getLogger(name).debug("a member's words")
    assert lines.getvalue() == ""
