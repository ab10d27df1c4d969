"""Nobody's secret and nobody's words in any line, at any level, in either format, however they get into a record."""

from __future__ import annotations

import asyncio
import base64
import gc
import io
import itertools
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.logs import PINNED, log_what_nobody_caught, report_lost_error, set_up_logging
from bot.settings import NAMES, SECRET_NAMES, read_settings

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
WORDS = "what a member wrote, canary"
FILE_NAME = "canary-holiday.pdf"
BASE64 = base64.b64encode(b"canary of a picture " * 20).decode()
INTERACTION_TOKEN = "aW50ZXJhY3Rpb246" + "canary" * 12
# One for each secret that can be set, of no shape that a pattern would know.
SECRETS = {
    name: f'canary "{name.lower()}" 7' if "TOKEN" not in name else "canary-of-the-token" for name in SECRET_NAMES
}


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in PINNED}
    stream = io.StringIO()
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)
    logging.captureWarnings(capture=False)


def set_up(level: str, lines: io.StringIO, *, as_json: bool) -> None:
    set_up_logging(level, as_json=as_json, secrets=SECRETS.values(), stream=lines)


def raise_with_words(words: str) -> None:
    local = f"a local variable: {words}"
    try:
        raise ValueError(words)
    except ValueError as error:
        raise ExceptionGroup(local, [error, KeyError(words)]) from error


every_way = pytest.mark.parametrize(("level", "as_json"), list(itertools.product(LEVELS, (False, True))))


@every_way
def test_settings_and_tokens_in_messages_arguments_and_extras(lines: io.StringIO, level: str, as_json: bool) -> None:
    set_up(level, lines, as_json=as_json)
    log = logging.getLogger("bot.test")
    for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        for secret in SECRETS.values():
            log.log(number, "sent %s", secret)
            log.log(number, f"sent {secret} and {secret!r}", extra={"header": f"Bearer {secret}"})  # noqa: G004
            log.log(number, "sent", extra={"request": {"headers": {"Authorization": secret}}})
        log.log(number, "PATCH /webhooks/1234567890/%s/messages/@original", INTERACTION_TOKEN)
        log.log(number, "POST /interactions/1234567890/%s/callback", INTERACTION_TOKEN)
        log.log(number, "body", extra={"body": {"image_url": f"data:image/png;base64,{BASE64}"}})
    written = lines.getvalue()
    assert "sent" in written
    assert "canary" not in written
    assert BASE64[:60] not in written
    assert INTERACTION_TOKEN[:30] not in written


@every_way
def test_errors_are_told_without_words_locals_and_file_names(lines: io.StringIO, level: str, as_json: bool) -> None:
    set_up(level, lines, as_json=as_json)
    log = logging.getLogger("bot.test")
    for words in (WORDS, FILE_NAME, BASE64, *SECRETS.values()):
        try:
            raise_with_words(words)
        except ExceptionGroup as error:
            log.exception("it broke", stack_info=True)
            log.critical("it broke", exc_info=error)
    written = lines.getvalue()
    assert "ExceptionGroup" in written
    assert "raise_with_words" in written
    for hidden in ("canary", "local variable", BASE64[:60]):
        assert hidden not in written


@every_way
def test_what_libraries_log_below_their_floor_is_not_written(lines: io.StringIO, level: str, as_json: bool) -> None:
    set_up(level, lines, as_json=as_json)
    for name in PINNED:
        for below in ("", ".state", ".client"):
            logging.getLogger(name + below).debug("For Shard ID None: WebSocket Event: %s", {"content": WORDS})
    logging.getLogger("openai._base_client").debug("Request options: %s", {"json_data": {"messages": [WORDS]}})
    logging.getLogger("aiosqlite").debug("executing %s", ("INSERT INTO turns", [WORDS]))
    assert lines.getvalue() == ""


class Unspeakable:
    """Cannot be shown, and says so with a secret."""

    def __repr__(self) -> str:
        raise ValueError(SECRETS["OPENAI_API_KEY"] + WORDS)


