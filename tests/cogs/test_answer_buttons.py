"""The buttons under finished answers: after a restart, by somebody else, on what is not kept any more."""

from datetime import timedelta
from typing import Any

import discord
import pytest
from simcord.builders import ChannelHandle
from simcord.results import InteractionResult

from bot.app import Parley
from bot.core.conversation import ConversationKey, ReplyRoute
from bot.core.errors import StoreUnavailable
from bot.core.kept import Member
from bot.sandbox.standin import Cut, Html, Refuse, Say
from cogs.ui.replies import BranchButton, ContinueButton, DeleteButton, RegenerateButton
from tests.cogs.conftest import World
from tests.cogs.test_chat import labels

CUT = Cut(5, "reset", Say("one two three four five six seven eight nine ten", delta_chars=5))
PARAGRAPHS = "\n\n".join(f"Paragraph {n}: " + "word " * 60 for n in range(12)).strip()
EVERY = ["Regenerate", "Continue", "Branch", "Delete"]


async def restart(world: World) -> None:
    await world.env.restart_bot(Parley(world.services))


async def answered(world: World, text: str = "A tree.", *, question: str = "what is a heap?") -> discord.Message:
    world.standin.script(Say(text))
    await world.asker.send(world.channel, f"{world.mention} {question}")
    return world.answers()[-1]


async def cut(world: World) -> discord.Message:
    world.standin.script(CUT)
    await world.asker.send(world.channel, f"{world.mention} count")
    return world.answers()[-1]


def said(result: InteractionResult) -> str:
    """What the person who pressed was told, in private."""
    assert result.ephemeral or all(m.ephemeral for m in result.followups)
    return " ".join(m.content for m in (result.response, *result.followups) if m is not None and m.content)


def key(world: World) -> ConversationKey:
    return ConversationKey(world.channel.id, world.guild.id)


async def history(world: World) -> list[str]:
    return [turn.text for turn in (await world.services.store.history(key(world))).turns]


async def threads(world: World) -> list[ChannelHandle]:
    made = world.env.backend.channels.values()
    return [ChannelHandle(world.env, world.guild, c) for c in made if c.is_thread]


# Which buttons there are


async def test_an_answer_has_its_buttons_and_a_cut_one_can_be_continued(world: World) -> None:
    assert labels(await answered(world)) == ["Regenerate", "Branch", "Read aloud", "Delete"]
    assert labels(await cut(world)) == [*EVERY[:-1], "Read aloud", "Delete"]


async def test_an_answer_cut_by_a_filter_says_so_and_cannot_be_continued(world: World) -> None:
    world.standin.script(Say("It begins well", finish_reason="content_filter"))
    await world.asker.send(world.channel, f"{world.mention} tell me")
    (answer,) = world.answers()
    assert answer.content.startswith("It begins well")
    assert "Cut by the provider's content filter" in answer.content
    assert labels(answer) == ["Regenerate", "Branch", "Read aloud", "Delete"]


async def test_a_private_answer_cannot_be_branched_into_public(world: World) -> None:
    result = await world.asker.slash(world.channel, "chat", message="my secret", private=True)
    assert result.response is not None
    assert labels_of(result) == ["Regenerate", "Read aloud", "Delete"]


async def test_a_one_shot_answer_can_only_be_deleted_and_only_where_others_see_it(world: World) -> None:
    assert labels_of(await world.asker.slash(world.channel, "ask", prompt="alone")) == []
    public = await world.asker.slash(world.channel, "ask", prompt="for all", private=False)
    assert labels_of(public) == ["Delete"]
    assert public.response is not None
    await world.asker.click(public.response, label="Delete")
    assert not world.answers()


def labels_of(result: InteractionResult) -> list[Any]:
    assert result.response is not None
    return [item["label"] for row in result.response.components for item in row["components"]]


async def test_only_the_last_page_has_buttons(world: World) -> None:
    await answered(world, PARAGRAPHS)
    *others, last = world.answers()
    assert others
    assert labels(last) == ["Regenerate", "Branch", "Read aloud", "Delete"]
    assert not any(labels(page) for page in others)


# Regenerate


async def test_regenerate_answers_anew_in_place_without_the_old_pair(world: World) -> None:
    await answered(world, "A pile.", question="earlier")
    answer = await answered(world, "A tree.")
    await restart(world)
    world.standin.script(Say("A hill."))
    await world.asker.click(answer, label="Regenerate")
    assert [m.content for m in world.answers()] == ["A pile.", "A hill."]
    assert world.answers()[-1].id == answer.id
    assert await history(world) == ["earlier", "A pile.", "what is a heap?", "A hill."]
    asked = world.sent_to_model()[-1]
    assert "A tree." not in str(asked)
    assert str(asked).count("what is a heap?") == 1
    # The new answer is the latest one, and has buttons of its own.
    await restart(world)
    world.standin.script(Say("A mound."))
    await world.asker.click(world.answers()[-1], label="Regenerate")
    assert await history(world) == ["earlier", "A pile.", "what is a heap?", "A mound."]


