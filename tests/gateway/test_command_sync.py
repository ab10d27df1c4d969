"""Commands that had to wait go to Discord by themselves, once it takes commands again."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from http import HTTPStatus

from bot.command_sync import DAILY_LIMIT, TREE_HASH
from tests.gateway.conftest import Running
from tests.wire.discord_standin.faults import Fault

COMMANDS = "/applications/{application_id}/commands"


async def test_what_waits_for_the_daily_limit_is_synced_after_it_without_a_restart(running: Running) -> None:
    discord, clock, sync = running.discord, running.clock, running.bot.command_sync
    await running.until(lambda: discord.gateway.connected)
    await running.services.preferences.remember_of_bot(TREE_HASH, "older commands")
    discord.refuse("PUT", COMMANDS, HTTPStatus.BAD_REQUEST, DAILY_LIMIT)
    await sync.sync_when_changed()
    assert len(discord.requests("PUT", COMMANDS)) == 2, "at the start, and this one"
    discord.faults.lift("refused")
    clock.advance(timedelta(hours=23))
    await sync.sync_when_changed()
    assert len(discord.requests("PUT", COMMANDS)) == 2, "Discord is left alone for a day"
    clock.advance(timedelta(hours=2))
    keeping = asyncio.create_task(sync.keep_synced(look_seconds=0.01))
    await running.until(lambda: len(discord.requests("PUT", COMMANDS)) == 3)
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping


async def test_an_answer_without_sense_ends_nothing_and_a_plain_refusal_is_asked_for_once(running: Running) -> None:
    discord, clock, sync = running.discord, running.clock, running.bot.command_sync
    await running.until(lambda: discord.gateway.connected)
    await running.services.preferences.remember_of_bot(TREE_HASH, "older commands")
    discord.refuse("PUT", COMMANDS, HTTPStatus.BAD_REQUEST, DAILY_LIMIT)
    await sync.sync_when_changed()
    discord.faults.lift("refused")
    broken = discord.faults.add(Fault("broken", "PUT", COMMANDS))
    refused = discord.refuse("PUT", COMMANDS, HTTPStatus.BAD_REQUEST, 50035)
    clock.advance(timedelta(hours=25))
    keeping = asyncio.create_task(sync.keep_synced(look_seconds=0.01))
    await running.until(lambda: refused.met or keeping.done())
    assert (broken.met, keeping.done()) == (1, False)
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping
    asked = len(discord.requests("PUT", COMMANDS))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await sync.keep_synced(look_seconds=0.01)
    assert len(discord.requests("PUT", COMMANDS)) == asked
