"""Voice messages to the real program, and kill -9 while one is listened to or answered: nothing is paid twice."""

from __future__ import annotations

from bot.sandbox.standin import Hold, Say, StandIn
from tests.sounds import a_sound
from tests.wire.discord_standin import DiscordStandIn, Message
from tests.wire.discord_standin.journal import Upload
from tests.wire.program import Bench, Program
from tests.wire.stored import Stored
from tests.wire.talking import ANSWER, MEMBER_CANARY, reply_to, said, started

WORDS = f"The meeting about {MEMBER_CANARY} begins at nine."
HOSTS = "127.0.0.1"


def paths(openai: StandIn) -> list[str]:
    return [request.path.removeprefix("/v1/") for request in openai.requests]


def speak_to(discord: DiscordStandIn) -> Message:
    return discord.voice_message(
        discord.world.dm_with(discord.world.member), discord.world.member, a_sound(), seconds=1.0
    )


async def ended(bench: Bench, program: Program, message: Message, state: str) -> None:
    await program.until(Stored(bench.database).until(message.message_id, state))


async def test_a_voice_message_is_answered_once_however_often_it_comes(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    standin.script(Say(WORDS), of="transcription")
    standin.script(Say(ANSWER))
    program = await started(bench, discord_standin, ATTACHMENT_HOSTS=HOSTS)
    message = speak_to(discord_standin)
    discord_standin.gateway.message("MESSAGE_CREATE", message)
    await ended(bench, program, message, "done")
    assert reply_to(discord_standin, message).content == f"> {WORDS}\n\n{ANSWER}"
    assert paths(standin) == ["audio/transcriptions", "chat/completions"]
    stored = Stored(bench.database)
    assert stored.turns(message.message_id) == [("user", WORDS), ("assistant", ANSWER)]
    assert stored.rows("SELECT capability FROM usage_ledger ORDER BY usage_id") == [("transcription",), ("chat",)]


async def test_killed_while_it_is_listened_to_it_is_told_and_never_paid_twice(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    standin.script(Hold(None, WORDS), of="transcription")
    program = await started(bench, discord_standin, ATTACHMENT_HOSTS=HOSTS)
    message = speak_to(discord_standin)
    await program.until(standin.arrived(1))
    await program.kill()
    standin.release()
    again = await started(bench, discord_standin, ATTACHMENT_HOSTS=HOSTS)
    await ended(bench, again, message, "failed")
    notice = reply_to(discord_standin, message)
    assert "I was restarted while the AI worked on this" in notice.content
    assert paths(standin) == ["audio/transcriptions"]
    [(reserved, settled)] = Stored(bench.database).rows(
        "SELECT reserved_micro_usd, settled_micro_usd FROM usage_ledger"
    )
    assert settled == reserved


async def test_killed_while_it_is_answered_the_transcript_is_there_and_only_the_answer_is_made_again(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    standin.script(Say(WORDS), of="transcription")
    standin.script(Hold(None), Say(ANSWER))
    program = await started(bench, discord_standin, ATTACHMENT_HOSTS=HOSTS)
    message = speak_to(discord_standin)
    await program.until(standin.arrived(2))
    await program.kill()
    standin.release()
    again = await started(bench, discord_standin, ATTACHMENT_HOSTS=HOSTS)
    await ended(bench, again, message, "done")
    assert reply_to(discord_standin, message).content == f"> {WORDS}\n\n{ANSWER}"
    assert paths(standin) == ["audio/transcriptions", "chat/completions", "chat/completions"]
    first, second = [request.body for request in standin.requests[1:]]
    assert said(first) == said(second)


async def test_killed_in_a_later_stage_a_task_shows_its_transcript_and_asks_nobody_again(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world, stored = discord_standin.world, Stored(bench.database)
    standin.script(Say(WORDS), of="transcription")
    standin.script(Hold(None))
    program = await started(bench, discord_standin, ATTACHMENT_HOSTS=HOSTS)
    message = discord_standin.say(world.general, world.member, "", files=[Upload("talk.ogg", "", a_sound())])
    opening = discord_standin.menu(message, "Transcribe / translate", world.member)
    await program.until(discord_standin.wait_for(lambda: opening.callback is not None))
    interaction = discord_standin.submit(opening, summary=True)
    await program.until(standin.arrived(2))
    await program.kill()
    standin.release()
    again = await started(bench, discord_standin, ATTACHMENT_HOSTS=HOSTS)
    await again.until(stored.until(interaction.interaction_id, "done"))
    assert interaction.original is not None
    assert interaction.original.content.startswith(WORDS)
    assert "The transcript is all I have" in interaction.original.content
    assert paths(standin) == ["audio/transcriptions", "chat/completions"]


async def test_a_file_in_parts_is_one_row_of_the_bill_and_growing_text_has_its_mark(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    standin.script(Say(WORDS), Say("It ends at ten."), of="transcription")
    program = await started(bench, discord_standin, ATTACHMENT_HOSTS=HOSTS)
    world = discord_standin.world
    long = a_sound("flac", seconds=1_300)  # a part has 1,200
    message = discord_standin.say(world.general, world.member, "", files=[Upload("talk.flac", "", long)])
    opening = discord_standin.menu(message, "Transcribe / translate", world.member)
    await program.until(discord_standin.wait_for(lambda: opening.callback is not None))
    interaction = discord_standin.submit(opening)
    await program.until(Stored(bench.database).until(interaction.interaction_id, "done"))
    assert paths(standin) == ["audio/transcriptions"] * 2
    assert Stored(bench.database).rows("SELECT capability FROM usage_ledger") == [("transcription",)]
