"""``python -m bot run``: the bot, until somebody stops it."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from bot.cli.ending import EXIT_BUSY, EXIT_CONFIG, EXIT_PROBLEM, settings_or_stop, stop
from bot.logs import report_lost_error
from bot.settings import Settings, SettingsError

log = logging.getLogger("bot")

GRACE_SECONDS = 20.0
TOKEN_REVOKED = 4004  # the gateway's close code


def run() -> None:
    """Run the bot with the settings of the environment and ``.env``."""
    settings = settings_or_stop(for_discord=True)
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
        stop(error.problems, EXIT_CONFIG)
    except FolderInUse as error:
        stop([error.problem], EXIT_BUSY)
    except StoreProblem as error:
        stop([error.problem], EXIT_CONFIG)
    except StoreUnavailable as error:
        stop([f"The database {settings.database_path} cannot be used now ({error.detail})"], EXIT_BUSY)
    except discord.LoginFailure:
        problem = "DISCORD_TOKEN: Discord does not accept it; reset it on the Bot page of the developer portal"
        stop([problem], EXIT_CONFIG)
    except discord.ConnectionClosed as error:
        if error.code != TOKEN_REVOKED:
            raise
        problem = "DISCORD_TOKEN: Discord has revoked it; reset it on the Bot page of the developer portal"
        stop([problem], EXIT_CONFIG)
    except discord.PrivilegedIntentsRequired:
        problem = (
            "MESSAGE_CONTENT_INTENT: Discord refuses it. Switch on the Message Content intent on the Bot page of the "
            "developer portal, or set MESSAGE_CONTENT_INTENT=false"
        )
        stop([problem], EXIT_CONFIG)
    except Exception as error:  # whatever it is, its message may hold somebody's words: the log leaves that out
        log.critical("the bot has ended", exc_info=error)
        sys.exit(EXIT_PROBLEM)


async def _serve(settings: Settings, token: str) -> None:
    from bot.app import Parley, point_discord_at  # noqa: PLC0415
    from bot.heartbeat import HEARTBEAT_NAME, keep_beating  # noqa: PLC0415
    from bot.services import open_services, sweep_now_and_then, watch_endings  # noqa: PLC0415

    point_discord_at(api_url=settings.discord_api_url, gateway_url=settings.discord_gateway_url)
    heartbeat_path = settings.database_path.with_name(HEARTBEAT_NAME)
    async with open_services(settings) as services, Parley(services) as bot:
        client = asyncio.create_task(bot.start(token))
        sweeping = asyncio.create_task(sweep_now_and_then(services))
        watching = asyncio.create_task(watch_endings(services))
        beating = asyncio.create_task(keep_beating(bot, services, heartbeat_path))
        told_to_stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(report_lost_error)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told_to_stop.set)
        stopping = asyncio.create_task(told_to_stop.wait())
        tasks = {client, sweeping, watching, beating, stopping}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for ended in (client, sweeping, watching, beating):
                if ended.done():
                    ended.result()
            log.info("stopping")
            await services.turns.close(grace_seconds=GRACE_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            heartbeat_path.unlink(missing_ok=True)
