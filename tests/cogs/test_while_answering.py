"""What happens to a question while it is answered: two presses at once, a reset, its message edited or deleted."""

import asyncio

import discord
import pytest

from bot.core.conversation import ConversationKey
from bot.sandbox.standin import Cut, Hold, Say
from tests.cogs.conftest import World
from tests.cogs.growing import env, outside, services, until  # noqa: F401 (fixtures)
from tests.cogs.test_answer_buttons import said, threads

LONG = "one two three four five six seven eight nine ten"
CUT = Cut(5, "reset", Say(LONG, delta_chars=5))


def contents(world: World) -> list[str]:
    return [m.content for m in world.answers()]


async def history(world: World) -> list[str]:
    key = ConversationKey(world.channel.id, world.guild.id)
    return [turn.text for turn in (await world.services.store.history(key)).turns]


async def idle(world: World) -> None:
    """Wait until everything that was asked has ended."""
    async with asyncio.timeout(15):
        while await world.services.store.unfinished():  # noqa: ASYNC110  there is nothing to be told by
            await asyncio.sleep(0.01)
    await world.services.turns.settled()


async def answered(world: World, text: str, answer: str) -> discord.Message:
    """Ask and return the question, once its answer stands."""
    world.standin.script(Say(answer))
    message = await world.asker.send(world.channel, f"{world.mention} {text}")
    await until(lambda: answer in contents(world))
    await idle(world)
    return message


async def cut(world: World) -> discord.Message:
    world.standin.script(CUT)
    await world.asker.send(world.channel, f"{world.mention} count")
    await until(lambda: any("incomplete" in content for content in contents(world)))
    await idle(world)
    return world.answers()[-1]


async def growing(world: World, text: str = "count") -> discord.Message:
    """A question whose answer is being written."""
    world.standin.script(Hold(9, Say(LONG, delta_chars=3)))
    message = await world.asker.send(world.channel, f"{world.mention} {text}")
    await until(lambda: any("still writing" in content for content in contents(world)))
    return message


# Two presses at once


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Regenerate", "Regenerate"),
        ("Continue", "Continue"),
        ("Regenerate", "Continue"),
        ("Continue", "Regenerate"),
        ("Regenerate", "Delete"),
        ("Continue", "Delete"),
    ],
)
async def test_of_two_presses_at_once_one_wins_and_the_other_is_told(world: World, first: str, second: str) -> None:
    answer = await cut(world)
    world.standin.script(Hold(None, Say("Only once.")))
    await world.asker.click(answer, label=first)
    await world.standin.arrived(2)
    told = await world.asker.click(answer, label=second)
    await until(lambda: "already working on this" in said(told))
    world.standin.release()
    await until(lambda: "Only once." in contents(world))
    await idle(world)
    assert len(world.standin.requests) == 2
    assert len(contents(world)) == (1 if first == "Regenerate" else 2)
    assert len(await history(world)) == (2 if first == "Regenerate" else 4)


# An answer that is not kept


async def unkept(world: World, *, by_command: bool) -> discord.Message:
    """The latest question is answered again, and somebody else's answer comes first; return what nobody keeps."""
    await answered(world, "what is a heap?", "A tree.")
    answer = world.answers()[-1]
    world.standin.script(Hold(None, Say("A hill.")), Say("At three."))
    if by_command:
        await world.asker.slash(world.channel, "conversation retry")
    else:
        await world.asker.click(answer, label="Regenerate")
    await world.standin.arrived(2)
    await world.other.send(world.channel, f"{world.mention} when?")
    await until(lambda: "At three." in contents(world))
    world.standin.release()
    await until(lambda: any("A hill." in content for content in contents(world)))
    await idle(world)
    assert await history(world) == ["what is a heap?", "A tree.", "when?", "At three."]
    return next(m for m in world.answers() if "A hill." in m.content)


@pytest.mark.parametrize("by_command", [False, True], ids=["in place", "below"])
async def test_delete_under_an_answer_that_was_not_kept_forgets_the_question(world: World, by_command: bool) -> None:
    answer = await unkept(world, by_command=by_command)
    assert "do not remember" in answer.content
    await world.asker.click(answer, label="Delete")
    assert await history(world) == ["when?", "At three."]
    await until(lambda: contents(world) == ["At three."])


async def test_what_goes_on_from_a_deleted_question_is_not_kept(world: World) -> None:
    answer = await cut(world)
    assert answer.reference is not None
    question_id = answer.reference.message_id
    assert question_id is not None
    world.standin.script(Hold(None, Say("six seven eight")))
    await world.asker.click(answer, label="Continue")
    await world.standin.arrived(2)
    await world.asker.delete(await world.env.bot.get_partial_messageable(world.channel.id).fetch_message(question_id))
    world.standin.release()
    await until(lambda: any("six seven eight" in content for content in contents(world)))
    await idle(world)
    assert "do not remember" in contents(world)[-1]
    assert await history(world) == []


# A reset in the middle


async def test_a_reset_in_the_middle_shows_the_answer_and_does_not_keep_it(world: World) -> None:
    await growing(world)
    await world.moderator.slash(world.channel, "conversation reset")
    world.standin.release()
    await until(lambda: any("do not remember" in content for content in contents(world)))
    await idle(world)
    assert contents(world)[0].startswith(LONG)
    assert await history(world) == []


