"""The buttons under a transcript: Answer it, Translate, Summarise. They survive restarts, like all buttons."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import discord

from bot.app import Parley
from bot.core.conversation import AttachedText, ChatOptions, Question
from bot.core.errors import UnknownTurn
from bot.core.limits import KEPT_FILE_CHARS
from bot.core.sentences import Sentences
from bot.core.tasks import KeptTask, SoundAction, SoundTask
from cogs.ui import listening, replies
from cogs.ui.acknowledging import NotAcknowledged, defer
from cogs.ui.questions import conversation_of, question_of_interaction, route_of_interaction
from cogs.ui.telling import parley, sentence_for
from cogs.ui.turn_button import TurnButton


class AnswerTranscriptButton(
    TurnButton, discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"heard_answer:(?P<trigger_id>\d{1,20})"
):
    """Answers what was said, in the conversation of the channel."""

    name, emoji = "heard_answer", "💬"

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Answer it."""
        kept = await _kept(interaction, self.trigger_id)
        if kept is None:
            return
        bot: Parley = parley(interaction)
        only_for = interaction.user.id if kept.private else None
        key = conversation_of(interaction.channel_id or 0, interaction.guild_id, only_for=only_for)
        refusal = bot.services.turns.early_refusal(key, member_id=interaction.user.id)
        if refusal is not None:
            await interaction.response.send_message(refusal, ephemeral=True)
            return
        try:
            response_id = await defer(interaction, ephemeral=kept.private)
        except NotAcknowledged:
            return
        route = route_of_interaction(interaction, response_id=response_id, ephemeral=kept.private)
        words = bot.services.sentences("sound.answer_it")
        question = question_of_interaction(
            interaction, text=words, route=route, options=ChatOptions(), conversation=key
        )
        question = _about(question, kept)
        await bot.services.turns.ask(question, replies.screen_for(bot, question))


class TranslateTranscriptButton(
    TurnButton,
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"heard_translate:(?P<trigger_id>\d{1,20})",
):
    """Translates into the language of whoever presses."""

    name, emoji = "heard_translate", "🌐"

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Translate it."""
        kept = await _kept(interaction, self.trigger_id)
        if kept is not None:
            task = SoundTask(action=SoundAction.TRANSLATE, to=interaction.locale.value)
            await listening.ask_about_sound(interaction, task, text=kept.result_text or "", private=kept.private)


class SummariseTranscriptButton(
    TurnButton,
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"heard_summarise:(?P<trigger_id>\d{1,20})",
):
    """Says in short what was said."""

    name, emoji = "heard_summarise", "📝"

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Summarise it."""
        kept = await _kept(interaction, self.trigger_id)
        if kept is not None:
            task = SoundTask(summary=True)
            await listening.ask_about_sound(interaction, task, text=kept.result_text or "", private=kept.private)


TRANSCRIPT_BUTTONS = (AnswerTranscriptButton, TranslateTranscriptButton, SummariseTranscriptButton)


def transcript_buttons(sentences: Sentences, trigger_id: int) -> list[discord.ui.DynamicItem[discord.ui.Button[Any]]]:
    """Return the buttons under a transcript."""
    return [
        AnswerTranscriptButton(trigger_id, sentences("buttons.answer_it")),
        TranslateTranscriptButton(trigger_id, sentences("buttons.translate")),
        SummariseTranscriptButton(trigger_id, sentences("buttons.summarise")),
    ]


async def _kept(interaction: discord.Interaction[Any], trigger_id: int) -> KeptTask | None:
    """Return the transcript of a button to whoever may see it; tell everybody else that it is gone."""
    services = parley(interaction).services
    kept = await services.store.kept_task(trigger_id)
    here = kept is not None and kept.channel_id == interaction.channel_id and kept.result_text
    if kept is not None and here and (not kept.private or kept.author_id == interaction.user.id):
        return kept
    await interaction.response.send_message(sentence_for(UnknownTurn(), services.sentences), ephemeral=True)
    return None


def _about(question: Question, kept: KeptTask) -> Question:
    """Return the question with the transcript: as its words to the person who spoke, as material to everybody else."""
    text = kept.result_text or ""
    task = kept.task
    if isinstance(task, SoundTask) and task.own_words and kept.author_id == question.author_id:
        return replace(question, text=text)
    shown = text[:KEPT_FILE_CHARS]
    file = AttachedText("transcript.txt", "transcript of a sound", len(text.encode()), shown, len(text) > len(shown))
    return replace(question, attachments=(file,))
