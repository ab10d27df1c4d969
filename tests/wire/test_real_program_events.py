"""What members do to messages besides asking: menus, files, edits, deletions. Thin: tests/cogs has the cases."""

from __future__ import annotations

from functools import partial

from bot.sandbox.standin import Say, StandIn
from tests.wire.discord_standin import DiscordStandIn, Interaction, Upload
from tests.wire.program import Bench
from tests.wire.stored import Stored
from tests.wire.talking import (
    ANSWER,
    MEMBER_CANARY,
    QUESTION,
    answered,
    ask,
    chat_requests,
    said,
    shows,
    started,
)

MENU = "Ask AI about this"


async def test_two_modals_that_are_open_at_once_are_each_about_their_own_message(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    opened: list[tuple[Interaction, str]] = []
    for member, words in ((world.member, "apples"), (world.other_member, "pears")):
        message = discord_standin.say(world.general, world.owner, f"{MEMBER_CANARY} {words}")
        opening = discord_standin.menu(message, MENU, member)
        await program.until(discord_standin.wait_for(partial(getattr, opening, "callback")))
        opened.append((opening, words))
    for opening, words in opened:
        submitted = discord_standin.submit(opening, question=f"{MEMBER_CANARY}: what is it?")
        await program.until(discord_standin.wait_for(answered(submitted)))
        assert f"{MEMBER_CANARY} {words}" in said(chat_requests(standin)[-1])[-1][1]
    assert len(chat_requests(standin)) == 2


async def test_an_attached_file_is_fetched_and_goes_along(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin, ATTACHMENT_HOSTS="127.0.0.1")
    standin.script(Say(ANSWER))
    notes = Upload("notes.txt", "text/plain; charset=utf-8", f"{MEMBER_CANARY} needs almonds".encode())
    question = discord_standin.say(world.general, world.member, QUESTION, mentions=[world.bot], files=[notes])
    await program.until(discord_standin.wait_for(shows(discord_standin, question, ANSWER)))
    assert f"{MEMBER_CANARY} needs almonds" in str(chat_requests(standin)[0]["messages"])


async def test_an_edited_question_follows_and_a_deleted_one_goes(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    stored = Stored(bench.database)
    standin.script(Say(ANSWER), Say("Second."))
    first = await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    second = await ask(program, discord_standin, world.general, f"And {MEMBER_CANARY}?", "Second.")
    discord_standin.edit(first, f"{world.bot.mention} What is better than {MEMBER_CANARY}?")
    discord_standin.delete(second)
    standin.script(Say("Third."))
    await program.until(stored.until_turns(first.message_id, f"What is better than {MEMBER_CANARY}?"))
    await program.until(stored.until_turns(second.message_id, None))
    await ask(program, discord_standin, world.general, "And now?", "Third.")
    messages = said(chat_requests(standin)[-1])
    assert [role for role, _ in messages] == ["user", "assistant", "user"]
    assert f"What is better than {MEMBER_CANARY}?" in messages[0][1]