@pytest.mark.parametrize("by_command", [False, True], ids=["mention", "command"])
async def test_regenerate_takes_over_all_pages(world: World, by_command: bool) -> None:
    world.standin.script(Say(PARAGRAPHS))
    if by_command:
        await world.asker.slash(world.channel, "chat", message="tell me")
    else:
        await world.asker.send(world.channel, f"{world.mention} tell me")
    first, *_, last = world.answers()
    await restart(world)
    world.standin.script(Say("Short."))
    await world.asker.click(last, label="Regenerate")
    (answer,) = world.answers()
    assert answer.id == first.id
    assert answer.content == ("> tell me\n\nShort." if by_command else "Short.")


async def test_regenerate_asks_with_the_options_of_the_question(world: World) -> None:
    await world.asker.slash(world.channel, "chat", message="hi", temperature=1.5)
    await world.asker.click(world.answers()[-1], label="Regenerate")
    body = world.standin.requests[-1].body
    assert isinstance(body, dict)
    assert body["temperature"] == 1.5


async def test_regenerate_works_in_private(world: World) -> None:
    world.standin.script(Say("A secret."), Say("Another secret."))
    result = await world.asker.slash(world.channel, "chat", message="my secret", private=True)
    assert result.response is not None
    await restart(world)
    await world.asker.click(result.response, label="Regenerate")
    assert result.response.content == "Another secret."
    assert not world.answers()


async def test_regenerate_is_for_the_latest_turn_only(world: World) -> None:
    first = await answered(world)
    await answered(world, question="and then?")
    requests = len(world.standin.requests)
    assert "has gone on" in said(await world.asker.click(first, label="Regenerate"))
    assert len(world.standin.requests) == requests


@pytest.mark.parametrize("failure", [[Html()], [Refuse(503)] * 3], ids=["not an answer", "down"])
async def test_a_regeneration_that_fails_loses_nothing(world: World, failure: list[Any]) -> None:
    answer = await answered(world, PARAGRAPHS)
    world.standin.script(*failure)
    await world.asker.click(answer, label="Regenerate")
    shown = " ".join(m.content for m in world.answers())
    assert " ".join(PARAGRAPHS.split()) in " ".join(shown.split())
    assert "error id" in world.answers()[-1].content
    assert labels(world.answers()[-1]) == ["Regenerate", "Branch", "Read aloud", "Delete"]
    assert PARAGRAPHS in await history(world)
    await restart(world)
    world.standin.script(Say("At last."))
    await world.asker.click(world.answers()[-1], label="Regenerate")
    assert [m.content for m in world.answers()] == ["At last."]
    assert await history(world) == ["what is a heap?", "At last."]


# Continue


async def test_continue_asks_to_go_on_and_answers_below(world: World) -> None:
    answer = await cut(world)
    await restart(world)
    world.standin.script(Say("four five six"))
    await world.asker.click(answer, label="Continue")
    more = world.answers()[-1]
    assert (more.content, len(world.answers())) == ("four five six", 2)
    assert more.reference is not None
    assert more.reference.message_id == answer.id
    asked = world.sent_to_model()[-1]
    assert asked[-2]["role"] == "assistant"
    assert "exactly where you stopped" in asked[-1]["content"]
    assert len(await history(world)) == 4
    assert not world.pinged()
    assert "has gone on" in said(await world.asker.click(answer, label="Continue"))
    assert len(world.answers()) == 2


async def test_continue_works_in_private(world: World) -> None:
    world.standin.script(CUT, Say("four five six"))
    result = await world.asker.slash(world.channel, "chat", message="count", private=True)
    assert result.response is not None
    await restart(world)
    more = await world.asker.click(result.response, label="Continue")
    assert more.ephemeral
    assert more.response is not None
    assert more.response.content == "four five six"
    assert not world.answers()


# Branch


async def test_branch_goes_on_in_a_thread_from_that_answer(world: World) -> None:
    await answered(world, "A pile.", question="earlier")
    answer = await answered(world)
    await answered(world, "Later.", question="later")
    await restart(world)
    assert "<#" in said(await world.asker.click(answer, label="Branch"))
    (thread,) = await threads(world)
    (first_line,) = world.answers(thread)
    assert thread.name == "what is a heap?"
    assert str(answer.id) in first_line.content
    assert world.mention in first_line.content
    await world.asker.send(thread, f"{world.mention} go on")
    asked = str(world.sent_to_model()[-1])
    assert "earlier" in asked
    assert "A tree." in asked
    assert "later" not in asked
    assert len(await history(world)) == 6, "the conversation itself stays as it is"
    assert not world.pinged()


