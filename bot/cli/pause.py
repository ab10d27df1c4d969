"""``python -m bot pause`` and ``resume``: let the running bot answer nobody for a while, without ending it."""

from __future__ import annotations

from pathlib import Path

from bot.cli.ending import EXIT_CONFIG, say, settings_or_stop, stop
from bot.pause import PAUSE_NAME


def pause() -> None:
    """Put the file there, which the bot sees at the next question."""
    path = _path()
    try:
        path.touch(mode=0o600)
    except FileNotFoundError:
        stop([f"The data folder {path.parent} does not exist: the first start of the bot makes it"], EXIT_CONFIG)
    except OSError as error:
        stop([f"{path} cannot be made ({type(error).__name__}): run this as the bot's user"], EXIT_CONFIG)
    say("paused, over restarts too: what is being answered is finished, everybody else is told. `resume` ends it")


def resume() -> None:
    """Take the file away."""
    path = _path()
    try:
        path.unlink()
    except FileNotFoundError:
        say("it was not paused")
        return
    except OSError as error:
        stop([f"{path} cannot be removed ({type(error).__name__}): run this as the bot's user"], EXIT_CONFIG)
    say("it answers again")


def _path() -> Path:
    return settings_or_stop(for_discord=False, level="WARNING").database_path.with_name(PAUSE_NAME)
