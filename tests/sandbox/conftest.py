"""A sandbox inside the test's process, answered by the stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import discord
import pytest

from bot.sandbox.sandbox import Sandbox, open_sandbox
from bot.sandbox.standin import StandIn
from bot.sandbox.world import Place
from bot.settings import Settings

SECONDS = 10.0  # nothing here takes as long: a wait that does is a failure


async def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110  what is waited for happens inside SimCord, which has no event for it
            await asyncio.sleep(0.01)


def answers(sandbox: Sandbox, place: Place) -> list[discord.Message]:
    """Return what the bot said in a place, without what it is still writing."""
    said = [message for message in place.channel.history() if message.author.name == "Parley"]
    return [message for message in said if "still writing" not in message.content]


@pytest.fixture
def settings(tmp_path: Path, standin: StandIn) -> Settings:
    return Settings.model_validate(
        {
            "openai_base_url": standin.base_url,
            "openai_api_key": standin.key,
            "daily_budget_usd": 5,
            "database_url": f"sqlite:///{tmp_path / 'parley.db'}",
            "message_content_intent": True,
        }
    )


@pytest.fixture
async def sandbox(settings: Settings) -> AsyncIterator[Sandbox]:
    async with open_sandbox(settings) as opened:
        yield opened
