"""The real program and the commands that Discord keeps of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

from bot.command_sync import DAILY_LIMIT, REST_UNTIL, TREE_HASH
from bot.sandbox.standin import Say, StandIn
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.discord_standin.faults import Fault
from tests.wire.program import Bench, Program
from tests.wire.talking import ANSWER, QUESTION, answered, ask, started

COMMANDS = "/applications/{application_id}/commands"


def remembered(database: Path, name: str, value: str) -> None:
    """Let the ended program remember something else."""
    with closing(sqlite3.connect(database)) as connection, connection:
        changed = connection.execute("UPDATE preferences SET value = ? WHERE name = ?", (value, name))
        assert changed.rowcount == 1


async def end(program: Program) -> None:
    program.terminate()
    assert await program.ended() == 0


async def test_when_discord_takes_no_more_commands_today_the_old_ones_stay_and_it_is_left_alone(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    await end(await started(bench, discord_standin))
    remembered(bench.database, TREE_HASH, "older commands")
    discord_standin.refuse("PUT", COMMANDS, HTTPStatus.BAD_REQUEST, DAILY_LIMIT)
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER))
    interaction = discord_standin.slash(world.general, world.member, "chat", message=QUESTION)
    await program.until(discord_standin.wait_for(answered(interaction)))
    assert program.log.count("Discord takes no more commands for now") == 1
    await end(program)
    asked = len(discord_standin.requests("PUT", COMMANDS))
    assert asked == 2
    discord_standin.faults.lift("refused")
    again = await started(bench, discord_standin)
    assert again.log.count("the commands have changed and wait") == 1
    await end(again)
    assert len(discord_standin.requests("PUT", COMMANDS)) == asked
    remembered(bench.database, REST_UNTIL, "2026-01-01T00:00:00+00:00")
    await end(await started(bench, discord_standin))
    assert len(discord_standin.requests("PUT", COMMANDS)) == asked + 1
    await end(await started(bench, discord_standin))
    assert len(discord_standin.requests("PUT", COMMANDS)) == asked + 1, "they have not changed since"


async def test_a_long_wait_for_commands_does_not_keep_it_from_answering(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    discord_standin.faults.add(Fault("limited", "PUT", COMMANDS, retry_after_seconds=600, times=100))
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER))
    await ask(program, discord_standin, discord_standin.world.general, QUESTION, ANSWER)
    assert "Discord takes no more commands for now" in program.log
