"""A reply to a command's answer notifies nobody, so Discord withholds its words: one hint says how to ask."""

from __future__ import annotations

from bot.sandbox.standin import Say, StandIn
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.program import Bench
from tests.wire.talking import ANSWER, QUESTION, answered, ask, chat_requests, started


async def test_a_reply_to_a_commands_answer_gets_one_hint(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    standin.script(Say(ANSWER), Say("Second."))
    interaction = discord_standin.slash(world.general, world.member, "chat", message=QUESTION)
    await program.until(discord_standin.wait_for(answered(interaction)))
    assert interaction.original is not None
    reply = discord_standin.say(world.general, world.member, QUESTION, reply_to=interaction.original)
    [hint] = await program.until(discord_standin.wait_for(lambda: discord_standin.replies_to(reply)))
    assert world.bot.mention in hint.content
    assert "/chat" in hint.content
    again = discord_standin.say(world.general, world.member, QUESTION, reply_to=interaction.original)
    await ask(program, discord_standin, world.general, QUESTION, "Second.")
    assert discord_standin.replies_to(again) == []
    assert len(chat_requests(standin)) == 2
