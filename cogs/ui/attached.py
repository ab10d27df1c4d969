"""The files of a Discord message: those of a question, of the message that it replies to, and found again later."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import PurePosixPath

import aiohttp
import discord

from bot.app import Parley
from bot.core.conversation import PictureSource, Question
from bot.core.errors.delivery import DeliveryFailed, DeliveryRefused
from bot.core.errors.files import FileProblem, FileRefused
from bot.core.limits import PICTURES
from bot.core.ports.files import FileReader, FilesRead
from cogs.ui.calls import call

log = logging.getLogger(__name__)

PICTURE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".heic", ".heif", ".avif", ".bmp", ".tif"})


def pictures_of(message: discord.Message) -> list[discord.Attachment]:
    """Return what looks like pictures on a message, forwarded ones too; their bytes tell later what they are."""
    forwarded = [file for snapshot in message.message_snapshots for file in snapshot.attachments]
    return [file for file in (*message.attachments, *forwarded) if _looks_like_a_picture(file)]


def _looks_like_a_picture(file: discord.Attachment) -> bool:
    if file.content_type is not None and file.content_type.startswith("image/"):
        return True
    return PurePosixPath(file.filename.lower()).suffix in PICTURE_ENDINGS


def source_of(message: discord.Message, file: discord.Attachment) -> PictureSource:
    """Return where a picture is found again."""
    return PictureSource(message.channel.id, message.id, file.id)


def quoted_pictures(message: discord.Message) -> list[tuple[discord.Attachment, PictureSource]]:
    """Return the pictures of a message that a question is about, as many as one question takes."""
    return [(file, source_of(message, file)) for file in pictures_of(message)[:PICTURES]]


def files_of_message(bot: Parley, message: discord.Message) -> FileReader | None:
    """Return the reader of a message's files and of the pictures of the message that it replies to."""
    replied = message.reference.resolved if message.reference is not None else None
    return bot.services.reading.files(
        message.attachments,
        kept=True,
        sources=[source_of(message, file) for file in message.attachments],
        quoted=quoted_pictures(replied) if isinstance(replied, discord.Message) else (),
    )


def voice_of(message: discord.Message) -> discord.Attachment | None:
    """Return a message's voice message. Discord's flag tells it: phones send no type and any name."""
    if not message.flags.voice:
        return None
    return next((file for file in message.attachments if file.is_voice_message()), None)


class MessageFiles:
    """The files of a question that another process took, or that failed: its message is looked at again.

    Implements ``FileReader``.
    """

    def __init__(self, bot: Parley, channel_id: int, message_id: int, *, is_voice: bool) -> None:
        self._bot = bot
        self._is_voice = is_voice
        self._channel_id = channel_id
        self._message_id = message_id

    async def size_bytes(self) -> int:
        """Return the size of what the message has now; raises ``FileRefused``."""
        return await (await self._reader()).size_bytes()

    async def read(self) -> FilesRead:
        """Fetch, check and read them; raises ``FileRefused``."""
        # Looked at once more: whoever waited for room may find another link.
        return await (await self._reader()).read()

    async def _reader(self) -> FileReader:
        message = await _fetched(self._bot, self._channel_id, self._message_id)
        reader = None if message is None else self._reader_of(message)
        if reader is None:
            raise FileRefused(FileProblem.GONE, number=1)
        return reader

    def _reader_of(self, message: discord.Message) -> FileReader | None:
        if not self._is_voice:
            return files_of_message(self._bot, message)
        voice = voice_of(message)
        return None if voice is None else sound_reader(self._bot, voice)


def files_again(bot: Parley, question: Question) -> FileReader | None:
    """Return the reader of a question's files, where they are still to be read and a message holds them."""
    message_id = question.source_message_id
    if not question.unread_files or message_id is None or not question.is_found_again:
        return None
    return MessageFiles(bot, question.route.channel_id, message_id, is_voice=question.is_voice)


def sound_reader(bot: Parley, file: discord.Attachment) -> FileReader:
    """Return the reader of something to hear, in parts as the model takes them."""
    services = bot.services
    return services.reading.sound(file, part_seconds=services.listening.part_seconds())


async def find_attachment(bot: Parley, source: PictureSource) -> discord.Attachment | None:
    """Return a message's attachment with a link that is fresh; ``None`` when it is gone."""
    message = await _fetched(bot, source.channel_id, source.message_id)
    files: Sequence[discord.Attachment] = [] if message is None else [*message.attachments, *pictures_of(message)]
    return next((file for file in files if file.id == source.attachment_id), None)


async def _fetched(bot: Parley, channel_id: int, message_id: int) -> discord.Message | None:
    channel = bot.get_partial_messageable(channel_id)
    try:
        return await call(lambda: channel.fetch_message(message_id), clock=bot.services.clock)
    except (discord.NotFound, DeliveryFailed, DeliveryRefused, aiohttp.ClientError) as error:
        log.info("a message was not found again", extra={"message_id": message_id, "detail": type(error).__name__})
        return None
