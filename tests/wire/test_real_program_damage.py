"""The real program on a damaged database: it says so, and goes on from the backup, or does not start at all."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from bot.sandbox.standin import Say, StandIn
from bot.store.backups import write_backup
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.program import Bench
from tests.wire.talking import ANSWER, MEMBER_CANARY, QUESTION, ask, chat_requests, said, started


def damage(path: Path) -> bytes:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + b"\0" * 64)
    return path.read_bytes()


async def test_it_goes_on_from_the_backup_and_health_says_so(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    general = discord_standin.world.general
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER), Say("Yes."))
    await ask(program, discord_standin, general, QUESTION, ANSWER)
    program.terminate()
    assert await program.ended() == 0
    write_backup(bench.database, bench.database.with_name("parley-now.backup"))
    bad = damage(bench.database)
    program = await started(bench, discord_standin)
    [kept] = bench.database.parent.glob("parley.db.damaged-*Z")
    assert kept.read_bytes() == bad
    assert "CRITICAL bot: THE DATABASE WAS DAMAGED" in program.log
    await ask(program, discord_standin, general, f"Is {MEMBER_CANARY} sweet?", "Yes.")
    assert ("assistant", ANSWER) in said(chat_requests(standin)[1])
    async with asyncio.timeout(30):
        while not (beat := bench.database.with_name("heartbeat.json")).exists():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert "parley-now.backup took its place" in json.loads(beat.read_text())["degraded"]["database"]


async def test_without_a_backup_it_does_not_start_and_touches_nothing(
    bench: Bench, discord_standin: DiscordStandIn
) -> None:
    program = await started(bench, discord_standin)
    program.terminate()
    assert await program.ended() == 0
    bench.damaged = True
    bad = damage(bench.database)
    logins = len(discord_standin.gateway.identifies)
    program = await bench.start()
    assert await program.ended() == 78
    assert bench.database.read_bytes() == bad
    assert "is damaged" in program.log
    assert "restore a backup" in program.log
    assert len(discord_standin.gateway.identifies) == logins
