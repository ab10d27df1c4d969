"""SIGTERM to the real program while a child process reads a file: it ends in time, and the next start answers."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from bot.sandbox.standin import Say, StandIn
from tests.sounds import a_sound
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.program import Bench, Program
from tests.wire.stored import Stored
from tests.wire.talking import ANSWER, reply_to, started

WORDS = "The meeting begins at nine."
HOSTS = "127.0.0.1"


def readers_of(pid: int) -> list[int]:
    """Return the children that read files."""
    children = [int(c) for told in Path(f"/proc/{pid}/task").glob("*/children") for c in told.read_text().split()]
    return [child for child in children if b"bot.reading.worker" in Path(f"/proc/{child}/cmdline").read_bytes()]


async def stopped_reader(program: Program) -> None:
    """Let the child that reads a file hang, as one would that meets an endless file."""
    while not (readers := readers_of(program.pid)):  # noqa: ASYNC110 - a process tells nobody
        await asyncio.sleep(0)
    os.kill(readers[0], signal.SIGSTOP)


async def test_it_ends_in_time_and_the_next_start_answers(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    program = await started(bench, discord_standin, ATTACHMENT_HOSTS=HOSTS)
    world = discord_standin.world
    message = discord_standin.voice_message(world.dm_with(world.member), world.member, a_sound(), seconds=1.0)
    discord_standin.gateway.message("MESSAGE_CREATE", message)
    await program.until(stopped_reader(program))
    program.terminate()
    assert await program.ended() == 0
    standin.script(Say(WORDS), of="transcription")
    standin.script(Say(ANSWER))
    again = await started(bench, discord_standin, ATTACHMENT_HOSTS=HOSTS)
    await again.until(Stored(bench.database).until(message.message_id, "done"))
    assert reply_to(discord_standin, message).content == f"> {WORDS}\n\n{ANSWER}"
