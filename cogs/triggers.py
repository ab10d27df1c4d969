"""Messages that the bot answers without a command; and, at start, the turns that a restart left unfinished."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from dataclasses import replace

import discord
from discord.ext import commands

from bot.app import Parley
from bot.core.conversation import Question, ReplyKind
from bot.core.errors import StoreUnavailable
from bot.core.ports import FileReader
from bot.core.preferences import ChannelMode, VoiceMessages
from bot.core.tasks import SoundTask
from cogs.ui.calls import nonce
from cogs.ui.listening import voice_of
from cogs.ui.questions import plain_text, question_of_message
from cogs.ui.replies import BUTTONS, screen_for

log = logging.getLogger(__name__)

ORDINARY = (discord.MessageType.default, discord.MessageType.reply)
TYPING_SECONDS = 3.0
TYPED_MESSAGES = 500  # remembered, so that a message that Discord delivers again shows no typing for nothing
HINTS_REMEMBERED = 1000


class Triggers(commands.Cog):
    """Mentions, replies, direct messages, and channels that are set to ``auto``."""

    def __init__(self, bot: Parley) -> None:
        self._bot = bot
        self._services = bot.services
        self._background: set[asyncio.Task[None]] = set()
        self._typed: deque[int] = deque(maxlen=TYPED_MESSAGES)
        self._hinted: set[tuple[str, int, int]] = set()  # situation, channel, author

    async def cog_load(self) -> None:
        """Go on with what a restart left."""
        for claim in await self._services.store.unfinished():
            screen = screen_for(self._bot, claim.question, message_ids=claim.message_ids)
            self._start(self._services.turns.resume(claim, screen))

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Answer a message that is meant for the bot."""
        me = self._bot.user
        if me is None or message.author.bot or message.webhook_id is not None or message.type not in ORDINARY:
            return
        voice = voice_of(message)
        addressed = self._is_addressed(message, me)
        wanted = VoiceMessages.OFF if voice is None else self._voice_messages(message, me, addressed=addressed)
        if not addressed and wanted is VoiceMessages.OFF:
            await self._hint_at_withheld(message, me)
            return
        if not self._may_reply(message) or self._services.turns.knows_limit(message.author.id):
            return
        if voice is not None and wanted is not VoiceMessages.OFF:
            await self._answer_voice(message, me, voice, wanted)
            return
        question = question_of_message(message, own_id=me.id)
        if not question.text and message.guild is not None and me not in message.mentions:
            return  # a picture or a sticker in a channel where everything is answered: not a question
        if not question.text and not message.attachments:
            await self._hint(message, "replies.empty_question" if message.guild else "replies.empty_direct_message")
            return
        files = self._services.reading.files(message.attachments, kept=True)
        await self._ask(message, question, files)

    async def _answer_voice(
        self, message: discord.Message, me: discord.ClientUser, voice: discord.Attachment, wanted: VoiceMessages
    ) -> None:
        """Write down a voice message; and answer it in its conversation, if that is wanted."""
        question = replace(question_of_message(message, own_id=me.id), is_voice=True)
        if wanted is VoiceMessages.TRANSCRIBE:
            question = replace(question, conversation=None, task=SoundTask(own_words=True))
        reading, listening = self._services.reading, self._services.listening
        await self._ask(message, question, reading.sound(voice, part_seconds=listening.part_seconds()))

    async def _ask(self, message: discord.Message, question: Question, files: FileReader | None) -> None:
        if message.id not in self._typed:
            self._typed.append(message.id)
            self._start(self._show_typing(message.channel))
        await self._services.turns.ask(question, screen_for(self._bot, question), files)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Let a question follow its message."""
        me, message = self._bot.user, payload.message
        if me is None or message.author.bot or message.edited_at is None:
            return  # not by a member: the bot's own edits, or a preview of a link
        await self._kept(self._services.conversations.message_edited(message.id, plain_text(message, me.id)))

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Forget a question with its message."""
        await self._kept(self._services.conversations.message_deleted(payload.message_id))

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Forget the questions of many messages."""
        for message_id in payload.message_ids:
            await self._kept(self._services.conversations.message_deleted(message_id))

    async def _kept(self, change: Coroutine[None, None, None]) -> None:
        try:
            await change
        except StoreUnavailable as error:
            log.warning("a changed message could not be followed", extra={"detail": error.detail})

    def _is_addressed(self, message: discord.Message, me: discord.ClientUser) -> bool:
        if message.guild is None or me in message.mentions:
            return True
        if not self._services.message_content:
            return False
        parent = message.channel.parent_id if isinstance(message.channel, discord.Thread) else None
        return self._services.preferences.channel_mode(message.channel.id, parent) is ChannelMode.AUTO

    def _voice_messages(self, message: discord.Message, me: discord.ClientUser, *, addressed: bool) -> VoiceMessages:
        """Return what is to be done with a voice message: who pings the bot, or writes to it alone, wants an answer."""
        if message.guild is None:
            return VoiceMessages.ANSWER
        parent = message.channel.parent_id if isinstance(message.channel, discord.Thread) else None
        wanted = self._services.preferences.voice_messages(message.channel.id, parent)
        if wanted is VoiceMessages.OFF and addressed and me in message.mentions:
            return VoiceMessages.ANSWER
        return wanted

    def _may_reply(self, message: discord.Message) -> bool:
        """Whether an answer can be sent at all: checked before anything is paid for."""
        channel = message.channel
        if message.guild is None or not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
            return True
        permissions = channel.permissions_for(message.guild.me)
        in_thread = isinstance(channel, discord.Thread)
        may_send = permissions.send_messages_in_threads if in_thread else permissions.send_messages
        if permissions.view_channel and may_send:
            return True
        log.warning("may not send messages where it was asked", extra={"channel_id": channel.id})
        return False

    async def _hint_at_withheld(self, message: discord.Message, me: discord.ClientUser) -> None:
        """Say how to ask when a message is meant for the bot and Discord withheld its words; once per person and place.

        Without the Message Content intent that is a reply that does not ping, such as one to the answer of a command,
        and a message in a thread of the bot's own.
        """
        if self._services.message_content or message.guild is None or message.content or message.stickers:
            return
        replied = message.reference.resolved if message.reference is not None else None
        if isinstance(replied, discord.Message) and replied.author.id == me.id:
            key = "replies.withheld_reply"
        elif isinstance(message.channel, discord.Thread) and message.channel.owner_id == me.id:
            key = "replies.withheld_in_thread"
        else:
            return
        situation = (key, message.channel.id, message.author.id)
        if situation in self._hinted or not self._may_reply(message):
            return
        if len(self._hinted) >= HINTS_REMEMBERED:
            self._hinted.clear()
        self._hinted.add(situation)
        await self._hint(message, key, mention=me.mention)

    async def _hint(self, message: discord.Message, key: str, **fields: str) -> None:
        text = self._services.sentences(key, **fields)
        try:
            await message.reply(text, mention_author=False, nonce=nonce(ReplyKind.NOTICE, message.id, 0))
        except discord.HTTPException as error:
            log.warning("a hint was not sent", extra={"channel_id": message.channel.id, "code": error.code})

    async def _show_typing(self, channel: discord.abc.Messageable) -> None:
        try:
            async with asyncio.timeout(TYPING_SECONDS):
                await channel.typing()
        except (TimeoutError, OSError, discord.HTTPException) as error:
            log.debug("typing was not shown", extra={"detail": type(error).__name__})

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


async def setup(bot: Parley) -> None:
    """Add the cog and the buttons of its replies."""
    bot.add_dynamic_items(*BUTTONS)
    await bot.add_cog(Triggers(bot))