@pytest.mark.settings(message_content_intent=True)
async def test_a_thread_of_the_bots_own_answers_every_message_where_it_can_read_them(world: World) -> None:
    await world.asker.click(await answered(world), label="Branch")
    (thread,) = await threads(world)
    assert "every message" in world.answers(thread)[0].content
    await restart(world)
    await world.other.send(thread, "no mention needed")
    assert len(world.answers(thread)) == 2


async def test_branch_in_a_direct_message_begins_anew_there(world: World) -> None:
    for text in ("one", "two"):
        await world.asker.send_dm(text)
    first, _ = world.answers(world.asker.user.dm_channel)
    await restart(world)
    assert "no threads" in said(await world.asker.user.click(first, label="Branch"))
    await world.asker.send_dm("three")
    asked = world.sent_to_model()[-1]
    assert [m["role"] for m in asked] == ["system", "user", "assistant", "user"]
    assert "one" in asked[1]["content"]
    assert "two" not in str(asked[1]["content"])
    _, second, _ = world.answers(world.asker.user.dm_channel)
    assert "has gone on" in said(await world.asker.user.click(second, label="Regenerate"))
    await world.asker.user.click(second, label="Branch")
    await world.asker.send_dm("four")
    assert "two" in str(world.sent_to_model()[-1]), "what was said later was kept"
    assert "three" not in str(world.sent_to_model()[-1])


@pytest.mark.parametrize("who", ["bot", "member"])
async def test_branch_needs_the_permission_of_both(world: World, who: str) -> None:
    may_not = discord.PermissionOverwrite(create_public_threads=False)
    may = discord.PermissionOverwrite(create_public_threads=who == "bot")
    quiet = world.guild.create_text_channel("quiet", overwrites={world.guild.default_role: may_not, world.asker: may})
    await world.asker.send(quiet, f"{world.mention} hello")
    told = said(await world.asker.click(world.answers(quiet)[0], label="Branch"))
    assert ("Create Public Threads permission" if who == "member" else "I need the permissions") in told
    assert not await threads(world)


# Delete


@pytest.mark.parametrize("by_command", [False, True], ids=["mention", "command"])
async def test_delete_forgets_the_pair_and_takes_every_page_away(world: World, by_command: bool) -> None:
    await answered(world, "A pile.", question="earlier")
    world.standin.script(Say(PARAGRAPHS))
    if by_command:
        await world.asker.slash(world.channel, "chat", message="tell me")
    else:
        await world.asker.send(world.channel, f"{world.mention} tell me")
    assert len(world.answers()) > 2
    await restart(world)
    await world.asker.click(world.answers()[-1], label="Delete")
    assert [m.content for m in world.answers()] == ["A pile."]
    assert await history(world) == ["earlier", "A pile."]


async def test_delete_works_in_private(world: World) -> None:
    result = await world.asker.slash(world.channel, "chat", message="my secret", private=True)
    assert result.response is not None
    await restart(world)
    await world.asker.click(result.response, label="Delete")
    await world.asker.slash(world.channel, "chat", message="what did I say?", private=True)
    assert "my secret" not in str(world.sent_to_model()[-1])


# A crash in the middle


async def interrupted(world: World, answer: discord.Message) -> None:
    """Press Regenerate and let the process be killed before it asks the provider."""
    turn = await world.services.conversations.turn(
        trigger_of(answer), channel_id=world.channel.id, by=Member(world.asker.id, is_moderator=False)
    )
    question = turn.asked_again(
        trigger_id=discord.utils.time_snowflake(discord.utils.utcnow(), high=True),
        route=ReplyRoute(channel_id=world.channel.id),
        asked_at=discord.utils.utcnow(),
        by=world.asker.id,
        in_place=True,
    )
    assert await world.services.store.claim(question)


def trigger_of(answer: discord.Message) -> int:
    custom_ids = [
        item.custom_id or ""
        for row in answer.components
        if isinstance(row, discord.ActionRow)
        for item in row.children
        if isinstance(item, discord.Button)
    ]
    return int(custom_ids[0].rpartition(":")[2])


async def test_a_regeneration_that_a_crash_cut_is_finished_in_place(world: World) -> None:
    await answered(world, PARAGRAPHS)
    first = world.answers()[0]
    await interrupted(world, world.answers()[-1])
    world.standin.script(Say("A hill."))
    await restart(world)
    assert [(m.id, m.content) for m in world.answers()] == [(first.id, "A hill.")]
    assert await history(world) == ["what is a heap?", "A hill."]


