"""Native voice messages, for which discord.py has no call: the private names that it takes are all in this file.

A voice message is one Ogg Opus file with its length and waveform, the flag ``voice`` and nothing else (Discord,
"Message Flags", "Attachment Object"). ``tests/cogs/test_voice.py`` checks the names that are used here.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import discord
from discord.http import handle_message_parameters

from bot.core.conversation import ReplyFile, VoiceNote
from bot.core.errors.delivery import DeliveryRefused

CONTENT_TYPE = "audio/ogg"
# Nothing could be sent there, not as a file either: channel gone, no access, blocked by the member.
NOWHERE_CODES = frozenset({10003, 10004, 50001, 50007})


class _VoiceFile(discord.File):
    def __init__(self, file: ReplyFile, voice: VoiceNote) -> None:
        super().__init__(io.BytesIO(file.content), file.name)
        self._voice = voice

    def to_dict(self, index: int) -> dict[str, Any]:
        return {
            **super().to_dict(index),
            "duration_secs": self._voice.duration_seconds,
            "waveform": base64.b64encode(self._voice.waveform).decode("ascii"),
        }


async def send_voice(
    client: discord.Client, channel: discord.PartialMessageable, file: ReplyFile, *, nonce: str
) -> discord.Message:
    """Send a file as a voice message. Raises what discord.py's own ``send`` raises."""
    if file.voice is None:
        raise ValueError("not a voice message")
    state = client._connection  # noqa: SLF001
    flags = discord.MessageFlags(voice=True)
    with handle_message_parameters(file=_VoiceFile(file, file.voice), flags=flags, nonce=nonce) as parameters:
        for part in parameters.multipart or ():
            if "filename" in part:
                part["content_type"] = CONTENT_TYPE
        sent = await state.http.send_message(channel.id, params=parameters)
    return state.create_message(channel=channel, data=sent)


def is_refused_voice(error: DeliveryRefused) -> bool:
    """Whether a plain file may go where a voice message was refused."""
    cause = error.__cause__
    return isinstance(cause, discord.HTTPException) and cause.code not in NOWHERE_CODES
