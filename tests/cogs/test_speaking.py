"""/audio speak, the menu and the button: heard as a voice message or a file, paid once, kept when refused."""

from typing import Any

import discord
import pytest

from bot.app import Parley
from bot.core.sound.formats import ENDINGS, format_of
from bot.sandbox.standin import Cut, Hold, Html, Raw, Refuse, Say
from tests.cogs.conftest import World

TEXT = "The tide comes in at nine."


def shown(result: Any) -> str:
    assert result.response is not None
    content: str = result.response.content
    return content


def sounds(world: World) -> list[discord.Message]:
    """The bot's messages with a file, oldest first."""
    return [message for message in world.answers() if message.attachments]


async def heard(world: World, message: discord.Message) -> list[str]:
    [attachment] = message.attachments
    return [said.text for said in world.standin.spoken.understand(await attachment.read()) or ()]


def asked_for(world: World) -> list[dict[str, Any]]:
    return [r.body for r in world.standin.requests if r.path == "/v1/audio/speech" and isinstance(r.body, dict)]


async def ledger(world: World) -> list[tuple[str, int, int | None]]:
    rows = await world.services.store._database.run(
        "SELECT model, reserved_micro_usd, settled_micro_usd FROM usage_ledger ORDER BY usage_id", {}
    )
    return [(row["model"], row["reserved_micro_usd"], row["settled_micro_usd"]) for row in rows]


async def test_a_text_becomes_a_voice_message_below_the_line_of_text(world: World) -> None:
    result = await world.asker.slash(world.channel, "audio speak", text=TEXT)
    assert shown(result).startswith(f"> {TEXT}\n🔊 alloy · 0:0")
    assert not result.ephemeral
    line, voice = world.answers()
    assert not line.attachments
    assert voice.flags.voice
    assert voice.content == ""
    assert await heard(world, voice) == [TEXT]
    [body] = asked_for(world)
    assert body == {"model": "gpt-4o-mini-tts", "input": TEXT, "voice": "alloy", "response_format": "opus"}
    [(model, reserved, settled)] = await ledger(world)
    assert model == "gpt-4o-mini-tts"
    assert settled is not None
    assert 0 < settled < reserved
    assert not world.pinged()
