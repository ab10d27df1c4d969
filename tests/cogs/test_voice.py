"""The private names of discord.py that voice messages are sent with, as they are in the installed version."""

import base64
import json

import discord
from discord.http import handle_message_parameters

from bot.app import Parley
from bot.core.conversation import ReplyFile, VoiceNote
from cogs.ui import voice
from tests.cogs.conftest import World

FILE = ReplyFile("voice-message.ogg", b"OggS", voice=VoiceNote(1.5, bytes(range(256))))


async def test_the_names_are_there_and_do_what_they_did(world: World) -> None:
    bot = world.env.bot
    assert isinstance(bot, Parley)
    assert callable(bot._connection.create_message)
    assert callable(bot._connection.http.send_message)
    assert FILE.voice is not None
    flags = discord.MessageFlags(voice=True)
    assert flags.value == 8192
    made = voice._VoiceFile(FILE, FILE.voice)
    with handle_message_parameters(file=made, flags=flags, nonce="n") as parameters:
        assert parameters.multipart is not None
        payload, part = parameters.multipart
    body = json.loads(payload["value"])
    assert body == {
        "tts": False,
        "nonce": "n",
        "enforce_nonce": True,
        "flags": 8192,
        "attachments": [
            {
                "id": 0,
                "filename": "voice-message.ogg",
                "duration_secs": 1.5,
                "waveform": base64.b64encode(bytes(range(256))).decode(),
            }
        ],
    }
    assert part["filename"] == "voice-message.ogg"
    assert "content_type" in part


async def test_a_sent_voice_message_is_a_message(world: World) -> None:
    bot = world.env.bot
    channel = bot.get_partial_messageable(world.channel.id, guild_id=world.guild.id)
    sent = await voice.send_voice(bot, channel, FILE, nonce="n")
    assert sent.flags.voice
    assert [message.id for message in world.answers()] == [sent.id]
