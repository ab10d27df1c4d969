"""/conversation: see what is kept of a conversation, take it back, ask again, branch off, fold, take it along."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace

import discord
from discord import app_commands
from discord.app_commands import Range
from discord.ext import commands

from bot.app import Parley
from bot.core.conversation import ConversationKey
from bot.core.conversations import Description
from bot.core.errors.refusals import MayNotReadHistory
from bot.core.exporting import ExportFormat, export
from bot.core.folding import FoldOutcome
from bot.core.limits import FOCUS_CHARS, UNDO_TURNS
from bot.core.pages import lay_out
from bot.core.ports.money import Payer
from cogs.ui.acting import branch_from
from cogs.ui.model_choices import Model, Temperature
from cogs.ui.questions import conversation_of, may_read_history, route_of_interaction
from cogs.ui.replies import screen_for
from cogs.ui.telling import deferred, member_of
from cogs.ui.threads import NAME_CHARS

MICRO = 1_000_000
PRIVATE = "Your own private conversation here instead of the one that everybody sees"
OUTCOMES = {
    FoldOutcome.FOLDED: "replies.compacted",
    FoldOutcome.NOTHING: "replies.nothing_to_compact",
    FoldOutcome.CHANGED: "replies.changed_meanwhile",
}


@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
class Conversation(
    commands.GroupCog, group_name="conversation", group_description="Look at this conversation and change it"
):
    """What is kept of a conversation."""

    def __init__(self, bot: Parley) -> None:
        self._bot = bot
        self._services = bot.services
        self._conversations = bot.services.conversations

    @app_commands.command()
    @app_commands.describe(private=PRIVATE)
    async def show(self, interaction: discord.Interaction[Parley], private: bool = False) -> None:
        """Show how long this conversation is, what it cost, and my notes on its beginning"""
        async with deferred(interaction, ephemeral=True):
            described = await self._conversations.describe(_readable_key(interaction, private=private))
            text, summary = self._described(described), described.overview.summary
            if not summary:
                await interaction.edit_original_response(content=text)
                return
            header = f"{text}\n{self._services.sentences('replies.notes_on_the_beginning')}"
            (page,) = lay_out(summary, header=header, file_name="beginning.md", max_pages=1)
            files = [discord.File(io.BytesIO(file.content), file.name) for file in page.files]
            await interaction.edit_original_response(content=page.content, attachments=files)

    @app_commands.command()
    @app_commands.describe(private=PRIVATE)
    async def reset(self, interaction: discord.Interaction[Parley], private: bool = False) -> None:
        """Forget this conversation: I begin anew"""
        async with deferred(interaction, ephemeral=private):
            key = _key(interaction, private=private)
            turns = await self._conversations.reset(key, by=member_of(interaction))
            await interaction.edit_original_response(content=self._services.sentences("replies.reset", turns=turns))

    @app_commands.command()
    @app_commands.describe(turns="How many of the newest questions, with their answers", private=PRIVATE)
    async def undo(
        self,
        interaction: discord.Interaction[Parley],
        turns: Range[int, UNDO_TURNS[0], UNDO_TURNS[1]] = 1,
        private: bool = False,
    ) -> None:
        """Take back the newest questions with their answers"""
        async with deferred(interaction, ephemeral=private):
            key = _key(interaction, private=private)
            undone = await self._conversations.undo(key, turns, by=member_of(interaction))
            text = self._services.sentences("replies.undone", turns=undone.turns)
            if undone.stopped_at_others:
                text = f"{text} {self._services.sentences('replies.undo_stopped')}"
            await interaction.edit_original_response(content=text)

    @app_commands.command()
    @app_commands.describe(model="Which model answers", temperature="0 is sober, 2 is wild", private=PRIVATE)
    async def retry(
        self,
        interaction: discord.Interaction[Parley],
        model: Model | None = None,
        temperature: Temperature | None = None,
        private: bool = False,
    ) -> None:
        """Answer the latest question again; the new answer takes the place of the old one in my memory"""
        async with deferred(interaction, ephemeral=private) as response_id:
            key = _key(interaction, private=private)
            turn = await self._conversations.newest(key, by=member_of(interaction))
            options = turn.options
            if model is not None:
                options = replace(options, model=model)
            if temperature is not None:
                options = replace(options, temperature=temperature)
            route = route_of_interaction(interaction, response_id=response_id, ephemeral=private)
            question = turn.asked_again(
                trigger_id=interaction.id,
                route=route,
                asked_at=interaction.created_at,
                by=interaction.user.id,
                options=options,
            )
            question = replace(question, hears_others=private or may_read_history(interaction))
            await self._services.turns.ask(question, screen_for(self._bot, question))

    @app_commands.command()
    @app_commands.describe(name="The name of the new thread")
    async def branch(
        self, interaction: discord.Interaction[Parley], name: Range[str, 1, NAME_CHARS] | None = None
    ) -> None:
        """Continue from the latest answer in a new thread; in a direct message, as a new conversation"""
        async with deferred(interaction, ephemeral=True):
            turn = await self._conversations.newest(_key(interaction, private=False), by=member_of(interaction))
            await branch_from(interaction, turn, name)

    @app_commands.command()
    @app_commands.describe(focus="What my notes should keep above all", private=PRIVATE)
    async def compact(
        self,
        interaction: discord.Interaction[Parley],
        focus: Range[str, 1, FOCUS_CHARS] | None = None,
        private: bool = False,
    ) -> None:
        """Fold this conversation into notes, so that what follows costs less"""
        async with deferred(interaction, ephemeral=private):
            key = _key(interaction, private=private)
            payer = Payer(interaction.id, interaction.user.id, key.channel_id, key.guild_id)
            result = await self._conversations.compact(key, payer, by=member_of(interaction), focus=focus)
            text = self._services.sentences(OUTCOMES[result.outcome], turns=result.turns)
            await interaction.edit_original_response(content=text)

    @app_commands.command()
    @app_commands.rename(file_format="format")
    @app_commands.describe(file_format="The kind of file", private=PRIVATE)
    async def export(
        self,
        interaction: discord.Interaction[Parley],
        file_format: ExportFormat = ExportFormat.MARKDOWN,
        private: bool = False,
    ) -> None:
        """Take this conversation along as a file that only you see"""
        async with deferred(interaction, ephemeral=True):
            history = await self._conversations.everything(_readable_key(interaction, private=private))
            # Not here: other answers grow meanwhile.
            content, left_out = await asyncio.to_thread(
                export, history, file_format, max_bytes=interaction.filesize_limit
            )
            text = self._services.sentences("replies.exported")
            if left_out:
                text = f"{text} {self._services.sentences('replies.export_cut', turns=left_out)}"
            file = discord.File(io.BytesIO(content), f"conversation.{file_format.value}")
            await interaction.edit_original_response(content=text, attachments=[file])

    def _described(self, described: Description) -> str:
        overview = described.overview
        return self._services.sentences(
            "replies.conversation",
            turns=overview.turns,
            since=int(overview.since.timestamp()),
            tokens=f"{described.tokens:,}",
            usd=f"{overview.micro_usd / MICRO:.4f}",
        )


def _key(interaction: discord.Interaction[Parley], *, private: bool) -> ConversationKey:
    only_for = interaction.user.id if private else None
    return conversation_of(interaction.channel_id or 0, interaction.guild_id, only_for=only_for)


def _readable_key(interaction: discord.Interaction[Parley], *, private: bool) -> ConversationKey:
    """Return the key of what the member could read in the channel as well. Raises a ``Refusal``."""
    if not private and not may_read_history(interaction):
        raise MayNotReadHistory
    return _key(interaction, private=private)


async def setup(bot: Parley) -> None:
    """Add the cog."""
    await bot.add_cog(Conversation(bot))
