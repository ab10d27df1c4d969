"""Runs the sandbox: an endpoint that answers, the lobby, and one life of the bot after another."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.sandbox.lobby import Lobby
from bot.sandbox.problem import SandboxProblem
from bot.sandbox.sandbox import open_sandbox
from bot.sandbox.standin import Pace, StandIn
from bot.sandbox.world import BEGINNING
from bot.settings import Settings

log = logging.getLogger(__name__)

PACE = Pace(first_token_seconds=0.4, tokens_per_second=40)  # so that a person sees the text grow
STAND_IN_BUDGET = Decimal(1_000_000)  # nothing is paid there
REAL_BUDGET = Decimal(1)
END_SECONDS = 4.5  # whatever hangs, Ctrl-C ends it


async def serve(settings: Settings, *, port: int) -> None:
    """Serve the sandbox until SIGINT or SIGTERM; raises ``SandboxProblem``."""
    if datetime.now(UTC) < BEGINNING:
        raise SandboxProblem("this machine's clock is wrong, the simulated Discord begins in 2026: set it right first")
    told_to_stop = asyncio.Event()

    def stop() -> None:
        told_to_stop.set()
        last_resort = threading.Timer(END_SECONDS, _leave)
        last_resort.daemon = True
        last_resort.start()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    async with _endpoint(settings) as (complete, answered_by), Lobby(port=port, answered_by=answered_by) as lobby:
        stopping = asyncio.create_task(told_to_stop.wait())
        await _one_life(complete, lobby, stopping, greeting=_greeting(lobby.url, answered_by, settings))
        while not stopping.done():
            _forget(settings.database_path)
            await _one_life(complete, lobby, stopping)


async def _one_life(settings: Settings, lobby: Lobby, stopping: asyncio.Task[bool], *, greeting: str = "") -> None:
    """Run the bot until it is told to stop, or to forget everything and begin anew."""
    async with open_sandbox(settings, welcome=True) as sandbox:
        lobby.enter(sandbox)
        sys.stdout.write(greeting)
        sys.stdout.flush()
        resetting = asyncio.create_task(lobby.reset_wanted.wait())
        await asyncio.wait({stopping, resetting}, return_when=asyncio.FIRST_COMPLETED)
        resetting.cancel()
        lobby.leave()


def _greeting(url: str, answered_by: str, settings: Settings) -> str:
    return (
        "Parley's sandbox: a small Discord on this machine, with the bot in it.\n"
        f"{answered_by}\n"
        f"Open {url}\n"
        f"Ctrl-C stops it. What was said is kept in {settings.database_path.parent} for the next time.\n"
    )


def _forget(database: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def _leave() -> None:
    log.error("something did not end in time")
    os._exit(1)


@asynccontextmanager
async def _endpoint(settings: Settings) -> AsyncIterator[tuple[Settings, str]]:
    """Yield the settings with an endpoint that answers, and a sentence that says which."""
    if any((settings.openai_api_key, settings.openai_base_url, settings.chat_api_key, settings.chat_base_url)):
        budget = REAL_BUDGET if settings.daily_budget_usd is None else settings.daily_budget_usd
        host = urlsplit(settings.endpoint("chat").base_url).netloc
        sentence = f"{settings.chat_model} at {host} answers, for at most {budget} USD a day (DAILY_BUDGET_USD)."
        yield settings.model_copy(update={"daily_budget_usd": budget}), sentence
        return
    async with StandIn(pace=PACE) as standin:
        endpoint = {"openai_base_url": standin.base_url, "openai_api_key": SecretStr(standin.key)}
        sentence = "A stand-in answers, not an AI model: set OPENAI_API_KEY or OPENAI_BASE_URL to talk with a real one."
        yield settings.model_copy(update={**endpoint, "daily_budget_usd": STAND_IN_BUDGET}), sentence
