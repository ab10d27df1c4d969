"""What a restart leaves is finished: once, in place, with its history; or its loss is told."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import discord
import pytest

from bot.app import Parley
from bot.core.caps import SpendingCaps
from bot.core.conversation import (
    Answer,
    ConversationKey,
    EndReason,
    History,
    Page,
    Question,
    Reply,
    ReplyKind,
    ReplyRoute,
    TriggerKind,
)
from bot.core.errors import StoreUnavailable
from bot.core.ports.money import Reservation, Settlement
from bot.core.tasks import SoundTask
from bot.sandbox.standin import Say
from cogs.ui.questions import question_of_message
from cogs.ui.replies import screen_for
from tests.cogs.conftest import World

CAP = 5_000_000


async def interrupted(world: World, text: str = "what is a heap?", **changes: Any) -> discord.Message:
    """Let a question arrive while nobody listens, and claim it, as a process that was killed has done."""

    bot = world.env.bot
    assert isinstance(bot, Parley)
    await bot.remove_cog("Triggers")
    message = await world.asker.send(world.channel, f"{world.mention} {text}")
    assert bot.user is not None
    received = await bot.get_partial_messageable(world.channel.id, guild_id=world.guild.id).fetch_message(message.id)
    assert await world.services.store.claim(replace(question_of_message(received, own_id=bot.user.id), **changes))
    return message


async def restart(world: World) -> None:
    await world.env.restart_bot(Parley(world.services))


async def test_a_claimed_question_is_answered_after_the_restart(world: World) -> None:
    await interrupted(world)
    world.standin.script(Say("A tree."))
    await restart(world)
    assert [m.content for m in world.answers()] == ["A tree."]
    assert not await world.services.store.unfinished()


async def test_a_task_whose_file_nobody_holds_any_more_is_told_as_interrupted(world: World) -> None:
    await interrupted(world, conversation=None, task=SoundTask(), unread_files=True)
    await restart(world)
    assert any("could not finish it. Please ask again" in answer.content for answer in world.answers())
    assert not any("/audio/" in request.path for request in world.standin.requests)


async def test_a_stored_answer_is_delivered_and_not_generated_again(world: World) -> None:
    message = await interrupted(world)
    store = world.services.store
    await store.begin(message.id, Reservation("chat", "gpt-6-luna", 10), caps=SpendingCaps(CAP))
    answer = Answer("A tree.", "gpt-6-luna", EndReason.STOP)
    reply = Reply(ReplyKind.ANSWER, (Page("A tree."),))
    await store.complete(message.id, answer, reply, Settlement(5, None, "x"), history=None)
    await restart(world)
    assert [m.content for m in world.answers()] == ["A tree."]
    assert not world.standin.requests
    await restart(world)
    assert len(world.answers()) == 1


async def test_a_stored_answer_is_delivered_although_its_conversation_cannot_be_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await interrupted(world)
    store = world.services.store
    await store.begin(message.id, Reservation("chat", "gpt-6-luna", 10), caps=SpendingCaps(CAP))
    reply = Reply(ReplyKind.ANSWER, (Page("A tree."),))
    answer = Answer("A tree.", "gpt-6-luna", EndReason.STOP)
    await store.complete(message.id, answer, reply, Settlement(5, None, "x"), history=None)

    async def unreadable(_key: ConversationKey) -> History:
        raise StoreUnavailable("disk I/O error")

    monkeypatch.setattr(store, "history", unreadable)
    await restart(world)
    assert [m.content for m in world.answers()] == ["A tree."]
    assert not await store.unfinished()


async def test_the_message_that_was_being_written_becomes_the_answer(world: World) -> None:
    message = await interrupted(world)
    bot = world.env.bot
    store = world.services.store
    await store.begin(message.id, Reservation("chat", "gpt-6-luna", 10), caps=SpendingCaps(CAP))
    with world.env._bot_scope():
        half = await bot.get_partial_messageable(world.channel.id, guild_id=world.guild.id).send("A tr\n-# writing")
    await store.place(message.id, 0, half.id)
    world.standin.script(Say("A tree, whole."))
    await restart(world)
    (answer,) = world.answers()
    assert (answer.id, answer.content) == (half.id, "A tree, whole.")


async def test_a_text_is_generated_again_at_most_once(world: World) -> None:
    message = await interrupted(world)
    for _ in range(2):
        reservation = Reservation("chat", "gpt-6-luna", 10)
        await world.services.store.begin(message.id, reservation, caps=SpendingCaps(CAP))
    await restart(world)
    (notice,) = world.answers()
    assert "restarted" in notice.content
    assert not world.standin.requests


async def test_what_is_too_old_is_told_and_not_answered(world: World) -> None:
    await interrupted(world)
    await world.env.advance_time(timedelta(minutes=14).total_seconds())
    await restart(world)
    (notice,) = world.answers()
    assert "restarted" in notice.content
    assert not world.standin.requests


async def test_the_history_survives(world: World) -> None:
    await world.asker.send(world.channel, f"{world.mention} remember the lighthouse")
    await restart(world)
    await world.asker.send(world.channel, f"{world.mention} what did I say?")
    assert "remember the lighthouse" in str(world.sent_to_model()[-1])


async def test_commands_are_synced_only_when_they_changed(world: World) -> None:
    def syncs() -> list[Any]:
        return [e for e in world.env.http_requests if e.method == "PUT" and e.path.endswith("/commands")]

    before = len(syncs())
    assert before == 1
    await restart(world)
    assert len(syncs()) == before


@pytest.mark.parametrize("status", [500, 503])
async def test_a_reply_that_discord_does_not_take_stays_in_the_outbox(world: World, status: int) -> None:
    world.standin.script(Say("A tree."))
    world.env.inject_error("POST", "/channels/*/messages", status=status, times=2)
    await world.asker.send(world.channel, f"{world.mention} what is a heap?")
    assert [m.content for m in world.answers()] == ["A tree."]
    assert not await world.services.store.unfinished()
    assert world.standin.billed == 1


async def test_a_question_that_arrives_while_the_bot_closes_is_answered_after_the_restart(world: World) -> None:
    await world.services.turns.close(grace_seconds=0)
    await world.asker.send(world.channel, f"{world.mention} are you leaving?")
    result = await world.asker.slash(world.channel, "chat", message="you, too?")
    assert not world.standin.requests
    world.services.turns._closing = False  # the next process
    await restart(world)
    assert len(world.sent_to_model()) == 2
    assert result.response is not None
    assert "you, too?" in result.response.content
    assert not await world.services.store.unfinished()


async def test_a_stored_answer_reaches_its_command_when_the_token_is_long_gone(world: World) -> None:
    world.standin.script(Say("A tree."))
    result = await world.asker.slash(world.channel, "chat", message="what is a heap?")
    bot, response = world.env.bot, result.response
    assert isinstance(bot, Parley)
    assert response is not None
    question = Question(
        trigger_id=result._interaction.id,
        kind=TriggerKind.INTERACTION,
        author_id=world.asker.id,
        author_name="Asker",
        text="what is a heap?",
        route=ReplyRoute(world.channel.id, application_id=bot.application_id, response_id=response.id),
        asked_at=world.services.clock.now(),
        guild_id=world.guild.id,
    )
    reply = Reply(ReplyKind.ANSWER, (Page("A tree, from the outbox."),))
    with world.env._bot_scope():
        await screen_for(bot, question, message_ids=(response.id,)).deliver(reply)
    assert response.content == "A tree, from the outbox."
