"""The command line: ``python -m bot COMMAND``. A command's module is imported when it is the one to run."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import sys
from pathlib import Path

from bot import __version__

# ruff: noqa: PLC0415  a container's health check runs every half minute: it must not import the whole bot


def main() -> None:
    """Run one command."""
    arguments = _parser().parse_args()
    try:
        _run(arguments)
    except ModuleNotFoundError as missing:
        package, _, _ = (missing.name or "").partition(".")
        if package in ("", "bot", "cogs"):
            raise
        how = "make sandbox" if arguments.command == "sandbox" else "make run"
        sys.exit(
            f"parley: this Python has no package {package}. In a checkout '{how}' installs what is needed; after that, "
            f"it is .venv/bin/python -m bot {arguments.command}"
        )


def _run(arguments: argparse.Namespace) -> None:
    match arguments.command:
        case "sandbox":
            try:
                from bot.sandbox.main import sandbox_main
            except ModuleNotFoundError as missing:
                if missing.name not in ("bot.sandbox", "bot.sandbox.main"):
                    raise
                sys.exit("parley: the sandbox is not part of this installation: run it from a checkout, see README.md")
            sandbox_main(port=arguments.port, data=arguments.data)
        case "backup":
            from bot.cli.backup import backup

            backup(arguments.to)
        case "restore":
            from bot.cli.restore import restore

            restore(arguments.file)
        case "resume":
            from bot.cli.pause import resume

            resume()
        case command:
            getattr(importlib.import_module(f"bot.cli.{command}"), command)()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bot", description="Parley, the OpenAI API in your Discord server.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run the bot with the settings of the environment and .env")
    sandbox = commands.add_parser("sandbox", help="talk with the bot on a local page: no account, no key")
    sandbox.add_argument("--port", type=int, default=0, help="the page's port (default: a free one)")
    sandbox.add_argument("--data", default="sandbox-data", help="the folder for its database (default: sandbox-data)")
    commands.add_parser("doctor", help="check settings, token, intents, models, disk and database; spends nothing")
    commands.add_parser("health", help="say whether the running bot is well (for a container's health check)")
    commands.add_parser("pause", help="let the running bot answer nobody, until resume; members are told")
    commands.add_parser("resume", help="end a pause")
    commands.add_parser("migrate", help="bring the database to this version's schema, after a backup")
    backup = commands.add_parser("backup", help="copy the database, also while the bot runs")
    backup.add_argument("--to", type=Path, metavar="FILE", help="the copy (default: in the data folder, with the time)")
    restore = commands.add_parser("restore", help="put a backup in the database's place; the bot must be stopped")
    restore.add_argument("file", type=Path, metavar="FILE", help="the backup")
    return parser


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
