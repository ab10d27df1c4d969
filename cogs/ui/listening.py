"""Finds what there is to hear, and asks for it to be written down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import discord

from bot.app import Parley
from bot.core.conversation import ChatOptions, Question
from bot.core.ports import AttachedFile
from bot.core.tasks import SoundTask
from cogs.ui import replies
from cogs.ui.acknowledging import NotAcknowledged, defer
from cogs.ui.questions import question_of_interaction, route_of_interaction
from cogs.ui.telling import told

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
    bot = interaction.client
    services = bot.services
    refusal = services.turns.early_refusal(
        None, member_id=interaction.user.id, model=task.model, capability="transcription"
    )
    if refusal is not None:
        await interaction.response.send_message(refusal, ephemeral=True)
        return
    try:
        response_id = await defer(interaction, ephemeral=private)
    except NotAcknowledged:
        return
    question = sound_question(interaction, task, text=text, response_id=response_id, private=private)
    files = None
    if file is not None:
        files = services.reading.sound(file, part_seconds=services.listening.part_seconds(task.model))
    async with told(interaction, in_response=True):
        await services.turns.ask(question, replies.screen_for(bot, question), files)


def sound_question(
    interaction: discord.Interaction[Parley], task: SoundTask, *, text: str, response_id: int | None, private: bool
) -> Question:
    """Return the question of a task, once its interaction is acknowledged."""
    route = route_of_interaction(interaction, response_id=response_id, ephemeral=private)
    question = question_of_interaction(interaction, text=text, route=route, options=ChatOptions(), conversation=None)
    return replace(question, show_question=False, task=task)
