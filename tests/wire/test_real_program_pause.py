"""The operator pauses the real program while it runs, and lets it go on."""

from __future__ import annotations

from bot.sandbox.standin import Hold, Say, StandIn
from tests.cli.conftest import Shell, shell  # noqa: F401 (fixture)
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.program import Bench
from tests.wire.talking import ANSWER, QUESTION, SENTENCES, ask, chat_requests, is_writing, reply_to, shows, started


async def test_a_pause_needs_no_restart_and_is_seen_from_outside(
    bench: Bench,
    discord_standin: DiscordStandIn,
    standin: StandIn,
    shell: Shell,  # noqa: F811
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Hold(after_deltas=4, answer=ANSWER))
    growing = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
    await program.until(discord_standin.wait_for(is_writing(discord_standin, world.general)))
    waiting = discord_standin.say(world.general, world.member, f"And? {QUESTION}", mentions=[world.bot])
    assert (await shell.run("pause", **bench.settings)).code == 0
    assert bench.database.with_name("paused").stat().st_mode & 0o777 == 0o600
    standin.release()
    await program.until(discord_standin.wait_for(shows(discord_standin, growing, ANSWER)))
    await program.until(discord_standin.wait_for(lambda: discord_standin.replies_to(waiting)))
    assert SENTENCES["errors"]["paused"] in reply_to(discord_standin, waiting).content
    assert len(chat_requests(standin)) == 1
    program.terminate()
    assert await program.ended() == 0
    again = await started(bench, discord_standin)
    await again.until(discord_standin.wait_for(lambda: bench.database.with_name("heartbeat.json").exists()))
    health = await shell.run("health", **bench.settings)
    assert health.code == 0
    assert "paused by the operator" in health.out
    assert (await shell.run("resume", **bench.settings)).code == 0
    standin.script(Say("Again."))
    await ask(again, discord_standin, world.general, QUESTION, "Again.")
    assert (await shell.run("resume", **bench.settings)).out == "it was not paused\n"
