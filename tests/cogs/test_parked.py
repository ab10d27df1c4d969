"""A private answer that was paid for is not lost with the command's token: its asker's next command brings it."""

from typing import Any

from bot.app import Parley
from bot.core.parking import ParkedReplies
from bot.sandbox.standin import Say
from tests.cogs.conftest import World

GONE: dict[str, Any] = {"status": 404, "code": 10015, "message": "Unknown Webhook"}


def contents(result: Any) -> list[str]:
    return [message.content for message in result.followups]


async def refused_answer(world: World) -> None:
    """Let the token of a private command end before its answer came."""
    world.standin.script(Say("A tree."))
    world.env.inject_error("PATCH", "/webhooks/*/*/messages/*", **GONE, times=2)  # the growing text, and the answer
    await world.asker.slash(world.channel, "ask", prompt="what is a heap?")


async def test_the_next_command_brings_it_to_its_asker_alone(world: World) -> None:
    await refused_answer(world)
    assert not world.answers()
    assert not await world.services.store.unfinished()
    theirs = await world.other.slash(world.channel, "help")
    assert not contents(theirs)
    mine = await world.asker.slash(world.channel, "help")
    assert contents(mine)[-1].endswith("Only you see it.\n\nA tree.")
    assert all(message.flags.ephemeral for message in mine.followups)
    again = await world.asker.slash(world.channel, "help")
    assert not contents(again)
    assert world.standin.billed == 1


async def test_it_waits_over_a_restart(world: World) -> None:
    await refused_answer(world)
    world.services.turns.parked = ParkedReplies(
        world.services.store, world.services.sentences
    )  # the next process knows nothing yet
    await world.env.restart_bot(Parley(world.services))
    mine = await world.asker.slash(world.channel, "help")
    assert contents(mine)[-1].endswith("Only you see it.\n\nA tree.")
