"""/conversation, and /chat in a thread."""

import json
from pathlib import Path
from typing import Any

import discord
import pytest
from simcord.results import InteractionResult

from bot.core.conversation import ConversationKey, ReplyRoute
from bot.core.kept import Member
from bot.sandbox.standin import Html, Say
from tests.cogs.conftest import World
from tests.cogs.test_answer_buttons import answered, history, restart, threads


def told(result: InteractionResult) -> str:
    """Return the response; what stood in the way of a public one is told in private, and the response goes."""
    if result.response is None:
        (private,) = result.followups
        assert private.ephemeral
        return private.content
    return result.response.content


async def talk(world: World, *members: Any) -> None:
    """Each member asks one question."""
    for number, member in enumerate(members):
        world.standin.script(Say(f"Answer {number}."))
        await member.send(world.channel, f"{world.mention} question {number}")


async def test_show_says_what_is_kept_and_what_it_cost(world: World) -> None:
    assert "no conversation" in told(await world.asker.slash(world.channel, "conversation show"))
    await talk(world, world.asker, world.other)
    result = await world.other.slash(world.channel, "conversation show")
    assert result.ephemeral
    assert "Questions answered: 2" in told(result)
    assert "Cost of the questions that are kept: $0." in told(result)
    assert "notes" not in told(result)


async def test_show_has_the_notes_however_long_they_are(world: World) -> None:
    for _ in range(3):
        await talk(world, world.asker)
    await world.asker.slash(world.channel, "conversation compact", focus="the lighthouse")
    shown = told(await world.asker.slash(world.channel, "conversation show"))
    assert "My notes on its beginning" in shown
    database = world.services.store._database
    await database.run("UPDATE conversations SET summary = :long", {"long": "a word " * 900})
    result = await world.asker.slash(world.channel, "conversation show")
    assert result.response is not None
    assert [a.filename for a in result.response.attachments] == ["beginning.md"]


async def test_reset_needs_a_moderator_or_turns_of_ones_own(world: World) -> None:
    await talk(world, world.asker)
    await world.asker.slash(world.channel, "conversation reset")
    assert await history(world) == []
    await talk(world, world.asker, world.other)
    refused = await world.asker.slash(world.channel, "conversation reset")
    assert "Only the person" in told(refused)
    assert refused.response is None, "the channel need not read it"
    assert len(await history(world)) == 4
    assert "answers: 2" in told(await world.moderator.slash(world.channel, "conversation reset"))
    assert await history(world) == []


async def test_private_conversations_are_ones_own_and_stay_apart(world: World) -> None:
    await talk(world, world.other)
    await world.asker.slash(world.channel, "chat", message="my secret", private=True)
    assert "no conversation" in told(await world.other.slash(world.channel, "conversation show", private=True))
    shown = await world.asker.slash(world.channel, "conversation show", private=True)
    assert shown.ephemeral
    assert "Questions answered: 1" in told(shown)
    reset = await world.asker.slash(world.channel, "conversation reset", private=True)
    assert reset.ephemeral
    assert len(await history(world)) == 2, "the shared conversation is untouched"
    await world.asker.slash(world.channel, "chat", message="what did I say?", private=True)
    assert "my secret" not in str(world.sent_to_model()[-1])


async def test_undo_stops_at_what_is_somebody_elses(world: World) -> None:
    await talk(world, world.asker, world.other, world.asker, world.asker)
    shown = len(world.answers())
    result = told(await world.asker.slash(world.channel, "conversation undo", turns=10))
    assert "answers: 2" in result
    assert "somebody else" in result
    assert "stay in the channel" in result
    assert await history(world) == ["question 0", "Answer 0.", "question 1", "Answer 1."]
    assert len(world.answers()) == shown + 1
    assert "Only the person" in told(await world.asker.slash(world.channel, "conversation undo"))
    assert "answers: 1" in told(await world.moderator.slash(world.channel, "conversation undo"))
    assert await history(world) == ["question 0", "Answer 0."]
    await world.asker.slash(world.channel, "conversation undo")
    assert "no conversation" in told(await world.asker.slash(world.channel, "conversation undo"))


async def test_retry_answers_the_latest_question_again_below(world: World) -> None:
    await talk(world, world.other, world.asker)
    assert "Only the person" in told(await world.other.slash(world.channel, "conversation retry"))
    world.standin.script(Say("Better."))
    result = await world.asker.slash(world.channel, "conversation retry", model="gpt-4o-mini", temperature=0.2)
    assert told(result) == "> question 1\n\nBetter."
    assert await history(world) == ["question 0", "Answer 0.", "question 1", "Better."]
    body = world.standin.requests[-1].body
    assert isinstance(body, dict)
    assert (body["model"], body["temperature"]) == ("gpt-4o-mini", 0.2)
    assert "Answer 1." not in str(body["messages"])


