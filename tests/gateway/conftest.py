"""The real bot in the test's own process, between two stand-ins, on a clock that a test moves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from bot.app import Parley
from bot.gateway.supervisor import Supervisor
from bot.sandbox.standin import StandIn
from bot.services import Services, open_services
from bot.settings import Settings
from tests.clock import FakeClock
from tests.wire.bare_bot import pointed_at
from tests.wire.discord_standin import DiscordStandIn

T = TypeVar("T")


class RecordingClock(FakeClock):
    """Remembers how long each sleep was."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await super().sleep(seconds)


@dataclass
class Running:
    """A supervised bot. ``task`` ends when the supervisor gives up."""

    bot: Parley
    services: Services
    clock: RecordingClock
    discord: DiscordStandIn
    task: asyncio.Task[None]

    async def until(self, condition: Callable[[], T]) -> T:
        """Wait for something that the stand-in sees, unless the supervisor ends before."""
        wanted = asyncio.ensure_future(self.discord.wait_for(condition))
        await asyncio.wait({wanted, self.task}, return_when=asyncio.FIRST_COMPLETED)
        if not wanted.done():
            wanted.cancel()
            await self.task
        return await wanted


@pytest.fixture
async def discord_standin() -> AsyncIterator[DiscordStandIn]:
    async with DiscordStandIn() as standin:
        yield standin
    assert standin.violations == []


@pytest.fixture
async def services(standin: StandIn, tmp_path: Path) -> AsyncIterator[Services]:
    settings = Settings(
        _env_file=None,
        openai_base_url=standin.base_url,
        openai_api_key="sk-stand-in",
        daily_budget_usd="5",
        database_url=f"sqlite:///{tmp_path / 'parley.db'}",
    )
    async with open_services(settings, clock=RecordingClock()) as opened:
        yield opened


@asynccontextmanager
async def _running(discord_standin: DiscordStandIn, services: Services) -> AsyncIterator[Running]:
    clock = services.clock
    assert isinstance(clock, RecordingClock)
    with pointed_at(discord_standin):
        async with Parley(services) as bot:
            task = asyncio.create_task(Supervisor(bot).run(discord_standin.token))
            try:
                yield Running(bot, services, clock, discord_standin, task)
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task


@pytest.fixture
async def running(discord_standin: DiscordStandIn, services: Services) -> AsyncIterator[Running]:
    async with _running(discord_standin, services) as started:
        yield started