@every_way
@pytest.mark.parametrize(
    "arguments", [(WORDS,), (Unspeakable(),), (WORDS, Unspeakable())], ids=["type", "repr", "many"]
)
def test_what_cannot_be_formatted_leaves_one_line_without_words(
    lines: io.StringIO, capsys: pytest.CaptureFixture[str], level: str, as_json: bool, arguments: tuple[object, ...]
) -> None:
    set_up(level, lines, as_json=as_json)
    wrong = "%d of them" if arguments == (WORDS,) else "%s of them"
    logging.getLogger("bot.test").error(wrong, *arguments)
    (line,) = lines.getvalue().splitlines()
    assert "a line of the log could not be written" in line
    assert "test_log_canaries.py:" in line
    if as_json:
        assert json.loads(line)["level"] == "ERROR"
    written = line.replace("test_log_canaries", "") + "".join(capsys.readouterr())
    assert "canary" not in written
    assert "of them" not in written
    assert "Traceback" not in written


class FullStream(io.StringIO):
    """Takes nothing, as a full disk."""

    def write(self, _: str) -> int:
        raise OSError(28, WORDS)


@every_way
def test_a_stream_that_takes_nothing_lets_no_words_out(
    lines: io.StringIO, capsys: pytest.CaptureFixture[str], level: str, as_json: bool
) -> None:
    set_up(level, FullStream(), as_json=as_json)
    logging.getLogger("bot.test").error("sent %s", WORDS)
    (line,) = capsys.readouterr().err.splitlines()
    assert "a line of the log could not be written" in line
    assert "canary" not in line.replace("test_log_canaries", "")


def test_a_stream_that_takes_no_such_letters_lets_no_words_out(
    lines: io.StringIO, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    set_up_logging("INFO", as_json=False, secrets=[], stream=narrow)
    logging.getLogger("bot.test").error("Grüße: %s", WORDS)
    monkeypatch.setattr("sys.stderr", None)  # a service without a terminal
    set_up_logging("INFO", as_json=False, secrets=[], stream=FullStream())
    logging.getLogger("bot.test").error("sent %s", WORDS)
    narrow.seek(0)
    assert "a line of the log could not be written" in narrow.read()
    assert capsys.readouterr().err == ""


@every_way
async def test_what_asyncio_reports_holds_no_words(lines: io.StringIO, level: str, as_json: bool) -> None:
    """Lost errors, slow callbacks with their arguments, tasks that were destroyed while they waited."""
    set_up(level, lines, as_json=as_json)
    loop = asyncio.get_running_loop()
    before, slow = loop.get_exception_handler(), loop.slow_callback_duration
    loop.set_exception_handler(report_lost_error)
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0
    try:

        async def fail(words: str) -> None:
            raise ValueError(words)

        def late(words: str) -> None:
            raise ValueError(words)

        task = loop.create_task(fail(WORDS), name=WORDS)
        await asyncio.wait([task])
        del task
        loop.call_soon(late, WORDS)
        loop.call_exception_handler({"message": WORDS, "exception": ValueError(WORDS), "task": WORDS})
        for _ in range(3):
            await asyncio.sleep(0)
        gc.collect()
        await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(before)
        loop.set_debug(False)
        loop.slow_callback_duration = slow
    written = lines.getvalue()
    assert written.count("an error that nobody waited for") == 3
    assert "canary" not in written


@pytest.mark.filterwarnings("ignore")
def test_threads_finalizers_and_warnings(lines: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr("sys.unraisablehook", lambda _: None)
    set_up("DEBUG", lines, as_json=False)
    log_what_nobody_caught()

    class Falls:
        def __del__(self) -> None:
            raise ValueError(WORDS)

    def fall() -> None:
        raise ValueError(WORDS)

    thread = threading.Thread(target=fall)
    thread.start()
    thread.join()
    Falls()
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"the key {SECRETS['OPENAI_API_KEY']}", stacklevel=1)
    written = lines.getvalue()
    assert "an error ended a thread" in written
    assert "an error in a finalizer" in written
    assert "py.warnings" in written
    assert "canary" not in written.replace("test_log_canaries", "")


def test_every_secret_that_can_be_set_is_known_to_the_filter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, *(f"{name}_FILE" for name in SECRET_NAMES)):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / ".env"
    path.write_text("".join(f"{name}=canary-{name}\n" for name in SECRET_NAMES), encoding="utf-8")
    monkeypatch.setenv("PARLEY_ENV_FILE", str(path))
    settings = read_settings(for_discord=False).settings
    assert set(settings.secrets()) == {f"canary-{name}" for name in SECRET_NAMES}
    assert {name for name in NAMES if name.endswith(("_TOKEN", "_KEY"))} == set(SECRET_NAMES)
    for shown in (repr(settings), str(settings), json.dumps(settings.model_dump(mode="json"))):
        assert "canary" not in shown