async def test_a_retry_that_fails_keeps_the_old_answer_and_can_be_tried_again(world: World) -> None:
    await talk(world, world.asker)
    world.standin.script(Html())
    result = await world.asker.slash(world.channel, "conversation retry")
    assert await history(world) == ["question 0", "Answer 0."]
    await restart(world)
    world.standin.script(Say("Better."))
    assert result.response is not None
    await world.asker.click(result.response, label="Try again")
    assert await history(world) == ["question 0", "Better."]


async def test_try_again_waits_for_whoever_was_faster(world: World) -> None:
    await talk(world, world.asker)
    world.standin.script(Html())
    result = await world.asker.slash(world.channel, "conversation retry")
    turn = await world.services.conversations.newest(
        ConversationKey(world.channel.id, world.guild.id), by=Member(world.asker.id, is_moderator=False)
    )
    moment = discord.utils.utcnow()
    route = ReplyRoute(channel_id=world.channel.id)
    other = turn.asked_again(trigger_id=1, route=route, asked_at=moment, by=world.asker.id)
    assert await world.services.store.claim(other)
    assert result.response is not None
    pressed = await world.asker.click(result.response, label="Try again")
    assert "already working on this" in pressed.followups[0].content
    await world.services.store.cancel(1, billed=False, reason="withdrawn")
    world.standin.script(Say("Better."))
    await world.asker.click(result.response, label="Try again")
    assert await history(world) == ["question 0", "Better."], "the question is still kept"


async def test_branch_takes_a_name(world: World) -> None:
    await talk(world, world.asker)
    result = await world.asker.slash(world.channel, "conversation branch", name="Another way")
    assert result.ephemeral
    (thread,) = await threads(world)
    assert thread.name == "Another way"
    assert str(thread.id) in told(result)


async def test_an_empty_conversation_is_not_folded(world: World) -> None:
    assert "no conversation" in told(await world.asker.slash(world.channel, "conversation compact"))


async def test_compact_folds_all_but_the_latest_question(world: World) -> None:
    await talk(world, world.asker, world.asker)
    assert "Only the person" in told(await world.other.slash(world.channel, "conversation compact"))
    assert "answers: 1" in told(await world.asker.slash(world.channel, "conversation compact"))
    assert await history(world) == ["question 1", "Answer 1."]
    assert "nothing to fold" in told(await world.asker.slash(world.channel, "conversation compact"))


@pytest.mark.parametrize("file_format", ["md", "json", "txt"])
async def test_export_has_everything_also_what_is_folded(world: World, file_format: str) -> None:
    await talk(world, world.asker, world.asker)
    await world.asker.slash(world.channel, "conversation compact")
    result = await world.asker.slash(world.channel, "conversation export", format=file_format)
    assert result.ephemeral
    assert result.response is not None
    (attached,) = result.response.attachments
    assert attached.filename == f"conversation.{file_format}"
    content = (world.env.backend.cdn.get(attached.url) or b"").decode()
    for text in ("question 0", "Answer 0.", "question 1", "Answer 1."):
        assert text in content
    if file_format == "json":
        exported = json.loads(content)
        assert [turn["role"] for turn in exported["turns"]] == ["user", "assistant"] * 2
        assert exported["summary"]


@pytest.mark.parametrize("command", ["conversation show", "conversation export"])
async def test_nobody_reads_here_what_the_channel_does_not_show_them(world: World, command: str) -> None:
    may_not = discord.PermissionOverwrite(read_message_history=False)
    may = discord.PermissionOverwrite(read_message_history=True)
    quiet = world.guild.create_text_channel("quiet", overwrites={world.guild.default_role: may_not, world.asker: may})
    await world.asker.send(quiet, f"{world.mention} hello")
    await world.other.slash(quiet, "chat", message="my secret", private=True)
    assert "Read Message History" in told(await world.other.slash(quiet, command))
    assert "Read Message History" not in told(await world.asker.slash(quiet, command))
    assert "Read Message History" not in told(await world.other.slash(quiet, command, private=True))


# Threads


async def test_the_buttons_of_an_answer_in_a_thread_know_their_turn(world: World) -> None:
    world.standin.script(Say("A tree."))
    await world.asker.slash(world.channel, "chat", message="what is a heap?", thread=True)
    (thread,) = await threads(world)
    await restart(world)
    await world.asker.click(world.answers(thread)[1], label="Delete")
    assert len(world.answers(thread)) == 1
    thread_key = ConversationKey(thread.id, world.guild.id)
    assert (await world.services.store.history(thread_key)).turns == ()


