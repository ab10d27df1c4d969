"""The real program as process 1, as in a container without an init: no signal has a default there."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from bot.sandbox.standin import Hold, Say, StandIn
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.program import Bench, Program
from tests.wire.talking import ANSWER, QUESTION, is_writing, shows, started

ALONE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")


def _why_not() -> str | None:
    try:
        tried = subprocess.run([*ALONE, "true"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"unshare cannot be run ({type(error).__name__})"
    return None if tried.returncode == 0 else f"no user and process namespaces here: {tried.stderr.decode().strip()}"


def first_process(program: Program) -> int:
    """Return the id that this side has for process 1 of the other."""
    [child] = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text(encoding="ascii").split()
    status = Path(f"/proc/{child}/status").read_text(encoding="ascii")
    [numbers] = [line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")]
    assert numbers[-1] == "1"
    return int(child)


async def test_as_process_1_it_ends_in_order_under_load(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    if (reason := _why_not()) is not None:
        pytest.skip(reason)
    world = discord_standin.world
    bench.inside = ALONE
    program = await started(bench, discord_standin)
    channels = [world.add_channel(f"channel-{number}") for number in range(4)]
    standin.script(*[Hold(after_deltas=4, answer=ANSWER)] * 4)
    asked = [discord_standin.say(channel, world.member, QUESTION, mentions=[world.bot]) for channel in channels]
    await program.until(discord_standin.wait_for(lambda: all(is_writing(discord_standin, c)() for c in channels)))
    asked += [discord_standin.say(c, world.other_member, f"{QUESTION} And I?", mentions=[world.bot]) for c in channels]
    standin.script(*[Say(ANSWER)] * 12)
    os.kill(first_process(program), signal.SIGTERM)
    asked += [discord_standin.say(c, world.member, f"{QUESTION} Late.", mentions=[world.bot]) for c in channels]
    standin.release()
    assert await program.ended() == 0
    assert "stopping" in program.log
    bench.inside = ()
    again = await started(bench, discord_standin)
    for question in asked:
        await again.until(discord_standin.wait_for(shows(discord_standin, question, ANSWER)))
        assert len(discord_standin.replies_to(question)) == 1
