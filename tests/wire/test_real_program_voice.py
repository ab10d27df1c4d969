"""Voice messages of the real program: what is on the wire, and kill -9 while one is made or sent."""

from __future__ import annotations

import base64

import pytest

from bot.sandbox.standin import Hold, StandIn
from tests.wire.discord_standin import Channel, DiscordStandIn, Message, StandInClock
from tests.wire.discord_standin.message_routes import NONCE_SECONDS
from tests.wire.program import Bench
from tests.wire.stored import Stored
from tests.wire.talking import MEMBER_CANARY, started

TEXT = f"The {MEMBER_CANARY} is read at nine."
MESSAGES = "/channels/{channel_id}/messages"
VOICE = 1 << 13


def sounds(discord: DiscordStandIn, channel: Channel) -> list[Message]:
    return [message for message in discord.world.shown_by_bot(channel) if message.attachments]


def understood(openai: StandIn, message: Message) -> list[str]:
    [attachment] = message.attachments
    return [said.text for said in openai.spoken.understand(attachment.upload.payload) or ()]


async def test_a_voice_message_is_one_ogg_part_with_length_and_waveform(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    general = discord_standin.world.general
    program = await started(bench, discord_standin)
    interaction = discord_standin.slash(general, discord_standin.world.member, "audio speak", text=TEXT)
    await program.until(discord_standin.wait_for(lambda: sounds(discord_standin, general)))
    [request] = discord_standin.requests("POST", MESSAGES)
    body = request.body
    assert body["flags"] == VOICE
    assert not body.get("content")
    assert "components" not in body
    assert body["enforce_nonce"] is True
    [declared] = body["attachments"]
    assert len(base64.b64decode(declared["waveform"], validate=True)) == 256
    assert 1 < declared["duration_secs"] < 20
    [upload] = request.uploads
    assert upload.content_type == "audio/ogg"
    assert upload.payload[:4] == b"OggS"
    [voice] = sounds(discord_standin, general)
    assert voice.flags & VOICE
    assert understood(standin, voice) == [TEXT]
    await program.until(Stored(bench.database).until(interaction.interaction_id, "done"))
    assert interaction.original is not None
    assert "🔊 alloy" in interaction.original.content
    assert not discord_standin.requests("PATCH", f"{MESSAGES}/{{message_id}}")
    # The gateway delivers in order: what is answered now comes behind the voice message.
    later = discord_standin.slash(general, discord_standin.world.member, "help")
    await program.until(discord_standin.wait_for(lambda: later.original))
    assert "sent by somebody else" not in program.log


async def test_killed_while_the_provider_speaks_it_is_told_and_never_paid_twice(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    general, stored = discord_standin.world.general, Stored(bench.database)
    standin.script(Hold(None), of="speech")
    program = await started(bench, discord_standin)
    interaction = discord_standin.slash(general, discord_standin.world.member, "audio speak", text=TEXT)
    await program.until(standin.arrived(1))
    await program.kill()
    standin.release()
    again = await started(bench, discord_standin)
    await again.until(stored.until(interaction.interaction_id, "failed"))
    assert interaction.original is not None
    assert "I do not repeat it by myself" in interaction.original.content
    assert not sounds(discord_standin, general)
    assert standin.billed == 1
    [(reserved, settled)] = stored.rows("SELECT reserved_micro_usd, settled_micro_usd FROM usage_ledger")
    assert reserved == settled


@pytest.mark.parametrize("down_seconds", [0.0, NONCE_SECONDS + 60], ids=["back-at-once", "back-after-the-nonces"])
@pytest.mark.parametrize("taken", [False, True], ids=["before-discord-has-it", "when-discord-has-it"])
async def test_killed_while_it_is_sent_one_voice_message_is_shown(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, *, taken: bool, down_seconds: float
) -> None:
    general, stored = discord_standin.world.general, Stored(bench.database)
    hold = discord_standin.hold(lambda call: bool(call.uploads), taken=taken, method="POST", route=MESSAGES)
    program = await started(bench, discord_standin)
    interaction = discord_standin.slash(general, discord_standin.world.member, "audio speak", text=TEXT)
    await program.until(discord_standin.wait_for(lambda: hold.met > 0))
    await program.kill()
    discord_standin.faults.lift("hang")
    assert isinstance(discord_standin.clock, StandInClock)
    discord_standin.clock.advance(down_seconds)
    again = await started(bench, discord_standin)
    await again.until(stored.until(interaction.interaction_id, "done"))
    [voice] = sounds(discord_standin, general)
    assert voice.flags & VOICE
    assert understood(standin, voice) == [TEXT]
    assert standin.billed == 1
    assert stored.count("outbox_files") == 0