async def test_a_regeneration_that_is_given_up_brings_the_old_answer_back(world: World) -> None:
    answer = await answered(world)
    await interrupted(world, answer)
    await world.env.advance_time(timedelta(minutes=14).total_seconds())
    await restart(world)
    (shown,) = world.answers()
    assert shown.content.startswith("A tree.")
    assert "restarted" in shown.content
    assert labels(shown) == ["Regenerate", "Branch", "Read aloud", "Delete"]
    assert await history(world) == ["what is a heap?", "A tree."]


# Who may, and what is not there any more


@pytest.mark.parametrize("label", EVERY)
async def test_others_may_not_and_moderators_may(world: World, label: str) -> None:
    answer = await cut(world)
    before = await history(world)
    await restart(world)
    requests = len(world.standin.requests)
    assert "Only the person who asked" in said(await world.other.click(answer, label=label))
    assert len(world.standin.requests) == requests
    assert [m.content for m in world.answers()] == [answer.content]
    assert await history(world) == before
    assert not await threads(world)
    world.standin.script(Say("By a moderator."))
    result = await world.moderator.click(answer, label=label)
    assert "Only the person" not in said(result)
    assert (len(await history(world)), len(await threads(world)), len(world.standin.requests) - requests) == {
        "Regenerate": (2, 0, 1), "Continue": (4, 0, 1), "Branch": (2, 1, 0), "Delete": (0, 0, 0)
    }[label]  # fmt: skip


@pytest.mark.parametrize("label", EVERY)
async def test_an_answer_that_is_not_known_any_more_is_told(world: World, label: str) -> None:
    old_id = discord.utils.time_snowflake(discord.utils.utcnow() - timedelta(days=400))
    view = discord.ui.View(timeout=None)
    for kind, text in zip((RegenerateButton, ContinueButton, BranchButton, DeleteButton), EVERY, strict=True):
        view.add_item(kind(old_id, text))
    with world.env._bot_scope():
        channel = world.env.bot.get_partial_messageable(world.channel.id, guild_id=world.guild.id)
        await channel.send("an answer of last year", view=view)
    await restart(world)
    (old,) = world.answers()
    for who in (world.asker, world.moderator):
        assert "no longer keep" in said(await who.click(old, label=label))
    assert [m.content for m in world.answers()] == ["an answer of last year"]
    assert not world.standin.requests


async def test_a_forged_button_does_not_open_what_is_private(world: World) -> None:
    result = await world.asker.slash(world.channel, "chat", message="my secret", private=True)
    assert result.response is not None
    private_id = int(result.response.components[0]["components"][0]["custom_id"].rpartition(":")[2])
    view = discord.ui.View(timeout=None)
    view.add_item(RegenerateButton(private_id, "Regenerate"))
    view.add_item(ContinueButton(private_id, "Continue"))
    view.add_item(BranchButton(private_id, "Branch"))
    view.add_item(DeleteButton(private_id, "Delete"))
    with world.env._bot_scope():
        await world.env.bot.get_partial_messageable(world.channel.id, guild_id=world.guild.id).send("here", view=view)
    (forged,) = world.answers()
    for label in ("Regenerate", "Continue", "Branch"):
        assert "no longer keep" in said(await world.moderator.click(forged, label=label))
        assert "stays private" in said(await world.asker.click(forged, label=label))
    assert "no longer keep" in said(await world.moderator.click(forged, label="Delete"))
    assert [m.content for m in world.answers()] == ["here"]
    assert not await threads(world)
    await world.asker.slash(world.channel, "chat", message="and again", private=True)
    assert "my secret" in str(world.sent_to_model()[-1]), "it is still kept"


@pytest.mark.parametrize("label", EVERY[:3])
async def test_after_a_reset_the_old_buttons_say_so(world: World, label: str) -> None:
    answer = await cut(world)
    await world.asker.slash(world.channel, "conversation reset")
    assert "no longer keep" in said(await world.asker.click(answer, label=label))


async def test_a_full_disk_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unavailable(*_: object, **__: object) -> None:
        raise StoreUnavailable("full")

    answer = await answered(world)
    monkeypatch.setattr(world.services.conversations, "delete", unavailable)
    told = said(await world.asker.click(answer, label="Delete"))
    assert "can't save" in told
    assert "error id" in told
    assert world.answers()


async def test_a_private_threads_conversation_is_not_branched_into_the_open(world: World) -> None:
    hidden = world.env.backend.create_thread(world.channel.id, "hidden", owner_id=world.asker.id, type=12)
    thread = ChannelHandle(world.env, world.guild, hidden)
    await world.asker.send(thread, f"{world.mention} the merger closes on friday")
    (answer,) = world.answers(thread)
    assert "stays private" in said(await world.asker.click(answer, label="Branch"))
    assert [made.id for made in await threads(world)] == [hidden.id]
