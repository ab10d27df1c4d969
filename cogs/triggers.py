"""Messages that the bot answers without a command: live, left unfinished by a restart, or missed while away."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from dataclasses import replace
from functools import partial

import discord
from discord.ext import commands

from bot.app import Parley
from bot.core.conversation import Question, ReplyKind
from bot.core.errors import ParleyError, StoreUnavailable, new_error_id
from bot.core.ports.files import FileReader
from bot.core.preferences import ChannelMode, VoiceMessages
from bot.core.tasks import SoundTask
from cogs.ui.attached import files_again, files_of_message, find_attachment, sound_reader, voice_of
from cogs.ui.calls import nonce
from cogs.ui.missed import MISSED_AGE, missed_messages, places_to_look_at
from cogs.ui.questions import plain_text, question_of_message
from cogs.ui.replies import BUTTONS, screen_for
from cogs.ui.rights import may_answer

log = logging.getLogger(__name__)

ORDINARY = (discord.MessageType.default, discord.MessageType.reply)
TYPING_SECONDS = 3.0
TYPED_MESSAGES = 500  # remembered, so that a message that Discord delivers again shows no typing for nothing
HINTS_REMEMBERED = 1000
FAILURES_REMEMBERED = 500  # so that a message that Discord delivers again is not told twice that it failed
PLACES_AT_ONCE = 3  # in which missed messages are answered
TWIN_WARNING_SECONDS = 600.0


class Triggers(commands.Cog):
    """Mentions, replies, direct messages, and channels that are set to ``auto``."""

    def __init__(self, bot: Parley) -> None:
        self._bot = bot
        self._services = bot.services
        self._background: set[asyncio.Task[None]] = set()
        self._typed: deque[int] = deque(maxlen=TYPED_MESSAGES)
        self._failed: deque[int] = deque(maxlen=FAILURES_REMEMBERED)
        self._hinted: set[tuple[str, int, int]] = set()  # situation, channel, author
        self._catching_up: asyncio.Task[None] | None = None
        self._twin_told_at: float | None = None

    async def cog_load(self) -> None:
        """Go on with what a restart left."""
        self._services.pictures.find = partial(find_attachment, self._bot)
        for claim in await self._services.store.unfinished():
            screen = screen_for(self._bot, claim.question, message_ids=claim.message_ids)
            files = files_again(self._bot, claim.question)
            self._start(self._services.turns.resume(claim, screen, files))

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Answer a message that is meant for the bot."""
        me = self._bot.user
        if me is not None and message.author.id == me.id:
            self._look_for_twin(message)
        if me is None or message.author.bot or message.webhook_id is not None or message.type not in ORDINARY:
            return
        if message.guild is None and getattr(message.channel, "guild_id", None) is not None:
            # Nothing is known of the bot's rights there, nor of anybody's: not a direct message.
            log.info("a message from a server that is not known", extra={"channel_id": message.channel.id})
            return
        if not self._is_addressed(message, me) and self._voice_messages(message, me) is VoiceMessages.OFF:
            await self._hint_at_withheld(message, me)
            return
        await self._answer_or_tell(message, me)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Look for what was asked while nobody listened: a new session brings nothing of it."""
        if self._catching_up is None or self._catching_up.done():
            self._catching_up = self._start(self._catch_up())

    async def _catch_up(self) -> None:
        since = self._services.clock.now() - MISSED_AGE
        at_once = asyncio.Semaphore(PLACES_AT_ONCE)

        async def look(place: discord.abc.Messageable) -> None:
            async with at_once:
                messages = await missed_messages(place, since)
                me = self._bot.user
                # Told while nothing could be saved, by a process that has died since.
                told = {m.reference.message_id for m in messages if m.reference is not None and m.author == me}
                # One after the other: more would be too many at once for the queue.
                for message in messages:
                    if message.id not in told:
                        await self._answer_missed(message)

        await asyncio.gather(*(look(place) for place in await places_to_look_at(self._bot, since)))

    async def _answer_missed(self, message: discord.Message) -> None:
        me = self._bot.user
        if me is None or message.author.bot or message.webhook_id is not None or message.type not in ORDINARY:
            return
        meant = self._is_addressed(message, me) or self._voice_messages(message, me) is not VoiceMessages.OFF
        if meant and message.created_at > self._services.clock.now() - MISSED_AGE:
            await self._answer_or_tell(message, me, live=False)

    async def _answer_or_tell(self, message: discord.Message, me: discord.ClientUser, *, live: bool = True) -> None:
        """Answer a message; what no inner boundary caught is told once, under an error id that is in the log."""
        try:
            await self._answer(message, me, live=live)
        except Exception:
            error_id = new_error_id()
            log.exception("a message failed", extra={"error_id": error_id, "trigger_id": message.id})
            if message.id not in self._failed:
                self._failed.append(message.id)
                await self._reply(message, self._services.sentences.notice(ParleyError(), error_id))

    async def _answer(self, message: discord.Message, me: discord.ClientUser, *, live: bool = True) -> None:
        """Answer a message that is addressed to the bot. One that was missed gets no hints and no typing."""
        guild_id = message.guild.id if message.guild else None
        if not self._may_reply(message) or self._services.turns.knows_limit(message.author.id, guild_id):
            return
        voice = voice_of(message)
        if voice is not None and self._voice_messages(message, me) is not VoiceMessages.OFF:
            await self._answer_voice(message, me, voice, live=live)
            return
        question = question_of_message(message, own_id=me.id)
        if not question.text and message.guild is not None and me not in message.mentions:
            return  # a picture or a sticker in a channel where everything is answered: not a question
        files = files_of_message(self._bot, message)
        if not question.text and files is None:
            if live:
                key = "replies.empty_question" if message.guild else "replies.empty_direct_message"
                await self._hint(message, key)
            return
        await self._ask(message, question, files, live=live)

    async def _answer_voice(
        self, message: discord.Message, me: discord.ClientUser, voice: discord.Attachment, *, live: bool
    ) -> None:
        """Write down a voice message; and answer it in its conversation, if that is wanted."""
        question = replace(question_of_message(message, own_id=me.id), is_voice=True)
        if self._voice_messages(message, me) is VoiceMessages.TRANSCRIBE:
            question = replace(question, conversation=None, task=SoundTask(own_words=True))
        await self._ask(message, question, sound_reader(self._bot, voice), live=live)

    async def _ask(self, message: discord.Message, question: Question, files: FileReader | None, *, live: bool) -> None:
        if live and message.id not in self._typed:
            self._typed.append(message.id)
            self._start(self._show_typing(message.channel))
        await self._services.turns.ask(question, screen_for(self._bot, question), files)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Let a question follow its message."""
        me, message = self._bot.user, payload.message
        if me is None or message.author.bot or message.edited_at is None:
            return  # not by a member: the bot's own edits, or a preview of a link
        self._services.pictures.forget(message.id)
        await self._kept(self._services.conversations.message_edited(message.id, plain_text(message, me.id)))

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Forget a question with its message."""
        self._services.pictures.forget(payload.message_id)
        await self._kept(self._services.conversations.message_deleted(payload.message_id))

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Forget the questions of many messages."""
        for message_id in payload.message_ids:
            self._services.pictures.forget(message_id)
            await self._kept(self._services.conversations.message_deleted(message_id))

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Answer nobody in a server that the bot was thrown out of. One that is unavailable comes back."""
        await self._kept(self._services.turns.abandon(guild_id=guild.id))

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Answer nobody in a channel that is gone; discord.py tells of its threads one by one."""
        await self._kept(self._services.turns.abandon(channel_id=channel.id))

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """Answer nobody in a thread that is gone."""
        await self._kept(self._services.turns.abandon(channel_id=payload.thread_id))

    async def _kept(self, change: Coroutine[None, None, None]) -> None:
        try:
            await change
        except StoreUnavailable as error:
            log.warning("what became of a message or its place could not be followed", extra={"detail": error.detail})

    def _is_addressed(self, message: discord.Message, me: discord.ClientUser) -> bool:
        if message.guild is None or me in message.mentions:
            return True
        if not self._services.message_content:
            return False
        parent = message.channel.parent_id if isinstance(message.channel, discord.Thread) else None
        return self._services.preferences.channel_mode(message.channel.id, parent) is ChannelMode.AUTO

    def _voice_messages(self, message: discord.Message, me: discord.ClientUser) -> VoiceMessages:
        """Return what is to be done with a voice message: who pings the bot, or writes to it alone, wants an answer."""
        if voice_of(message) is None:
            return VoiceMessages.OFF
        if message.guild is None:
            return VoiceMessages.ANSWER
        parent = message.channel.parent_id if isinstance(message.channel, discord.Thread) else None
        wanted = self._services.preferences.voice_messages(message.channel.id, parent)
        return VoiceMessages.ANSWER if wanted is VoiceMessages.OFF and me in message.mentions else wanted

    def _may_reply(self, message: discord.Message) -> bool:
        """Whether an answer can be sent at all: checked before anything is paid for."""
        if self._services.paused.is_paused(message.channel.id):
            log.info("Discord refused messages there a while ago", extra={"channel_id": message.channel.id})
            return False
        if may_answer(message):
            return True
        log.warning("may not send messages where it was asked", extra={"channel_id": message.channel.id})
        return False

    def _look_for_twin(self, message: discord.Message) -> None:
        """Warn the operator of a message under the bot's name that this process did not send."""
        known = message.nonce is None or message.nonce in self._services.sent
        if known or message.type not in ORDINARY or message.webhook_id is not None:
            return
        now = self._services.clock.perf_seconds()
        if self._twin_told_at is None or now - self._twin_told_at > TWIN_WARNING_SECONDS:
            self._twin_told_at = now
            log.warning(
                "a message of this bot was sent by somebody else: does another program run with the same token?",
                extra={"message_id": message.id, "channel_id": message.channel.id},
            )

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
        await self._reply(message, self._services.sentences(key, **fields))

    async def _reply(self, message: discord.Message, text: str) -> None:
        own_nonce = self._services.sent.add(nonce(ReplyKind.NOTICE, message.id, 0))
        try:
            await message.reply(text, mention_author=False, nonce=own_nonce)
        except (OSError, discord.HTTPException, discord.RateLimited) as error:
            detail = type(error).__name__
            log.warning("a hint or notice was not sent", extra={"channel_id": message.channel.id, "detail": detail})

    async def _show_typing(self, channel: discord.abc.Messageable) -> None:
        if not self._services.rest.has_room():
            return
        try:
            async with asyncio.timeout(TYPING_SECONDS):
                await channel.typing()
        except (TimeoutError, OSError, discord.HTTPException, discord.RateLimited) as error:
            log.debug("typing was not shown", extra={"detail": type(error).__name__})

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


async def setup(bot: Parley) -> None:
    """Add the cog and the buttons of its replies."""
    bot.add_dynamic_items(*BUTTONS)
    await bot.add_cog(Triggers(bot))
