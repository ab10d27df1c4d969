"""Voice messages of people in the simulated Discord, which has no call for them: written through its backend."""

from __future__ import annotations

import base64
from typing import Any

import discord
import simcord

from bot.core.limits import SOUND_PART_BYTES
from bot.reading.hearing import read_sound

VOICE = discord.MessageFlags(voice=True).value
FILE_NAME = "voice-message.ogg"
WAVEFORM = bytes(range(0, 256, 4)) + bytes(range(255, 0, -4))  # any shape will do
LONGEST_SECONDS = 1200


def voice_attachment(env: simcord.Env, channel_id: int, content: bytes, *, mime: bool = True) -> dict[str, Any]:
    """Return a file as Discord describes a voice message; phones leave out its type (``mime``)."""
    found, _ = read_sound(
        content, most_seconds=LONGEST_SECONDS, part_seconds=LONGEST_SECONDS, part_bytes=SOUND_PART_BYTES
    )
    [stored] = env.backend.store_attachments(channel_id, [(FILE_NAME, content)])
    if not mime:
        del stored["content_type"]
    return {
        **stored,
        "duration_secs": found.get("seconds", 1.0),
        "waveform": base64.b64encode(WAVEFORM).decode("ascii"),
    }


async def send_voice_message(
    env: simcord.Env,
    author_id: int,
    channel_id: int,
    content: bytes,
    *,
    mime: bool = True,
    reply_to: int | None = None,
    mention: str = "",
) -> int:
    """Send a voice message as somebody; return its id. A reply with a ping carries ``mention``, as Discord adds it."""
    attachment = voice_attachment(env, channel_id, content, mime=mime)
    reference = None
    if reply_to is not None:
        given = {"channel_id": str(channel_id), "message_id": str(reply_to)}
        reference = env.backend.normalize_message_reference(channel_id, given)
    message = env.backend.create_message(
        channel_id, author_id, mention, attachments=[attachment], flags=VOICE, reference=reference
    )
    await env.settle()
    return message.id
