"""What the real program's replies look like on the wire when something is in their way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bot.sandbox.standin import Hold, Say, StandIn
from tests.wire.discord_standin import DiscordStandIn, Fault, Message
from tests.wire.discord_standin.faults import ALWAYS
from tests.wire.discord_standin.server import StandInClock
from tests.wire.program import Bench, Program
from tests.wire.stored import Stored
from tests.wire.talking import (
    ANSWER,
    MODEL_CANARY,
    QUESTION,
    answered,
    ask,
    chat_requests,
    is_writing,
    mention,
    mention_and_see_words,
    reply_to,
    said,
)

FOLLOW_UP = "/webhooks/{webhook_id}/{webhook_token}"
TWO_PAGES = "\n\n".join(f"Paragraph {number} about {MODEL_CANARY}. " + "It goes on. " * 20 for number in range(12))
FOR_A_FILE = TWO_PAGES * 5


def words(text: str) -> list[str]:
    return text.split()


def finished(discord: DiscordStandIn, question: Message, text: str) -> Callable[[], bool]:
    """Whether the pages from the reply on show the whole text, and no mark."""

    def look() -> bool:
        pages = [m.content for m in discord.world.shown_by_bot(question.channel) if m.message_id > question.message_id]
        return words("\n".join(pages)) == words(text)

    return look


async def test_nobody_is_pinged_whatever_the_model_writes(
    discord_standin: DiscordStandIn, standin: StandIn, program: Program
) -> None:
    world = discord_standin.world
    loud = f"@everyone @here {world.owner.mention} <@!{world.owner.user_id}> <@&{world.guild_id}> {MODEL_CANARY}"
    standin.script(Say(loud), Hold(after_deltas=4, answer=loud), Say(loud))
    await ask(program, discord_standin, world.general, QUESTION, loud)
    question = mention(discord_standin)
    await program.until(discord_standin.wait_for(is_writing(discord_standin, world.general)))
    standin.release()
    await program.until(discord_standin.wait_for(lambda: reply_to(discord_standin, question).content == loud))
    interaction = discord_standin.slash(world.general, world.member, "chat", message=f"{QUESTION} @everyone")
    await program.until(discord_standin.wait_for(answered(interaction)))
    assert interaction.original is not None
    assert "@everyone" in interaction.original.content
    assert discord_standin.pinged == set()


async def test_a_long_answer_takes_more_messages_and_a_very_long_one_a_file(
    discord_standin: DiscordStandIn, standin: StandIn, program: Program
) -> None:
    world = discord_standin.world
    standin.script(Say(TWO_PAGES), Say(FOR_A_FILE), Say(FOR_A_FILE))
    question = mention(discord_standin)
    await program.until(discord_standin.wait_for(finished(discord_standin, question, TWO_PAGES)))
    assert len(world.shown_by_bot(world.general)) == 2

    def with_file() -> list[Message]:
        return [message for message in world.messages.values() if message.attachments and not message.deleted]

    mention(discord_standin)
    [last_page] = await program.until(discord_standin.wait_for(with_file))
    assert last_page.attachments[0].upload.payload.decode() == FOR_A_FILE
    interaction = discord_standin.slash(world.general, world.member, "ask", prompt=QUESTION)
    await program.until(discord_standin.wait_for(lambda: interaction.original and interaction.original.attachments))
    assert interaction.original is not None
    assert interaction.original.ephemeral
    assert interaction.original.attachments[0].upload.payload.decode() == FOR_A_FILE
    assert [message for message in with_file() if not message.ephemeral] == [last_page]


async def test_a_reply_to_the_bot_needs_no_mention_and_brings_what_it_replies_to(
    discord_standin: DiscordStandIn, standin: StandIn, program: Program
) -> None:
    world = discord_standin.world
    other_bot = world.add_user("another-bot", bot=True)
    standin.script(Say(ANSWER), Say("Because."))
    first = reply_to(discord_standin, await ask(program, discord_standin, world.general, QUESTION, ANSWER))
    quiet = discord_standin.say(world.general, world.member, "just talking, quietly", reply_to=first, ping=False)
    discord_standin.say(world.general, other_bot, "a bot", mentions=[world.bot])
    question = discord_standin.say(world.general, world.member, "Why?", reply_to=first)
    await program.until(discord_standin.wait_for(lambda: discord_standin.replies_to(question)))
    await program.until(discord_standin.wait_for(lambda: reply_to(discord_standin, question).content == "Because."))
    role, asked = said(chat_requests(standin)[-1])[-1]
    assert role == "user"
    assert "Why?" in asked
    assert ANSWER.splitlines()[0] in asked
    # A reply without a ping arrives without its words: it gets a hint, and no model sees it.
    await program.until(discord_standin.wait_for(lambda: discord_standin.replies_to(quiet)))
    assert len(chat_requests(standin)) == 2
    assert len(world.shown_by_bot(world.general)) == 3


async def test_an_answer_whose_message_was_deleted_is_sent_again(
    discord_standin: DiscordStandIn, standin: StandIn, program: Program
) -> None:
    world = discord_standin.world
    question, growing = await mention_and_see_words(program, discord_standin, standin)
    discord_standin.delete(growing)
    standin.release()
    await program.until(discord_standin.wait_for(lambda: discord_standin.replies_to(question)))
    await program.until(discord_standin.wait_for(lambda: reply_to(discord_standin, question).content == ANSWER))
    assert len(world.shown_by_bot(world.general)) == 1


async def test_a_visible_answer_outlives_the_interactions_token(
    discord_standin: DiscordStandIn, standin: StandIn, program: Program
) -> None:
    world = discord_standin.world
    standin.script(Hold(after_deltas=4, answer=ANSWER))
    interaction = discord_standin.slash(world.general, world.member, "chat", message=QUESTION)
    await program.until(discord_standin.wait_for(is_writing(discord_standin, world.general)))
    assert isinstance(discord_standin.clock, StandInClock)
    discord_standin.clock.advance(16 * 60)
    standin.release()
    await program.until(discord_standin.wait_for(answered(interaction)))
    assert interaction.original is not None
    assert interaction.original.content.endswith(ANSWER)
    assert world.shown_by_bot(world.general) == [interaction.original]


async def test_a_private_answer_is_shown_nowhere_else_when_the_token_has_ended(
    discord_standin: DiscordStandIn, standin: StandIn, program: Program
) -> None:
    world = discord_standin.world
    standin.script(Hold(after_deltas=4, answer=ANSWER))
    discord_standin.slash(world.general, world.member, "ask", prompt=QUESTION)
    await program.until(standin.arrived(1))
    assert isinstance(discord_standin.clock, StandInClock)
    discord_standin.clock.advance(16 * 60)
    standin.release()
    refused = program.until(discord_standin.wait_for(lambda: any(r.status == 401 for r in discord_standin.requests())))
    await refused
    program.terminate()
    assert await program.ended() == 0
    assert "Discord refuses the reply" in program.log
    assert not discord_standin.requests("POST", f"/channels/{world.general.channel_id}/messages")


async def test_a_parked_answer_whose_delivery_is_in_doubt_is_not_sent_again_by_itself(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, program: Program
) -> None:
    """A follow-up has no nonce: whoever repeats it shows it twice. It waits for the next command."""
    world, stored = discord_standin.world, Stored(bench.database)
    standin.script(Hold(after_deltas=4, answer=ANSWER))
    discord_standin.slash(world.general, world.member, "ask", prompt=QUESTION)
    await program.until(standin.arrived(1))
    assert isinstance(discord_standin.clock, StandInClock)
    discord_standin.clock.advance(16 * 60)
    standin.release()
    async with asyncio.timeout(20):
        while not stored.rows("SELECT 1 FROM claims WHERE parked_at IS NOT NULL"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    fault = discord_standin.faults.add(Fault("status", "POST", FOLLOW_UP, taken=True, status=500, times=ALWAYS))
    discord_standin.slash(world.general, world.member, "help")
    await program.until(program.says("a parked reply was not shown"))
    assert fault.met == 1
    discord_standin.faults.lift()
    discord_standin.slash(world.general, world.member, "help")
    await program.until(stored.until_all_ended())
    assert len(chat_requests(standin)) == 1
