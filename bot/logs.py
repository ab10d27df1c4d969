"""Standard logging with two promises: no secret and nobody's words in any line, and one line per record."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

# Below these levels the libraries log what members write, interaction tokens, SQL values or request bodies.
PINNED = {
    "discord": logging.INFO,
    "discord.http": logging.INFO,
    "discord.gateway": logging.INFO,
    "discord.webhook": logging.INFO,
    "openai": logging.INFO,
    "httpx2": logging.WARNING,
    "httpcore2": logging.INFO,
    "aiosqlite": logging.INFO,
    "aiohttp": logging.INFO,
    "asyncio": logging.INFO,
}
# What these log beside the sentence itself are objects as Python shows them: callbacks with their arguments.
SENTENCE_ONLY = frozenset({"asyncio", "concurrent.futures"})
# What a secret looks like, wherever it comes from: OpenAI keys, bot tokens, interaction and webhook tokens in paths,
# signatures of links to attachments; and files that came along as base64.
SECRET_SHAPES = re.compile(
    r"sk-[A-Za-z0-9_*-]{8,}"
    r"|(?<=Bearer )[A-Za-z0-9._~+/=-]{8,}"
    r"|[?&](?:ex|is|hm)=[0-9a-f]{6,}"
    r"|[A-Za-z0-9+/_-]{120,}=*"
    r"|[A-Za-z0-9_-]{23,28}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}"
    r"|(?<=/webhooks/)\d+/[A-Za-z0-9_.-]{20,}"
    r"|(?<=/interactions/)\d+/[A-Za-z0-9_.-]{20,}"
)
HIDDEN = "[hidden]"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def _escaped(text: str) -> str:
    """Escape control characters, so that nobody can forge a line or colour a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def describe_exception(error: BaseException) -> str:
    """Return types and places of an exception and its causes, without messages: those may hold members' words."""
    parts = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        frames = traceback.extract_tb(link.__traceback__)
        places = " < ".join(f"{f.filename.rsplit('/', 2)[-1]}:{f.lineno} {f.name}" for f in reversed(frames[-8:]))
        parts.append(f"{type(link).__module__}.{type(link).__qualname__} at {places or 'unknown'}")
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return " caused by ".join(parts)


class RedactingFormatter(logging.Formatter):
    """One line per record: escaped, without secrets; exceptions without their messages."""

    def __init__(self, secrets: Iterable[str], *, as_json: bool) -> None:
        super().__init__()
        known = {s for s in secrets if len(s) >= 4}
        # As JSON writes them and as a URL does, too.
        known |= {json.dumps(s)[1:-1] for s in known} | {quote(s, safe="") for s in known}
        self._secrets = tuple(sorted(known, key=len, reverse=True))
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Format one record as a line."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        line: dict[str, object] = {
            "time": stamp,
            "level": record.levelname,
            "logger": record.name,
            "message": str(record.msg) if record.name in SENTENCE_ONLY else record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = describe_exception(record.exc_info[1])
        if self._as_json:
            return self._redacted(json.dumps(line, ensure_ascii=True, default=str))
        head = f"{line.pop('time')} {line.pop('level'):<7} {line.pop('logger')}: {line.pop('message')}"
        return self._redacted(_escaped(" ".join([head, *(f"{name}={value}" for name, value in line.items())])))

    def _redacted(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return SECRET_SHAPES.sub(HIDDEN, text)


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes lines; a record that cannot be written is told of by one fixed line.

    ``logging`` itself prints such a record to standard error as it is, arguments included.
    """

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging names it so
        """Tell that a record is lost and where it was made, with none of its words."""
        lost = logging.LogRecord("bot", logging.ERROR, "", 0, "a line of the log could not be written", None, None)
        lost.place = f"{Path(record.pathname).name}:{record.lineno}"
        for stream in (self.stream, sys.stderr):
            with contextlib.suppress(Exception):  # where neither takes a line, nobody is left to tell
                stream.write(self.format(lost) + self.terminator)
                stream.flush()
                return


def report_lost_error(_loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Log what asyncio found unhandled, by type and place: its own line would hold the exception's message."""
    error = context.get("exception")
    logging.getLogger("bot").error("an error that nobody waited for", exc_info=error)


def log_what_nobody_caught() -> None:
    """Send errors of threads and finalizers to the log: Python's own lines about them hold their messages."""
    log = logging.getLogger("bot")

    def in_thread(args: threading.ExceptHookArgs) -> None:
        log.error("an error ended a thread", exc_info=args.exc_value)

    def in_finalizer(args: sys.UnraisableHookArgs) -> None:
        log.error("an error in a finalizer", exc_info=args.exc_value)

    threading.excepthook = in_thread
    sys.unraisablehook = in_finalizer


def set_up_logging(level: str, *, as_json: bool, secrets: Iterable[str], stream: TextIO | None = None) -> None:
    """Send everything to one redacting stream (standard error by default); pin the libraries that tell too much."""
    output = LineHandler(stream or sys.stderr)
    output.setFormatter(RedactingFormatter(secrets, as_json=as_json))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(output)
    root.setLevel(level)
    for name, floor in PINNED.items():
        logging.getLogger(name).setLevel(max(floor, logging.getLevelNamesMapping()[level]))
    logging.captureWarnings(capture=True)
