"""The command line: ``python -m bot run | sandbox``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from typing import NoReturn

from bot import __version__
from bot.logs import set_up_logging
from bot.settings import Settings, SettingsError, read_settings

log = logging.getLogger("bot")

EXIT_BUSY = 75  # EX_TEMPFAIL: another process owns the data folder
EXIT_CONFIG = 78  # EX_CONFIG: a supervisor should not start it again before somebody mends the settings
GRACE_SECONDS = 20.0
TOKEN_REVOKED = 4004  # the gateway's close code


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m bot", description="Parley, the OpenAI API in your Discord server.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run the bot with the settings of the environment and .env")
    sandbox = commands.add_parser("sandbox", help="talk with the bot on a local page: no account, no key")
    sandbox.add_argument("--port", type=int, default=0, help="the page's port (default: a free one)")
    sandbox.add_argument("--data", default="sandbox-data", help="the folder for its database (default: sandbox-data)")
    arguments = parser.parse_args()
    if arguments.command == "run":
        _run()
    else:
        from bot.sandbox.main import sandbox_main  # noqa: PLC0415  its packages are not there in production

        sandbox_main(port=arguments.port, data=arguments.data)


def _stop(problems: list[str], code: int) -> NoReturn:
    for problem in problems:
        sys.stderr.write(f"parley: {problem}\n")
    sys.exit(code)


def _run() -> None:
    try:
        read = read_settings(for_discord=True)
    except SettingsError as error:
        _stop(error.problems, EXIT_CONFIG)
    settings = read.settings
    set_up_logging(settings.log_level, as_json=settings.log_format == "json", secrets=settings.secrets())
    for warning in read.warnings:
        log.warning(warning)
    token = settings.discord_token.get_secret_value() if settings.discord_token is not None else ""
    # A wrong setting is told before the slow imports.
    import discord  # noqa: PLC0415

    from bot.core.errors import StoreUnavailable  # noqa: PLC0415
    from bot.store.lock import own_folder  # noqa: PLC0415
    from bot.store.problem import FolderInUse, StoreProblem  # noqa: PLC0415

    try:
        with own_folder(settings.database_path.parent):
            asyncio.run(_serve(settings, token))
    except SettingsError as error:
        _stop(error.problems, EXIT_CONFIG)
    except FolderInUse as error:
        _stop([error.problem], EXIT_BUSY)
    except StoreProblem as error:
        _stop([error.problem], EXIT_CONFIG)
    except StoreUnavailable as error:
        _stop([f"The database {settings.database_path} cannot be used now ({error.detail})"], EXIT_BUSY)
    except discord.LoginFailure:
        problem = "DISCORD_TOKEN: Discord does not accept it; reset it on the Bot page of the developer portal"
        _stop([problem], EXIT_CONFIG)
    except discord.ConnectionClosed as error:
        if error.code != TOKEN_REVOKED:
            raise
        problem = "DISCORD_TOKEN: Discord has revoked it; reset it on the Bot page of the developer portal"
        _stop([problem], EXIT_CONFIG)
    except discord.PrivilegedIntentsRequired:
        problem = (
            "MESSAGE_CONTENT_INTENT: Discord refuses it. Switch on the Message Content intent on the Bot page of the "
            "developer portal, or set MESSAGE_CONTENT_INTENT=false"
        )
        _stop([problem], EXIT_CONFIG)
    except Exception as error:  # whatever it is, its message may hold somebody's words: the log leaves that out
        log.critical("the bot has ended", exc_info=error)
        sys.exit(1)


async def _serve(settings: Settings, token: str) -> None:
    from bot.app import Parley, point_discord_at  # noqa: PLC0415
    from bot.services import open_services, sweep_now_and_then  # noqa: PLC0415

    point_discord_at(api_url=settings.discord_api_url, gateway_url=settings.discord_gateway_url)
    async with open_services(settings) as services, Parley(services) as bot:
        client = asyncio.create_task(bot.start(token))
        sweeping = asyncio.create_task(sweep_now_and_then(services))
        told_to_stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told_to_stop.set)
        stopping = asyncio.create_task(told_to_stop.wait())
        try:
            await asyncio.wait({client, sweeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for ended in (client, sweeping):
                if ended.done():
                    ended.result()
            log.info("stopping")
            await services.turns.close(grace_seconds=GRACE_SECONDS)
        finally:
            for task in (client, sweeping, stopping):
                task.cancel()
            await asyncio.gather(client, sweeping, stopping, return_exceptions=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
