"""A conversation that the model cannot read any more: the oldest turns stay behind, the question is answered."""

from __future__ import annotations

from bot.sandbox.standin import Refuse, Say
from tests.cogs.conftest import World

TOO_LONG = Refuse(400, "context_length_exceeded", param="messages")


async def test_a_conversation_that_does_not_fit_is_asked_again_with_its_newest_turns(world: World) -> None:
    for number in range(6):
        world.standin.script(Say(f"Answer {number}. " + "It goes on. " * 150))
        await world.asker.send(world.channel, f"{world.mention} question {number}")
    world.standin.script(TOO_LONG, Say("At last."))
    await world.asker.send(world.channel, f"{world.mention} and now?")
    whole, trimmed = world.sent_to_model()[6:8]
    assert 2 < len(trimmed) < len(whole)
    assert trimmed[0] == whole[0]
    assert trimmed[1:] == whole[-len(trimmed) + 1 :]
    assert world.answers()[-1].content == "At last."


async def test_a_question_that_does_not_fit_by_itself_is_told_and_not_asked_again(world: World) -> None:
    world.standin.script(TOO_LONG)
    await world.asker.send(world.channel, f"{world.mention} hello")
    assert len(world.sent_to_model()) == 1
    assert "longer than the model can read" in world.answers()[-1].content
