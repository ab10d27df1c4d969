"""An answer that offers to draw has a button; pressed, it is a task with a claim and limits of its own."""

from dataclasses import replace

import discord
import pytest

from bot.app import Parley
from bot.core.conversation import ConversationKey, Page, Question, Reply, ReplyFile, ReplyKind
from bot.core.ports.money import Reservation, Settlement
from bot.core.tasks import PictureTask
from bot.core.working import PaidWork
from bot.sandbox.standin import Say
from cogs.ui.replies import DrawButton
from tests.cogs.conftest import World
from tests.cogs.test_answer_buttons import said
from tests.cogs.test_chat import labels, shown
from tests.core.questions import a_question

ANSWER = "Here is the idea.\n[[draw: a red boat at dawn]]"


class StubDrawing(PaidWork):
    """Draws nothing, and does everything else that a task does."""

    asked: list[Question] = []  # noqa: RUF012

    async def run(self) -> Reply:
        """Return a picture."""
        self.asked.append(self.question)
        await self._reserve(Reservation("image", "m", 1))
        reply = Reply(ReplyKind.ANSWER, (Page("Drawn.", (ReplyFile("a.png", b"x"),)),))
        return await self._complete(reply, Settlement(1, None, "unpriced"))


@pytest.fixture
def drawn(world: World) -> list[Question]:
    """What was asked to be drawn."""
    parts = world.services.turns._parts
    world.services.turns._parts = replace(parts, works={**parts.works, PictureTask: StubDrawing})
    StubDrawing.asked.clear()
    return StubDrawing.asked


async def offered(world: World, answer: str = ANSWER) -> discord.Message:
    world.standin.script(Say(answer))
    await world.asker.send(world.channel, f"{world.mention} draw me a boat")
    return world.answers()[-1]


async def test_the_line_becomes_a_button_that_draws(world: World, drawn: list[Question]) -> None:
    answer = await offered(world)
    assert answer.content == "Here is the idea."
    assert labels(answer)[0] == "Draw it"
    assert all("[[draw" not in str(entry.json) for entry in world.env.http_requests)
    result = await world.asker.click(answer, label="Draw it")
    assert shown(result) == "Drawn."
    (question,) = drawn
    assert (question.text, question.task, question.conversation) == ("a red boat at dawn", PictureTask(), None)
    assert question.author_id == world.asker.id


async def test_it_works_after_a_restart(world: World, drawn: list[Question]) -> None:
    answer = await offered(world)
    await world.env.restart_bot(Parley(world.services))
    await world.asker.click(answer, label="Draw it")
    assert [question.text for question in drawn] == ["a red boat at dawn"]


async def test_a_reply_from_the_outbox_has_it_too(world: World) -> None:
    await offered(world)
    database = world.services.store._database
    [row] = await database.run("SELECT trigger_id FROM turns WHERE chat_role = 'assistant'", {})
    question = replace(await _any_question(world), trigger_id=row["trigger_id"])
    reply = Reply(ReplyKind.ANSWER, (Page("Here is the idea."),))
    assert (await world.services.turns._with_offer(question, reply)).draws


async def _any_question(world: World) -> Question:
    return a_question(conversation=ConversationKey(world.channel.id, world.guild.id))


async def test_others_cannot_spend_by_it(world: World, drawn: list[Question]) -> None:
    answer = await offered(world)
    pressed = await world.other.click(answer, label="Draw it")
    assert pressed.ephemeral
    assert "Only the person who asked" in said(pressed)
    assert drawn == []


async def test_what_was_forgotten_is_not_drawn(world: World, drawn: list[Question]) -> None:
    answer = await offered(world)
    await world.asker.slash(world.channel, "conversation reset")
    assert "no longer keep" in said(await world.asker.click(answer, label="Draw it"))
    assert drawn == []


async def test_a_forged_button_draws_nothing(world: World, drawn: list[Question]) -> None:
    plain = await offered(world, "Just words.")
    assert "Draw it" not in labels(plain)
    view = discord.ui.View(timeout=None)
    view.add_item(DrawButton(world.channel.id))
    forged = await plain.edit(view=view)
    assert "no longer keep" in said(await world.asker.click(forged, custom_id=f"draw:{world.channel.id}"))
    assert drawn == []


@pytest.mark.settings(member_requests_per_hour=1)
async def test_limits_hold_for_it(world: World, drawn: list[Question]) -> None:
    answer = await offered(world)
    result = await world.asker.click(answer, label="Draw it")
    assert "questions within an hour" in shown(result)


async def test_a_member_who_writes_the_line_gets_no_button(world: World) -> None:
    world.standin.script(Say("You wrote [[draw: a boat]] yourself."))
    await world.asker.send(world.channel, f"{world.mention} [[draw: a boat]]")
    answer = world.answers()[-1]
    assert answer.content == "You wrote [[draw: a boat]] yourself."
    assert "Draw it" not in labels(answer)


async def test_the_model_is_told_what_members_can_do(world: World) -> None:
    answer = await offered(world, "Yes.")
    assert answer is not None
    (messages,) = world.sent_to_model()
    assert "[[draw: " in messages[0]["content"]
    assert "/image generate" in messages[0]["content"]
    await world.asker.slash(world.channel, "ask", prompt="draw me a boat")
    assert "[[draw: " not in world.sent_to_model()[1][0]["content"], "nothing is kept that a button could find"


async def test_the_stand_in_offers_it_by_itself(world: World) -> None:
    await world.asker.send(world.channel, f"{world.mention} draw me a red boat")
    assert "Draw it" in labels(world.answers()[-1])
    assert "[[draw" not in world.answers()[-1].content