async def test_a_thread_that_discord_refuses_is_told_and_costs_nothing(world: World) -> None:
    world.env.inject_error("POST", "/channels/*/threads", status=403, times=1)
    result = await world.asker.slash(world.channel, "chat", message="what is a heap?", thread=True)
    assert "can't open a thread" in told(result)
    assert not world.standin.requests
    assert not await world.services.store.unfinished()


async def test_chat_in_a_thread_answers_there_and_goes_on_there(world: World) -> None:
    world.standin.script(Say("A tree."))
    result = await world.asker.slash(world.channel, "chat", message="what is a heap?", thread=True)
    (thread,) = await threads(world)
    assert thread.name == "what is a heap?"
    assert f"<#{thread.id}>" in told(result)
    first_line, answer = world.answers(thread)
    assert world.mention in first_line.content, "how to talk there without the content intent"
    assert answer.content == "> what is a heap?\n\nA tree."
    await restart(world)
    world.standin.script(Say("A hill."))
    await world.asker.click(answer, label="Regenerate")
    assert world.answers(thread)[1].content == "> what is a heap?\n\nA hill."
    await world.asker.send(thread, f"{world.mention} and a stack?")
    assert "what is a heap?" in str(world.sent_to_model()[-1])
    assert await history(world) == [], "the channel's conversation is another one"
    assert not world.pinged()


@pytest.mark.settings(message_content_intent=True)
async def test_in_a_thread_of_ones_own_no_mention_is_needed_where_the_bot_can_read(world: World) -> None:
    await world.asker.slash(world.channel, "chat", message="what is a heap?", thread=True)
    (thread,) = await threads(world)
    assert "every message" in world.answers(thread)[0].content
    await world.other.send(thread, "and a stack?")
    assert len(world.answers(thread)) == 3


async def test_a_thread_has_a_name_that_discord_takes(world: World) -> None:
    await world.asker.slash(world.channel, "chat", message="word " * 60 + "\n\nmore", thread=True)
    (thread,) = await threads(world)
    name = thread.name or ""
    assert 90 < len(name) <= 100
    assert "\n" not in name


@pytest.mark.parametrize("where", ["private", "thread", "direct message", "no permission"])
async def test_a_thread_that_cannot_be_is_refused_at_once_in_private(world: World, where: str) -> None:
    channel: Any = world.channel
    if where == "thread":
        channel = world.thread("details")
    elif where == "direct message":
        await world.asker.send_dm("hello")
    elif where == "no permission":
        may_not = discord.PermissionOverwrite(create_public_threads=False)
        channel = world.guild.create_text_channel("quiet", overwrites={world.guild.default_role: may_not})
    before, requests = len(await threads(world)), len(world.standin.requests)
    options = {"message": "hi", "thread": True, "private": where == "private"}
    if where == "direct message":
        result = await world.asker.user.slash("chat", **options)
    else:
        result = await world.asker.slash(channel, "chat", **options)
    assert result.ephemeral
    assert not result.deferred
    words = {"private": "private conversation", "no permission": "Create Public Threads"}
    assert words.get(where, "can't be made here") in told(result)
    assert (len(await threads(world)), len(world.standin.requests)) == (before, requests)


# What is left behind


def on_disk(folder: Path) -> bytes:
    """The database with everything beside it."""
    return b"".join(path.read_bytes() for path in folder.rglob("parley.db*") if path.is_file())


async def test_a_one_shot_question_leaves_nothing_on_the_disk(world: World, tmp_path: Path) -> None:
    world.standin.script(Say("canary-answer"))
    await world.asker.slash(world.channel, "ask", prompt="canary-prompt", system="canary-system")
    world.standin.script(Say('{"canary-json": 1}'))
    await world.asker.slash(world.channel, "ask", prompt="canary-public", json=True, private=False)
    await answered(world, "kept-answer", question="kept-question")
    await world.services.store.sweep()
    disk = on_disk(tmp_path)
    assert b"kept-question" in disk
    assert b"kept-answer" in disk
    assert b"canary" not in disk
    assert not await world.services.store.unfinished()


async def test_a_forgotten_conversation_leaves_nothing_on_the_disk(world: World, tmp_path: Path) -> None:
    for number in range(20):
        await answered(world, f"canary {number} " * 40, question=f"canary {number}")
    await world.asker.click(world.answers()[-1], label="Branch")
    (thread,) = await threads(world)
    await world.asker.slash(world.channel, "conversation reset")
    await world.services.conversations.reset(
        ConversationKey(thread.id, world.guild.id), by=Member(world.asker.id, is_moderator=True)
    )
    await world.services.store.sweep()
    assert b"canary" not in on_disk(tmp_path)
