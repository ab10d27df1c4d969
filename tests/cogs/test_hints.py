"""Messages in a thread of the bot's own arrive empty without the intent: one hint. Replies: tests/wire."""

import pytest

from tests.cogs.conftest import World


async def test_a_message_in_the_bots_own_thread_gets_one_hint(world: World) -> None:
    own_id = world.env.bot.user.id if world.env.bot.user else 0
    thread = world.thread("details", owner_id=own_id)
    for _ in range(2):
        await world.asker.send(thread, "no mention needed?")
    (hint,) = world.answers(thread)
    assert world.mention in hint.content
    theirs = world.thread("somebody's own")
    await world.asker.send(theirs, "between us")
    assert not world.answers(theirs)
    assert not world.standin.requests


@pytest.mark.settings(message_content_intent=True)
async def test_with_the_intent_nothing_is_withheld(world: World) -> None:
    own_id = world.env.bot.user.id if world.env.bot.user else 0
    thread = world.thread("details", owner_id=own_id)
    await world.asker.send(thread, "no mention needed?")
    assert not [m for m in world.answers(thread) if "Discord shows me" in m.content]


async def test_replies_among_people_are_left_alone(world: World) -> None:
    theirs = await world.other.send(world.channel, "hello")
    await world.asker.send(world.channel, "hello too", reply_to=theirs)
    assert not world.answers()
