"""The supervisor keeps the bot connected, and keeps its logins and connects few, for as long as it takes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.gateway.private import missing_names
from bot.gateway.supervisor import GatewayProblem
from tests.gateway.conftest import Running


async def test_discord_py_has_the_private_names_that_are_used(running: Running) -> None:
    await running.until(lambda: running.discord.gateway.connected)
    assert missing_names(running.bot) == []


async def test_a_loop_of_invalid_sessions_logs_in_twenty_times_an_hour(running: Running) -> None:
    gateway, clock = running.discord.gateway, running.clock
    times = []
    for count in range(1, 43):
        await running.until(lambda count=count: len(gateway.identifies) == count)  # type: ignore[misc]
        times.append(clock.now())
        gateway.invalidate(resumable=False)
    assert all(later - earlier >= timedelta(hours=1) for earlier, later in zip(times, times[20:], strict=False))
    assert running.services.link.state().identify_wait_seconds == 0


async def test_connections_that_end_at_once_are_opened_fifteen_times_a_minute(running: Running) -> None:
    gateway, clock = running.discord.gateway, running.clock
    await running.until(lambda: gateway.connected)
    times = []
    for count in range(1, 33):
        gateway.close(4000)
        await running.until(lambda count=count: len(running.discord.resumes) == count)  # type: ignore[misc]
        times.append(clock.perf_seconds())
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[15:], strict=False))
    assert len(gateway.identifies) == 1


async def test_what_escapes_leads_to_five_connections_a_minute(running: Running) -> None:
    gateway, clock = running.discord.gateway, running.clock
    await running.until(lambda: gateway.connected)
    times = []
    for count in range(1, 13):
        gateway.dispatch_nonsense("READY", {})
        await running.until(lambda count=count: len(running.discord.resumes) == count)  # type: ignore[misc]
        times.append(clock.perf_seconds())
    # The test's clock counts in whole microseconds.
    assert all(round(later - earlier, 3) >= 60 for earlier, later in zip(times, times[5:], strict=False))
    assert max(clock.slept) <= 60
    assert len(gateway.identifies) == 1


async def test_ten_minutes_without_discord_are_waited_for_and_the_session_is_resumed(running: Running) -> None:
    gateway, clock = running.discord.gateway, running.clock
    await running.until(lambda: gateway.connected)
    began = clock.perf_seconds()
    gateway.down = True
    gateway.close(1001)
    while clock.perf_seconds() - began < 600:
        seen = gateway.refused
        await running.until(lambda seen=seen: gateway.refused > seen)  # type: ignore[misc]
    assert not running.services.link.state().connected
    assert gateway.refused >= 10
    assert max(clock.slept) <= 60
    gateway.down = False
    back = clock.perf_seconds()
    await running.until(lambda: running.discord.resumes)
    assert clock.perf_seconds() - back <= 61
    assert len(gateway.identifies) == 1


async def test_few_logins_left_make_it_wait_until_discord_gives_new_ones(running: Running) -> None:
    gateway = running.discord.gateway
    await running.until(lambda: gateway.connected)
    gateway.identifies_left = 100
    gateway.invalidate(resumable=False)
    asked = len(running.discord.requests("GET", "/gateway/bot"))
    await running.until(lambda: len(running.discord.requests("GET", "/gateway/bot")) >= asked + 3)
    assert len(gateway.identifies) == 1
    assert running.services.link.state().identify_wait_seconds > 0
    gateway.identifies_left = 1000
    await running.until(lambda: len(gateway.identifies) == 2)


async def test_a_dead_link_is_noticed_and_the_session_resumed(running: Running) -> None:
    gateway = running.discord.gateway
    gateway.heartbeat_ms = 200
    await running.until(lambda: gateway.connected)
    assert running.bot.ws is not None
    running.bot.ws._max_heartbeat_timeout = 1.0  # instead of 50 s
    gateway.go_dead()
    await running.until(lambda: running.discord.resumes)
    assert len(gateway.identifies) == 1


async def test_a_revoked_token_ends_it_and_nothing_connects_again(running: Running) -> None:
    gateway = running.discord.gateway
    await running.until(lambda: gateway.connected)
    gateway.close(4004)
    with pytest.raises(GatewayProblem, match="revoked"):
        await asyncio.wait_for(running.task, 10)
    requests = len(running.discord.requests())
    await running.clock.sleep(600)
    assert len(gateway.identifies) == 1
    assert len(running.discord.requests()) == requests