# The message is edited


async def test_a_question_that_waits_is_answered_as_it_was_edited(world: World) -> None:
    await growing(world, "first")
    second = await world.asker.send(world.channel, f"{world.mention} secnod")
    await world.asker.edit(second, f"{world.mention} second")
    world.standin.release()
    await until(lambda: len(world.standin.requests) == 2)
    await idle(world)
    assert world.sent_to_model()[1][-1]["content"].endswith("\nsecond")
    assert (await history(world))[2] == "second"


async def test_an_answer_on_its_way_stays_and_the_stored_question_follows(world: World) -> None:
    message = await growing(world, "wrods")
    await world.asker.edit(message, f"{world.mention} words")
    world.standin.release()
    await until(lambda: LONG in contents(world))
    await idle(world)
    assert len(world.standin.requests) == 1
    assert await history(world) == ["words", LONG]


async def test_a_stored_question_follows_also_when_it_was_asked_again(world: World) -> None:
    message = await answered(world, "wrods", "A tree.")
    world.standin.script(Say("A hill."))
    await world.asker.click(world.answers()[0], label="Regenerate")
    await until(lambda: contents(world) == ["A hill."])
    await idle(world)
    await world.asker.edit(message, f"{world.mention} words")
    assert await history(world) == ["words", "A hill."]
    assert len(world.standin.requests) == 2, "an edit asks nobody"


async def test_an_edit_never_makes_a_question_blank(world: World) -> None:
    """Without the Message Content intent Discord withholds what the message says now that it mentions nobody."""
    message = await answered(world, "words", "A tree.")
    await world.asker.edit(message, "other words")
    assert await history(world) == ["words", "A tree."]


# The message is deleted


async def spent(world: World) -> list[tuple[int, int | None]]:
    rows = await world.services.store._database.run("SELECT reserved_micro_usd, settled_micro_usd FROM usage_ledger")
    return [(row[0], row[1]) for row in rows]


async def test_a_deleted_question_that_waits_is_not_asked(world: World) -> None:
    await growing(world, "first")
    second = await world.asker.send(world.channel, f"{world.mention} second")
    await world.asker.delete(second)
    world.standin.release()
    await until(lambda: LONG in contents(world))
    await idle(world)
    assert len(world.standin.requests) == 1
    assert await history(world) == ["first", LONG]
    assert len(await spent(world)) == 1


async def test_an_answer_to_a_deleted_question_is_given_up_and_taken_away(world: World) -> None:
    message = await growing(world)
    await world.asker.delete(message)
    await until(lambda: contents(world) == [])
    await until(lambda: world.standin.requests[0].aborted)
    await idle(world)
    assert await history(world) == []
    [(reserved, settled)] = await spent(world)
    assert settled == reserved, "the provider may bill what it has written"
    # The next question is answered.
    world.standin.script(Say("Fine."))
    await world.asker.send(world.channel, f"{world.mention} still there?")
    await until(lambda: contents(world) == ["Fine."])


async def test_a_deleted_question_goes_with_its_answer_and_its_copies(world: World) -> None:
    await answered(world, "earlier", "A pile.")
    message = await answered(world, "canary", "A tree.")
    await world.asker.click(world.answers()[-1], label="Branch")
    await world.moderator.delete(message)
    await idle(world)
    assert await history(world) == ["earlier", "A pile."]
    (thread,) = await threads(world)
    copied = await world.services.store.history(ConversationKey(thread.id, world.guild.id))
    assert [turn.text for turn in copied.turns] == ["earlier", "A pile."]
    assert contents(world)[:2] == ["A pile.", "A tree."], "what was said stays in sight"


async def test_a_deleted_reply_changes_nothing(world: World) -> None:
    await answered(world, "words", "A tree.")
    await world.moderator.delete(world.answers()[0])
    assert await history(world) == ["words", "A tree."]


async def test_a_thread_is_opened_while_turns_run_outside(world: World) -> None:
    world.standin.script(Hold(None, Say("A tree.")))
    await world.asker.slash(world.channel, "chat", message="what is a heap?", thread=True)
    await world.standin.arrived(1)
    (thread,) = await threads(world)
    assert f"<#{thread.id}>" in contents(world)[0]
    world.standin.release()
    await until(lambda: any("A tree." in m.content for m in world.answers(thread)))
    await idle(world)


# Its place is gone


async def test_answers_end_with_the_thread_they_grow_in_and_no_others(world: World) -> None:
    thread = world.thread("short-lived")
    world.standin.script(Hold(9, Say(LONG, delta_chars=3)), Hold(None, Say("Elsewhere.")))
    await world.asker.send(thread, f"{world.mention} count")
    await until(lambda: any("still writing" in m.content for m in world.answers(thread)))
    await world.other.send(world.channel, f"{world.mention} count")
    await world.standin.arrived(2)
    world.env.backend.delete_channel(thread.id)
    await until(lambda: world.standin.requests[0].aborted)
    world.standin.release()
    await until(lambda: contents(world) == ["Elsewhere."])
    await idle(world)
    assert await history(world) == ["count", "Elsewhere."]
    assert all(reserved == settled for reserved, settled in await spent(world)), "nothing stays reserved"
