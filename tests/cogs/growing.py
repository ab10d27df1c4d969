"""Fixtures for answers that grow while somebody acts: turns run outside of what SimCord waits for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import simcord

from bot.app import Parley, intents
from bot.sandbox.outside import Outside, OutsideTurns
from bot.sandbox.standin import StandIn
from bot.services import Services, open_services
from tests.cogs.conftest import settings_for

__all__ = ["env", "outside", "services", "until"]


@pytest.fixture
async def outside() -> Outside:
    return Outside()


@pytest.fixture
async def services(standin: StandIn, tmp_path: Path, outside: Outside) -> AsyncIterator[Services]:
    settings = settings_for(tmp_path, standin)
    async with open_services(settings, turn_service=lambda parts: OutsideTurns(parts, outside)) as opened:
        yield opened


@pytest.fixture
async def env(services: Services, outside: Outside) -> AsyncIterator[simcord.Env]:
    running = simcord.Env(Parley(services), approved_intents=intents(message_content=False), settle_timeout=20.0)
    outside.join(running)
    await running.start()
    try:
        yield running
    finally:
        await running.shutdown()
    running.raise_errors()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not true():  # noqa: ASYNC110  what is waited for happens on the page: there is nothing to be told by
            await asyncio.sleep(0.01)
