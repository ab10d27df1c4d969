"""The buttons under a transcript: Answer it, Translate, Summarise. They survive restarts, like all buttons."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import discord

from bot.core.conversation import AttachedText, Question
from bot.core.errors.refusals import UnknownTurn
from bot.core.limits import KEPT_FILE_CHARS
from bot.core.sentences import Sentences
from bot.core.tasks import KeptTask, SoundAction, SoundTask
from cogs.ui.asking import acknowledged, answer
from cogs.ui.listening import ask_about_sound
from cogs.ui.questions import conversation_of
from cogs.ui.telling import Told, parley, refused_in_time
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
        only_for = interaction.user.id if kept.private else None
        key = conversation_of(interaction.channel_id or 0, interaction.guild_id, only_for=only_for)
        words = parley(interaction).services.sentences("sound.answer_it")
        question = await acknowledged(interaction, words, private=kept.private, conversation=key)
        if question is not None:
            await answer(interaction, _about(question, kept))


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
            await ask_about_sound(interaction, task, text=kept.result_text or "", private=kept.private)


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
            await ask_about_sound(interaction, task, text=kept.result_text or "", private=kept.private)


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
    try:
        async with refused_in_time(interaction):
            kept = await parley(interaction).services.store.kept_task(trigger_id)
            if kept is None or kept.channel_id != interaction.channel_id or not kept.result_text:
                raise UnknownTurn
            if kept.private and kept.author_id != interaction.user.id:
                raise UnknownTurn
    except Told:
        return None
    return kept


def _about(question: Question, kept: KeptTask) -> Question:
    """Return the question with the transcript: as its words to the person who spoke, as material to everybody else."""
    text = kept.result_text or ""
    task = kept.task
    if isinstance(task, SoundTask) and task.own_words and kept.author_id == question.author_id:
        return replace(question, text=text)
    shown = text[:KEPT_FILE_CHARS]
    file = AttachedText("transcript.txt", "transcript of a sound", len(text.encode()), shown, len(text) > len(shown))
    return replace(question, attachments=(file,))
