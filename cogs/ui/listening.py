"""Finds what there is to hear, and asks for it to be written down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import discord

from bot.app import Parley
from bot.core.ports.files import AttachedFile
from bot.core.tasks import SoundTask
from cogs.ui.asking import acknowledged, answer

TRANSCRIBE = "Transcribe / translate"  # the name of the message menu
ENDINGS = (
    ".flac", ".mp3", ".mp4", ".mpeg", ".mpga", ".m4a", ".ogg", ".oga", ".opus", ".wav", ".webm", ".mov", ".mkv", ".aac",
)  # fmt: skip


def sound_of(message: discord.Message) -> discord.Attachment | None:
    """Return the first file of a message, or of one that it forwards, in which there may be something to hear."""
    return next((file for file in _files_of(message) if may_sound(file)), None)


def _files_of(message: discord.Message) -> Iterator[discord.Attachment]:
    yield from message.attachments
    for forwarded in message.message_snapshots:
        yield from forwarded.attachments


def may_sound(file: discord.Attachment) -> bool:
    """Whether there may be something to hear in a file; its bytes tell later."""
    kind = file.content_type or ""
    return file.is_voice_message() or kind.startswith(("audio/", "video/")) or file.filename.lower().endswith(ENDINGS)


def keywords_of(text: str | None, *, most: int, most_chars: int) -> tuple[str, ...]:
    """Return the words of a list with commas between."""
    words: Iterable[str] = (word.strip()[:most_chars] for word in (text or "").replace("\n", ",").split(","))
    return tuple(dict.fromkeys(word for word in words if word))[:most]


async def ask_about_sound(
    interaction: discord.Interaction[Parley],
    task: SoundTask,
    *,
    file: AttachedFile | None = None,
    text: str = "",
    private: bool,
) -> None:
    """Do a task about a file, or about a transcript that is there, in place of the interaction's response."""
    question = await acknowledged(interaction, text, private=private, model=task.model, capability="transcription")
    if question is None:
        return
    services = interaction.client.services
    files = None
    if file is not None:
        files = services.reading.sound(file, part_seconds=services.listening.part_seconds(task.model))
    await answer(interaction, replace(question, show_question=False, task=task), files)
