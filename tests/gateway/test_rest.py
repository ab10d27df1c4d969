"""What the discipline lets through: few calls a second, and none while Discord refuses everything."""

from __future__ import annotations

import asyncio
import time

import discord
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from bot.gateway.rest import INVALID_MOST, RestDiscipline
from tests.clock import FakeClock
from tests.gateway.conftest import Running

MESSAGES = "/api/v10/channels/1/messages"
OF_INTERACTION = "/api/v10/webhooks/1/secret/messages/@original"


def headers(**given: str) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict({name.replace("_", "-"): value for name, value in given.items()}))


async def test_typing_and_growing_edits_give_way_before_anything_waits() -> None:
    clock = FakeClock()
    rest = RestDiscipline(clock)
    assert rest.has_room()
    while rest.has_room():
        await rest.admit("POST", MESSAGES)
    assert clock.perf_seconds() == 0, "finished answers still find room at once"
    await rest.admit("POST", MESSAGES)
    assert clock.perf_seconds() == 0
    for _ in range(100):
        await rest.admit("POST", MESSAGES)
    assert clock.perf_seconds() > 2
    before = clock.perf_seconds()
    for _ in range(100):
        await rest.admit("PATCH", OF_INTERACTION)
    assert clock.perf_seconds() == before, "interactions have no share in the global limit"


async def test_too_many_refused_calls_stop_all_of_them_until_the_oldest_is_forgotten() -> None:
    clock = FakeClock()
    rest = RestDiscipline(clock)
    for number in range(INVALID_MOST):
        assert rest.paused_seconds() == 0
        rest.note("POST", MESSAGES, (403, 429)[number % 2], headers(Via="1.1 x"))
    with pytest.raises(discord.RateLimited):
        await rest.admit("PATCH", OF_INTERACTION)
    assert not rest.has_room()
    await clock.sleep(rest.paused_seconds())
    await rest.admit("PATCH", OF_INTERACTION)


async def test_what_others_share_does_not_count() -> None:
    rest = RestDiscipline(FakeClock())
    for _ in range(INVALID_MOST + 1):
        rest.note("POST", MESSAGES, 429, headers(Via="1.1 x", X_RateLimit_Scope="shared"))
    assert rest.paused_seconds() == 0


@pytest.mark.parametrize(("retry_after", "seconds"), [(None, 600), ("30", 30), ("soon", 600)])
async def test_a_ban_stops_every_call_for_as_long_as_it_says(retry_after: str | None, seconds: float) -> None:
    clock = FakeClock()
    rest = RestDiscipline(clock)
    rest.note("GET", "/api/v10/gateway/bot", 429, headers(**({"Retry_After": retry_after} if retry_after else {})))
    assert rest.paused_seconds() == seconds
    with pytest.raises(discord.RateLimited):
        await rest.admit("POST", "/api/v10/interactions/1/secret/callback")
    await clock.sleep(seconds)
    await rest.admit("POST", "/api/v10/interactions/1/secret/callback")


async def test_a_long_wait_stops_one_route_only() -> None:
    clock = FakeClock()
    rest = RestDiscipline(clock)
    rest.note("POST", MESSAGES, 429, headers(Via="1.1 x", Retry_After="20"))
    with pytest.raises(discord.RateLimited):
        await rest.admit("POST", MESSAGES)
    await rest.admit("PATCH", MESSAGES)
    await clock.sleep(20)
    await rest.admit("POST", MESSAGES)


async def test_only_the_bots_own_token_can_be_revoked() -> None:
    rest = RestDiscipline(FakeClock())
    rest.note("PATCH", OF_INTERACTION, 401, headers())
    assert not rest.token_refused.is_set()
    rest.note("POST", MESSAGES, 401, headers())
    assert rest.token_refused.is_set()


class RealSeconds(FakeClock):
    """Real time for pacing."""

    def perf_seconds(self) -> float:
        return time.perf_counter()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def test_the_real_client_keeps_to_the_rate(running: Running) -> None:
    world = running.discord.world
    await running.until(lambda: running.discord.gateway.connected)
    running.services.rest._clock = RealSeconds()
    channels = [world.add_channel(f"channel-{number}") for number in range(80)]
    partial = [running.bot.get_partial_messageable(channel.channel_id) for channel in channels]
    await asyncio.gather(*(channel.send("hello") for channel in partial))
    came = [request.at for request in running.discord.requests("POST", "/channels/{channel_id}/messages")]
    assert len(came) == 80
    assert max(sum(first <= at < first + 1 for at in came) for first in came) < 50
