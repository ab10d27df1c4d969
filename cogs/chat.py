"""/chat continues the conversation of a channel; /ask is answered once and forgotten."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import discord
from discord import app_commands
from discord.app_commands import Range
from discord.ext import commands

from bot.app import Parley
from bot.core.composing import SHOWN_QUESTION_CHARS
from bot.core.conversation import ChatOptions, ConversationKey, Question, ReplyRoute
from bot.core.errors.refusals import NoThreadsHere, PrivateStaysPrivate, Refusal
from bot.core.limits import MAX_TOKENS, PENALTY, QUESTION_CHARS, TOP_P
from bot.core.pages import quote_block
from bot.core.ports.files import FileReader
from bot.core.ports.screen import Screen
from bot.core.prompt import safe_name
from bot.core.turns import Move
from cogs.ui.asking import acknowledged
from cogs.ui.listening import may_sound
from cogs.ui.model_choices import Model, Temperature, model_choices
from cogs.ui.questions import conversation_of, question_of_interaction, route_of_interaction, server_of
from cogs.ui.replies import screen_for
from cogs.ui.telling import deferred, sentence_for
from cogs.ui.threads import check_threads, open_thread

log = logging.getLogger(__name__)


Words = Range[str, 1, QUESTION_CHARS]
TopP = Range[float, TOP_P[0], TOP_P[1]]
Penalty = Range[float, PENALTY[0], PENALTY[1]]
MaxTokens = Range[int, MAX_TOKENS[0], MAX_TOKENS[1]]

ATTACHMENT = "A picture or PDF (20 MiB), a text (1 MiB), or a sound or video (50 MB), that goes along as context"

SAMPLING = {
    "model": "Which model answers",
    "temperature": "0 is sober, 2 is wild",
    "top_p": "Use only the likeliest words: 0.1 keeps to the top 10 %",
    "frequency_penalty": "Above 0 repeats words less",
    "presence_penalty": "Above 0 moves on to new topics",
    "max_tokens": "The longest answer, in tokens (about 4 characters each)",
}


@dataclass(frozen=True, slots=True)
class Along:
    """What goes along with a question. ``is_sound``: it is listened to first, which is paid for once."""

    files: FileReader | None
    is_sound: bool


class Chat(commands.Cog):
    """The text commands."""

    def __init__(self, bot: Parley) -> None:
        self._bot = bot
        self._services = bot.services

    @app_commands.command()
    @app_commands.describe(
        message="What you want to say",
        attachment=ATTACHMENT,
        **SAMPLING,
        json="Answer with a JSON object",
        thread="Answer in a new thread, where the conversation goes on",
        private="Only you see it, in a conversation of your own",
    )
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def chat(
        self,
        interaction: discord.Interaction[Parley],
        message: Words,
        attachment: discord.Attachment | None = None,
        model: Model | None = None,
        temperature: Temperature | None = None,
        top_p: TopP | None = None,
        frequency_penalty: Penalty | None = None,
        presence_penalty: Penalty | None = None,
        max_tokens: MaxTokens | None = None,
        json: bool = False,
        thread: bool = False,
        private: bool = False,
    ) -> None:
        """Talk with the AI: it remembers this channel's conversation"""
        options = ChatOptions(
            model=model,
            temperature=temperature,
            top_p=top_p,
            frequency_penalty=frequency_penalty,
            presence_penalty=presence_penalty,
            max_tokens=max_tokens,
            json=json,
        )
        along = self._along(attachment, kept=True)
        if thread:
            await self._answer_in_thread(interaction, message, options, along, private=private)
            return
        only_for = interaction.user.id if private else None
        conversation = conversation_of(interaction.channel_id or 0, interaction.guild_id, only_for=only_for)
        await self._answer(interaction, message, options, conversation, along, private=private)

    @app_commands.command()
    @app_commands.describe(
        prompt="Your question",
        attachment=ATTACHMENT,
        system="Instructions for the AI: who it is, how it should answer",
        **SAMPLING,
        json="Answer with a JSON object",
        schema="A file with a JSON Schema that the answer has to fit, up to 64 KiB",
        private="Only you see the answer (on unless you switch it off)",
    )
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def ask(
        self,
        interaction: discord.Interaction[Parley],
        prompt: Words,
        attachment: discord.Attachment | None = None,
        system: Words | None = None,
        model: Model | None = None,
        temperature: Temperature | None = None,
        top_p: TopP | None = None,
        frequency_penalty: Penalty | None = None,
        presence_penalty: Penalty | None = None,
        max_tokens: MaxTokens | None = None,
        json: bool = False,
        schema: discord.Attachment | None = None,
        private: bool = True,
    ) -> None:
        """Ask one question: no history is read and nothing is kept"""
        options = ChatOptions(
            model=model,
            temperature=temperature,
            top_p=top_p,
            frequency_penalty=frequency_penalty,
            presence_penalty=presence_penalty,
            max_tokens=max_tokens,
            json=json,
            system_prompt=system,
        )
        along = self._along(attachment, schema, kept=False)
        await self._answer(interaction, prompt, options, None, along, private=private)

    @chat.autocomplete("model")
    @ask.autocomplete("model")
    async def _model_choices(
        self, interaction: discord.Interaction[Parley], typed: str
    ) -> list[app_commands.Choice[str]]:
        return model_choices(interaction, "chat", typed)

    def _along(
        self, attachment: discord.Attachment | None, schema: discord.Attachment | None = None, *, kept: bool
    ) -> Along:
        reading = self._services.reading
        if attachment is None or not may_sound(attachment):
            return Along(reading.files([attachment] if attachment else [], schema=schema, kept=kept), is_sound=False)
        part_seconds = self._services.listening.part_seconds()
        return Along(reading.sound_along(attachment, schema=schema, part_seconds=part_seconds), is_sound=True)

    async def _answer(
        self,
        interaction: discord.Interaction[Parley],
        text: str,
        options: ChatOptions,
        conversation: ConversationKey | None,
        along: Along,
        *,
        private: bool,
    ) -> None:
        question = await acknowledged(interaction, text, private=private, options=options, conversation=conversation)
        if question is not None:
            question = replace(question, is_voice=along.is_sound)
            await self._services.turns.ask(question, screen_for(self._bot, question), along.files)

    async def _answer_in_thread(
        self,
        interaction: discord.Interaction[Parley],
        text: str,
        options: ChatOptions,
        along: Along,
        *,
        private: bool,
    ) -> None:
        services = self._services
        refusal = services.turns.early_refusal(
            None, member_id=interaction.user.id, guild_id=server_of(interaction), model=options.model
        )
        try:
            if private:
                raise PrivateStaysPrivate
            if isinstance(interaction.channel, discord.Thread):
                raise NoThreadsHere
            check_threads(interaction)
        except Refusal as error:
            refusal = sentence_for(error, services.sentences)
        if refusal is not None:
            await interaction.response.send_message(refusal, ephemeral=True)
            return
        async with deferred(interaction, ephemeral=False) as response_id:
            question = question_of_interaction(
                interaction,
                text=text,
                route=route_of_interaction(interaction, response_id=response_id, ephemeral=False),
                options=options,
                conversation=conversation_of(interaction.channel_id or 0, interaction.guild_id),
            )
            question = replace(question, is_voice=along.is_sound)

            async def in_thread(move: Move) -> tuple[Question, Screen]:
                first_line = services.sentences(
                    "replies.thread_first_line", name=safe_name(interaction.user.display_name)
                )
                moved = question

                async def opened(thread: discord.Thread) -> None:
                    nonlocal moved
                    route, conversation = ReplyRoute(thread.id), conversation_of(thread.id, interaction.guild_id)
                    unread = along.files is not None
                    moved = replace(question, route=route, conversation=conversation, unread_files=unread)
                    await move(moved)

                thread = await open_thread(interaction, text, first_line, opened)
                above = quote_block(text, SHOWN_QUESTION_CHARS)
                link = services.sentences("replies.answer_in_thread", question=above, thread=thread.mention)
                try:
                    await interaction.edit_original_response(content=link)
                except discord.HTTPException as error:  # the thread itself is in sight
                    log.warning("could not point to a thread", extra={"channel_id": thread.id, "code": error.code})
                return moved, screen_for(self._bot, moved)

            await services.turns.ask(question, screen_for(self._bot, question), along.files, elsewhere=in_thread)


async def setup(bot: Parley) -> None:
    """Add the cog."""
    await bot.add_cog(Chat(bot))
