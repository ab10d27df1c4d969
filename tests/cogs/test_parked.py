"""A private answer that was paid for is not lost with the command's token: its asker's next command brings it."""

from dataclasses import replace
from typing import Any

import pytest

from bot.app import Parley
from bot.core.conversation import Answer, EndReason, Page, Reply, ReplyKind
from bot.core.errors import StoreUnavailable
from bot.core.errors.delivery import DeliveryFailed
from bot.core.parking import ParkedReplies
from bot.core.ports.money import Settlement
from bot.sandbox.standin import Say
from tests.cogs.conftest import World
from tests.core.questions import a_question

REFUSED: dict[str, Any] = {"status": 400, "code": 50035, "message": "Invalid Form Body"}
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


async def assert_kept_to_its_asker(world: World) -> None:
    """Nothing stands in the channel where a public command still thinks; the next command brings the answer."""
    [thinking] = [message for message in world.answers() if not message.flags.ephemeral]
    assert thinking.flags.loading
    assert not thinking.content
    mine = await world.asker.slash(world.channel, "help")
    assert contents(mine)[-1].endswith("Only you see it.\n\nA tree.")
    assert all(message.flags.ephemeral for message in mine.followups)


async def test_a_public_command_that_ends_unanswered_at_the_stop_does_not_show_it(world: World) -> None:
    await refused_answer(world)
    await world.services.turns.close(grace_seconds=1)
    await world.asker.slash(world.channel, "chat", message="what is a tree?")
    await assert_kept_to_its_asker(world)


async def test_a_public_command_whose_answer_discord_refuses_does_not_show_it(world: World) -> None:
    await refused_answer(world)
    world.standin.script(Say("A plant."))
    world.env.inject_error("PATCH", "/webhooks/*/*/messages/*", **REFUSED, times=2)
    world.env.inject_error("PATCH", "/channels/*/messages/*", **REFUSED, times=2)  # the channel leads there too
    await world.asker.slash(world.channel, "chat", message="what is a tree?")
    await assert_kept_to_its_asker(world)


async def test_it_is_not_shown_where_nobody_knows_what_the_response_shows(world: World) -> None:
    await refused_answer(world)
    world.standin.script(Say("A plant."))
    fault: dict[str, Any] = {"status": 403, "code": 50001, "message": "Missing Access"}
    world.env.inject_error("GET", "/webhooks/*/*/messages/@original", **fault, times=1)
    told = await world.asker.slash(world.channel, "chat", message="what is a tree?")
    assert not contents(told)
    mine = await world.asker.slash(world.channel, "chat", message="what is a heap?")
    assert contents(mine)[-1].endswith("Only you see it.\n\nA tree.")


class Shown:
    """Shows what was parked. Implements ``ShowParked``; ``fails``: the pages that Discord does not take."""

    def __init__(self, *fails: str) -> None:
        self.fails = [*fails]
        self.pages: list[tuple[str, bool]] = []

    async def __call__(self, reply: Reply, *, begins: bool) -> None:
        [page] = reply.pages
        if page.content in self.fails:
            self.fails.remove(page.content)
            raise DeliveryFailed("status 503")
        self.pages.append((page.content, begins))


async def three_pages(world: World) -> ParkedReplies:
    """Park a reply of the asker that takes three messages."""
    question = replace(a_question(), author_id=world.asker.id, conversation=None)
    reply = Reply(ReplyKind.ANSWER, (Page("one"), Page("two"), Page("three")))
    answer = Answer("one two three", "gpt-6-luna", EndReason.STOP)
    await world.services.store.claim(question)
    settlement = Settlement(0, None, "")
    await world.services.store.complete(question.trigger_id, answer, reply, settlement, history=None)
    await world.services.turns.parked.add(question)
    return world.services.turns.parked


async def test_pages_that_were_shown_are_not_shown_again(world: World) -> None:
    parked = await three_pages(world)
    shown = Shown("two", "three")
    for command_id in range(4):
        await parked.show(world.asker.id, command_id, shown)
    assert shown.pages == [("one", True), ("two", True), ("three", True)]
    assert not await world.services.store.parked_authors()


@pytest.mark.parametrize("write", ["keep_last_pages", "finish"])
async def test_what_was_shown_while_the_database_took_no_writes_is_not_shown_again(
    world: World, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    write_it, is_full = getattr(world.services.store, write), True

    async def while_there_is_room(*values: int) -> None:
        if is_full:
            raise StoreUnavailable("full")
        await write_it(*values)

    parked = await three_pages(world)
    shown = Shown("three") if write == "keep_last_pages" else Shown()
    monkeypatch.setattr(world.services.store, write, while_there_is_room)
    for command_id in range(2):
        await parked.show(world.asker.id, command_id, shown)
    is_full = False
    await world.services.turns.catch_up()
    await parked.show(world.asker.id, 3, shown)
    assert [content for content, _ in shown.pages] == ["one", "two", "three"]
    assert not await world.services.store.parked_authors()
