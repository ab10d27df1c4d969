"""What the wire tests share. What the stand-in for Discord holds against the bot, or itself, fails the test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.sandbox.standin import StandIn
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.marks import MarkWatcher
from tests.wire.oracles import broken_promises
from tests.wire.program import Bench, Program
from tests.wire.talking import started


@pytest.fixture
async def discord_standin() -> AsyncIterator[DiscordStandIn]:
    async with DiscordStandIn() as standin:
        yield standin
    assert standin.violations == []
    assert standin.own_mistakes() == []


@pytest.fixture
async def bench(discord_standin: DiscordStandIn, standin: StandIn, tmp_path: Path) -> AsyncIterator[Bench]:
    """Start the real program between the two stand-ins; hold what must be true of every run of it."""
    settings = {
        "DISCORD_TOKEN": discord_standin.token,
        "DISCORD_API_URL": discord_standin.api_url,
        "DISCORD_GATEWAY_URL": discord_standin.gateway_url,
        "OPENAI_API_KEY": standin.key,
        "OPENAI_BASE_URL": standin.base_url,
        "DAILY_BUDGET_USD": "5",
        "DATABASE_URL": f"sqlite:///{tmp_path}/data/parley.db",
        "LOG_LEVEL": "DEBUG",
    }
    bench = Bench(settings, tmp_path, [])
    discord_standin.journal.watchers.append(MarkWatcher(discord_standin, bench.database))
    try:
        yield bench
    finally:
        bench.lost_calls |= bench.was_killed
        for program in bench.programs:
            await program.kill()  # what has not ended by now
    assert broken_promises(bench, discord_standin, standin) == []
    assert [(r.method, r.route, r.path.get("channel_id")) for r in discord_standin.rate_limited] == []


@pytest.fixture
async def program(bench: Bench, discord_standin: DiscordStandIn) -> Program:
    """Start the program with the usual settings; it is connected."""
    return await started(bench, discord_standin)
