"""What the wire tests share: the stand-in for Discord. What it holds against the bot, or itself, fails the test."""

from collections.abc import AsyncIterator

import pytest

from tests.wire.discord_standin import DiscordStandIn


@pytest.fixture
async def discord_standin() -> AsyncIterator[DiscordStandIn]:
    async with DiscordStandIn() as standin:
        yield standin
    assert standin.violations == []
    assert standin.own_mistakes() == []
