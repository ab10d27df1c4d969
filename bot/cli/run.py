"""``python -m bot run``: the bot, until somebody stops it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.cli.ending import EXIT_BUSY, EXIT_CONFIG, EXIT_PROBLEM, settings_or_stop, stop
from bot.logs import log_what_nobody_caught, report_lost_error
from bot.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bot.store.problem import DatabaseDamaged
    from bot.vitals import Vitals

log = logging.getLogger("bot")

GRACE_SECONDS = 20.0
REFUSED_BEFORE = (
    "DISCORD_TOKEN: Discord refused this token the last time, and is not asked with it again. Reset it on the Bot page "
    "of the developer portal and set the new one; if it is good after all, doctor asks Discord and clears this"
)
END_SECONDS = 25.0  # compose.yaml grants 30 before SIGKILL: whatever hangs, the log says so first


def run() -> None:
    """Run the bot with the settings of the environment and ``.env``."""
    settings = settings_or_stop(for_discord=True)
    log_what_nobody_caught()
    token = settings.discord_token.get_secret_value() if settings.discord_token is not None else ""
    # A wrong setting is told before the slow imports.
    from bot.core.errors import StoreUnavailable  # noqa: PLC0415
    from bot.gateway.supervisor import GatewayProblem  # noqa: PLC0415
    from bot.store.lock import own_folder  # noqa: PLC0415
    from bot.store.problem import DatabaseDamaged, FolderInUse, StoreProblem  # noqa: PLC0415
    from bot.store.salvage import remove_leftovers  # noqa: PLC0415

    try:
        folder = settings.database_path.parent
        with own_folder(folder), _token_that_is_not_refused(folder, token):
            remove_leftovers(folder)
            try:
                asyncio.run(_serve(settings, token))
            except DatabaseDamaged as damaged:
                asyncio.run(_serve(settings, token, degraded=_restored(settings.database_path, damaged)))
    except SettingsError as error:
        stop(error.problems, EXIT_CONFIG)
    except FolderInUse as error:
        stop([error.problem], EXIT_BUSY)
    except StoreProblem as error:
        stop([error.problem], EXIT_CONFIG)
    except StoreUnavailable as error:
        stop([f"The database {settings.database_path} cannot be used now ({error.detail})"], EXIT_BUSY)
    except GatewayProblem as error:
        stop([error.problem], EXIT_CONFIG)
    except Exception as error:  # whatever it is, its message may hold somebody's words: the log leaves that out
        log.critical("the bot has ended", exc_info=error)
        sys.exit(EXIT_PROBLEM)


@contextmanager
def _token_that_is_not_refused(folder: Path, token: str) -> Iterator[None]:
    """End without any call when Discord refused this token before; remember it when it does so now."""
    from bot.gateway.supervisor import TokenRefused  # noqa: PLC0415
    from bot.store.problem import StoreProblem  # noqa: PLC0415
    from bot.store.refused_token import RefusedToken  # noqa: PLC0415

    refused = RefusedToken(folder)
    if refused.is_refused(token):
        stop([REFUSED_BEFORE], EXIT_CONFIG)
    try:
        yield
    except TokenRefused:
        try:
            refused.remember(token)
        except (OSError, StoreProblem) as error:
            log.warning("a refused token cannot be remembered", extra={"detail": type(error).__name__})
        raise


def _restored(path: Path, damaged: DatabaseDamaged) -> dict[str, str]:
    """Put the newest whole backup in place of a damaged database, loudly, and return what health says from then on.

    Raises the problem as it was when there is no such backup.
    """
    from bot.store.backups import restore_newest  # noqa: PLC0415
    from bot.store.migrations import MIGRATIONS  # noqa: PLC0415
    from bot.store.problem import StoreProblem  # noqa: PLC0415

    kept = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    try:
        backup, state = restore_newest(path, kept=kept, migrations=MIGRATIONS)
    except StoreProblem as none:
        log.critical("the database is damaged and no backup can take its place", extra={"problem": none.problem})
        raise damaged from None
    extra = {"database": str(path), "kept": kept.name, "backup": backup.name, "schema": state.schema}
    log.critical(
        "THE DATABASE WAS DAMAGED: a backup took its place, and what came after the backup is lost", extra=extra
    )
    return {"database": f"the database was damaged at the start: {backup.name} took its place, {kept.name} is kept"}


def end_anyway(seconds: float) -> None:
    """End the process after this while whatever hangs, a thread that nobody can stop included."""

    def leave() -> None:
        log.error("something did not end in time")
        os._exit(EXIT_PROBLEM)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()


def _metrics(vitals: Vitals, settings: Settings) -> AbstractAsyncContextManager[None]:
    if settings.metrics_port is None:
        return nullcontext()
    from bot.metrics import serve_metrics  # noqa: PLC0415  most bots do without

    return serve_metrics(vitals, host=settings.metrics_host, port=settings.metrics_port)


async def _serve(settings: Settings, token: str, *, degraded: Mapping[str, str] | None = None) -> None:
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report_lost_error)

    def tell_to_stop() -> None:
        end_anyway(END_SECONDS)
        told_to_stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, tell_to_stop)

    from bot.app import Parley, point_discord_at  # noqa: PLC0415
    from bot.gateway.supervisor import Supervisor  # noqa: PLC0415
    from bot.heartbeat import HEARTBEAT_NAME  # noqa: PLC0415
    from bot.loop_watch import LoopWatch  # noqa: PLC0415
    from bot.services import open_services, sweep_now_and_then, watch_endings  # noqa: PLC0415
    from bot.vitals import Vitals  # noqa: PLC0415

    point_discord_at(api_url=settings.discord_api_url, gateway_url=settings.discord_gateway_url)
    heartbeat_path = settings.database_path.with_name(HEARTBEAT_NAME)
    async with (
        LoopWatch() as loop_watch,
        open_services(settings) as services,
        Parley(services) as bot,
        _metrics(vitals := Vitals(bot, services, loop_watch), settings),
    ):
        services.degraded.update(degraded or {})
        supervising = asyncio.create_task(Supervisor(bot).run(token))
        sweeping = asyncio.create_task(sweep_now_and_then(services))
        watching = asyncio.create_task(watch_endings(services))
        syncing = asyncio.create_task(bot.command_sync.keep_synced())
        beating = asyncio.create_task(vitals.keep_beating(heartbeat_path))
        stopping = asyncio.create_task(told_to_stop.wait())
        working: set[asyncio.Task[None]] = {supervising, sweeping, watching, syncing, beating}
        tasks = {*working, stopping}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for ended in working:
                if ended.done():
                    ended.result()
            log.info("stopping")
            await services.turns.close(grace_seconds=GRACE_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(OSError):  # it grows old by itself, and must not hide what the bot ended with
                heartbeat_path.unlink()
