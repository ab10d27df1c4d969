"""The file that settings are read from, ``.env``: its lines, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

DEFAULT = ".env"


@dataclass(frozen=True, slots=True)
class EnvFile:
    """What stands in the file, by names in capitals. ``path`` is ``None`` where there is none, and none is needed.

    ``was_read``: nothing of it is unknown.
    """

    path: Path | None
    values: Mapping[str, str | None] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    was_read: bool = True

    @property
    def name(self) -> str:
        """The file's name, without its folders."""
        return DEFAULT if self.path is None else self.path.name


def read_env_file(path: str | None, *, named_by: str) -> EnvFile:
    """Read the file at ``path``, which the variable ``named_by`` names; without one ``.env``, which may be missing."""
    file = Path(path or DEFAULT)
    try:
        text = file.read_text(encoding="utf-8-sig")  # some editors write a mark in front of it
    except FileNotFoundError:
        if not path:
            return EnvFile(None)
        problem = f"{named_by}: there is no file {file}"
    except IsADirectoryError:
        problem = f"{named_by if path else file}: {file} is a folder: a file of settings is needed there, or nothing"
    except UnicodeDecodeError:
        problem = f"{file}: is no text: save it as UTF-8"
    except OSError as error:
        problem = f"{file}: cannot be read ({type(error).__name__}): give it to the user that runs the bot"
    else:
        return _parsed(text, file)
    return EnvFile(file, problems=(problem,), was_read=False)


def _parsed(text: str, file: Path) -> EnvFile:
    bindings = list(parse_stream(StringIO(text)))
    # python-dotenv leaves out what it cannot read, and tells it in a log line of its own: it gets the other lines only.
    readable = "".join(binding.original.string for binding in bindings if not binding.error)
    return EnvFile(
        file,
        values={key.upper(): value for key, value in dotenv_values(stream=StringIO(readable)).items()},
        problems=tuple(
            f"{file.name} line {binding.original.line}: is not NAME=value, or a quote is not closed"
            for binding in bindings
            if binding.error
        ),
    )
