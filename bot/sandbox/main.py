"""``python -m bot sandbox``: the bot on a local page, without an account and without a key."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import NoReturn

from bot.logs import set_up_logging
from bot.sandbox.problem import PortInUse, SandboxProblem
from bot.settings import Settings, SettingsError, read_settings
from bot.store.lock import own_folder
from bot.store.problem import FolderInUse, StoreProblem

log = logging.getLogger(__name__)

EXIT_BUSY = 75
EXIT_CONFIG = 78
DATABASE = "parley.db"


def sandbox_main(*, port: int, data: str) -> None:
    """Serve the sandbox until somebody presses Ctrl-C.

    ``port``: of the lobby, 0 takes a free one. ``data``: the folder for everything that it writes.
    """
    folder = Path(data).absolute()
    overrides = {"database_url": f"sqlite:///{folder / DATABASE}", "message_content_intent": True}
    try:
        read = read_settings(for_discord=False, overrides=overrides)
    except SettingsError as error:
        _end(error.problems, EXIT_CONFIG)
    settings = read.settings
    # A person reads this terminal: what goes well is not told, unless they asked for it.
    asked_for = "log_level" in settings.model_fields_set
    level = settings.log_level if asked_for else "WARNING"
    set_up_logging(level, as_json=settings.log_format == "json", secrets=settings.secrets())
    if not asked_for:
        logging.getLogger("discord").setLevel("ERROR")  # its warnings are about voice and gateways: there are none here
    for warning in read.warnings:
        log.warning(warning)
    try:
        with own_folder(folder):
            _serve(settings, port=port)
    except (FolderInUse, PortInUse) as error:
        _end([error.problem], EXIT_BUSY)
    except (StoreProblem, SandboxProblem) as error:
        _end([error.problem], EXIT_CONFIG)


def _serve(settings: Settings, *, port: int) -> None:
    try:
        from bot.sandbox.serving import serve  # noqa: PLC0415  what is wrong is told before the slow imports
    except ModuleNotFoundError as missing:
        raise SandboxProblem(f"the sandbox needs the package {missing.name}: 'make sandbox' installs it") from missing
    asyncio.run(serve(settings, port=port))


def _end(problems: list[str], code: int) -> NoReturn:
    for problem in problems:
        sys.stderr.write(f"parley: {problem}\n")
    sys.exit(code)
