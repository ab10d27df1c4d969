"""Something happens at once: a command is acknowledged before anything that may take long, the database included."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from bot.sandbox.standin import Say, StandIn
from tests.pictures import a_picture
from tests.sounds import a_sound
from tests.wire.discord_standin import DiscordStandIn, Upload
from tests.wire.program import Bench
from tests.wire.stored import Stored
from tests.wire.talking import ANSWER, QUESTION, shows, started

PICTURE = Upload("picture.png", "image/png", a_picture())
SOUND = Upload("talk.ogg", "audio/ogg", a_sound())
COMMANDS: tuple[tuple[str, dict[str, object]], ...] = (
    ("chat", {"message": QUESTION}),
    ("chat", {"message": QUESTION, "thread": True}),
    ("ask", {"prompt": QUESTION}),
    ("image generate", {"prompt": QUESTION}),
    ("image variation", {"image": PICTURE}),
    ("image describe", {"image": PICTURE}),
    ("audio speak", {"text": QUESTION}),
    ("audio transcribe", {"file": SOUND}),
    ("audio translate", {"file": SOUND}),
    ("conversation show", {}),
)
FREE = ("conversation show",)  # of these nothing is kept


@contextmanager
def locked(bench: Bench) -> Iterator[None]:
    """Let nobody else write, as a backup or another program may."""
    with closing(sqlite3.connect(bench.database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def test_commands_are_acknowledged_while_the_database_cannot_be_written(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    program = await started(bench, discord_standin, ATTACHMENT_HOSTS="127.0.0.1")
    world, stored = discord_standin.world, Stored(bench.database)
    with locked(bench):
        asked = [discord_standin.slash(world.add_channel(n), world.owner, n, **options) for n, options in COMMANDS]
        await program.until(discord_standin.wait_for(lambda: all(one.acked_at is not None for one in asked)))
        assert standin.requests == [], "nothing is paid for before it is written down"
    for one, (name, _) in zip(asked, COMMANDS, strict=True):
        if name not in FREE:
            await program.until(stored.until(one.interaction_id, "done"))


async def test_a_message_is_seen_to_be_taken_up_while_the_database_cannot_be_written(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    standin.script(Say(ANSWER))
    program = await started(bench, discord_standin)
    world = discord_standin.world
    with locked(bench):
        question = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot])
        await program.until(discord_standin.wait_for(lambda: discord_standin.requests("POST", "/typing")))
    await program.until(discord_standin.wait_for(shows(discord_standin, question, ANSWER)))
