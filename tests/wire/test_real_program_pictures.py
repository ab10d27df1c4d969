"""Pictures by the real program, killed where it hurts: paid once, shown once, or their loss is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.core.pictures.formats import kind_of_picture
from bot.sandbox.standin import Hold, StandIn
from tests.wire.discord_standin import Channel, DiscordStandIn, Interaction, Message
from tests.wire.discord_standin.rest import Call
from tests.wire.program import Bench, Program
from tests.wire.stored import Stored
from tests.wire.talking import DRAWING, MEMBER_CANARY, started

PROMPT = f"A house of {MEMBER_CANARY}"


def original(interaction: Interaction) -> Message:
    assert interaction.original is not None
    return interaction.original


def has_picture(interaction: Interaction) -> Callable[[], bool]:
    def look() -> bool:
        message = interaction.original
        return message is not None and DRAWING not in message.content and bool(message.attachments)

    return look


def final_edit(channel: Channel, discord: DiscordStandIn) -> Callable[[Call], bool]:
    def is_one(call: Call) -> bool:
        interaction = discord.world.interactions.get(call.path.get("webhook_token", ""))
        content = call.body.get("content") if isinstance(call.body, dict) else None
        return interaction is not None and interaction.channel == channel and content == f"> {PROMPT}"

    return is_one


def generate(discord: DiscordStandIn) -> Interaction:
    world = discord.world
    return discord.slash(world.general, world.member, "image generate", prompt=PROMPT, quality="low")


async def ended(program: Program) -> None:
    program.terminate()
    assert await program.ended() == 0


async def test_a_picture_arrives_with_its_bytes_and_alt_text(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    program = await started(bench, discord_standin)
    asked = generate(discord_standin)
    await program.until(discord_standin.wait_for(has_picture(asked)))
    (file,) = original(asked).attachments
    assert kind_of_picture(file.upload.payload) == "png"
    assert file.declared["description"] == PROMPT
    await ended(program)
    assert Stored(bench.database).rows("SELECT count(*) FROM outbox_files") == [(0,)]


async def test_killed_while_the_provider_works_it_is_told_and_never_paid_twice(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    standin.script(Hold(None), of="image")
    program = await started(bench, discord_standin)
    asked = generate(discord_standin)
    await program.until(standin.arrived(1))
    await program.kill()
    standin.release()
    again = await started(bench, discord_standin)
    await again.until(discord_standin.wait_for(lambda: "restarted" in original(asked).content))
    assert "paid for already" in original(asked).content
    assert original(asked).attachments == []
    await ended(again)
    assert standin.billed == 1
    stored = Stored(bench.database)
    assert stored.billed() == {asked.interaction_id: 1}
    (row,) = stored.rows("SELECT reserved_micro_usd, settled_micro_usd FROM usage_ledger")
    assert row[0] == row[1] > 0, "it may have cost all of that"


@pytest.mark.parametrize("taken", [False, True], ids=["before-discord-had-it", "after-discord-had-it"])
async def test_killed_once_it_is_stored_it_is_delivered_once(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, taken: bool
) -> None:
    hold = discord_standin.hold(final_edit(discord_standin.world.general, discord_standin), taken=taken)
    program = await started(bench, discord_standin)
    asked = generate(discord_standin)
    await program.until(discord_standin.wait_for(lambda: hold.met > 0))
    stored = Stored(bench.database)
    await program.until(stored.until(asked.interaction_id, "ready"))
    await program.kill()
    discord_standin.faults.lift("hang")
    again = await started(bench, discord_standin)
    await again.until(discord_standin.wait_for(has_picture(asked)))
    await again.until(stored.until(asked.interaction_id, "done"))
    await ended(again)
    assert len(original(asked).attachments) == 1
    assert len(discord_standin.world.shown_by_bot(discord_standin.world.general)) == 1
    assert standin.billed == 1
    assert (stored.count("pending"), stored.count("outbox"), stored.count("outbox_files")) == (0, 0, 0)


async def test_a_button_works_after_a_restart(bench: Bench, discord_standin: DiscordStandIn, standin: StandIn) -> None:
    program = await started(bench, discord_standin)
    asked = generate(discord_standin)
    await program.until(discord_standin.wait_for(has_picture(asked)))
    await ended(program)
    again = await started(bench, discord_standin, ATTACHMENT_HOSTS="127.0.0.1")
    world = discord_standin.world
    pressed = discord_standin.click(original(asked), f"vary:{asked.interaction_id}", world.other_member)
    await again.until(discord_standin.wait_for(has_picture(pressed)))
    assert standin.requests[-1].path == "/v1/images/edits"
    assert standin.requests[-1].body["image"].content == original(asked).attachments[0].upload.payload
    await ended(again)
