"""Stop, while an answer grows. Turns run outside of what SimCord waits for, so that somebody can press the button."""

import asyncio

import pytest
import simcord

from bot.app import Parley
from bot.core.conversation import ConversationKey
from bot.sandbox.standin import Hold, Say
from tests.cogs.conftest import World
from tests.cogs.growing import env, outside, services, until  # noqa: F401 (fixtures)
from tests.cogs.test_chat import labels
from tests.cogs.test_restart import interrupted

LONG = "one two three four five six seven eight nine ten"


def content(world: World) -> str:
    answers = world.answers()
    return answers[-1].content if answers else ""


async def growing(world: World) -> None:
    world.standin.script(Hold(9, Say(LONG, delta_chars=3)))
    await world.asker.send(world.channel, f"{world.mention} count")
    await until(lambda: "still writing" in content(world))


async def test_stop_keeps_what_came_and_marks_it(world: World) -> None:
    await growing(world)
    (answer,) = world.answers()
    result = await world.asker.click(answer, label="Stop")
    assert not result.followups, "the answer itself shows it"
    assert not result.ephemeral
    await until(lambda: "Stopped." in content(world))
    shown = content(world)
    assert shown.startswith("one two")
    assert "still writing" not in shown
    assert "Stop" not in labels(world.answers()[0])
    await until(lambda: world.standin.requests[0].aborted)
    # What came is part of the conversation.
    world.standin.script(Say("Done."))
    await world.asker.send(world.channel, f"{world.mention} go on")
    await until(lambda: content(world) == "Done.")
    assert "one two" in str(world.sent_to_model()[-1])


async def test_stop_works_on_what_a_restart_goes_on_with(world: World) -> None:
    await interrupted(world, "count")
    world.standin.script(Hold(9, Say(LONG, delta_chars=3)))
    await world.env.restart_bot(Parley(world.services))
    await until(lambda: "still writing" in content(world))
    (answer,) = world.answers()
    await world.asker.click(answer, label="Stop")
    await until(lambda: "Stopped." in content(world))
    assert content(world).startswith("one two")


async def test_only_the_asker_or_a_moderator_can_stop(world: World) -> None:
    await growing(world)
    (answer,) = world.answers()
    refused = await world.other.click(answer, label="Stop")
    assert refused.response is not None
    assert refused.ephemeral
    assert "Only the person who asked" in refused.response.content
    assert "still writing" in content(world)
    await world.moderator.click(answer, label="Stop")
    await until(lambda: "Stopped." in content(world))


async def test_a_finished_answer_cannot_be_stopped(world: World) -> None:
    await growing(world)
    (growing_answer,) = world.answers()
    world.standin.release()
    await until(lambda: content(world) == LONG)
    assert "Stop" not in labels(world.answers()[0])
    with pytest.raises(simcord.SetupError):
        await world.asker.click(growing_answer, label="Stop")


async def test_stop_before_the_first_word_is_told(world: World) -> None:
    world.standin.script(Hold(None, Say(LONG)))
    question = asyncio.create_task(world.asker.slash(world.channel, "chat", message="count"))
    result = await question
    await until(lambda: len(world.standin.requests) == 1)
    outcome = world.services.turns.stop(result._interaction.id, member_id=world.asker.id, is_moderator=False)
    assert outcome.name == "STOPPING"
    await until(lambda: "Stopped before the first word" in content(world))


async def test_a_fourth_waiting_question_of_a_member_is_refused_at_once_and_in_private(world: World) -> None:
    world.standin.script(*[Hold(None, Say("Held."))] * 4)
    for number in range(4):
        await world.asker.slash(world.channel, "chat", message=f"question {number}")
    conversation = ConversationKey(channel_id=world.channel.id, guild_id=world.guild.id)
    turns, asker, server = world.services.turns, world.asker.id, world.guild.id
    await until(lambda: turns.early_refusal(conversation, member_id=asker, guild_id=server) is not None)
    refused = await world.asker.slash(world.channel, "chat", message="one too many")
    assert refused.ephemeral
    assert refused.response is not None
    assert "already wait" in refused.response.content
    await world.standin.arrived(1)
    assert len(world.standin.requests) == 1, "one member's questions are answered one after another"
    for number in range(1, 5):
        await world.standin.arrived(number)
        world.standin.release()
    await until(lambda: sum("Held." in m.content for m in world.answers()) == 4)
    assert [m.content.splitlines()[0] for m in world.answers()][:4] == [f"> question {n}" for n in range(4)]


async def test_the_button_moves_along_with_the_newest_message(world: World) -> None:
    text = "\n\n".join(f"Paragraph {n}: " + "word " * 60 for n in range(9))
    deltas = len(text) // 20 - 1
    world.standin.script(Hold(deltas, Say(text, delta_chars=20)))
    await world.asker.send(world.channel, f"{world.mention} tell me")
    await until(lambda: len(world.answers()) == 2)
    first, second = world.answers()
    assert not first.components
    await world.asker.click(second, label="Stop")
    await until(lambda: "Stopped." in content(world))
    assert not any("Stop" in labels(answer) for answer in world.answers())
