"""/audio transcribe and /audio translate, for the cog that has the group."""

from __future__ import annotations

from typing import Literal

import discord
from discord import app_commands
from discord.app_commands import Range
from discord.ext import commands

from bot.app import Parley
from bot.core.limits import KEYWORD_CHARS, KEYWORDS, LANGUAGE_CHARS
from bot.core.tasks import SoundAction, SoundTask
from cogs.ui.listening import ask_about_sound, keywords_of

OPTION_CHARS = 1000

Language = Range[str, 2, LANGUAGE_CHARS]
FILE = "A sound or video file: flac, mp3, mp4, mpeg, mpga, m4a, ogg, wav or webm"


class TranscriptCommands(commands.Cog):
    """What is said in a file. To be inherited by the cog of the group: one group cannot be made by two cogs."""

    @app_commands.command()
    @app_commands.describe(
        file=FILE,
        language="The language that is spoken, such as en or de",
        keywords="Names and rare words that are said, with commas between",
        prompt="What it is about, in a sentence or two",
        output="text, subtitles (srt, vtt) where the model gives times, or json",
        summary="Also say in short what is said",
        private="Only you see it",
    )
    async def transcribe(
        self,
        interaction: discord.Interaction[Parley],
        file: discord.Attachment,
        language: Language | None = None,
        keywords: Range[str, 1, OPTION_CHARS] | None = None,
        prompt: Range[str, 1, OPTION_CHARS] | None = None,
        output: Literal["text", "srt", "vtt", "json"] = "text",
        summary: bool = False,
        private: bool = False,
    ) -> None:
        """Write down what is said in a sound or video file"""
        task = SoundTask(
            language=language,
            keywords=keywords_of(keywords, most=KEYWORDS, most_chars=KEYWORD_CHARS),
            prompt=prompt,
            output=output,
            summary=summary,
        )
        await ask_about_sound(interaction, task, file=file, private=private)

    @app_commands.command()
    @app_commands.describe(
        file=FILE,
        to="The language you want it in (English unless you choose another one)",
        speak="Also read the translation aloud",
        private="Only you see it",
    )
    async def translate(
        self,
        interaction: discord.Interaction[Parley],
        file: discord.Attachment,
        to: Language = "English",
        speak: bool = False,
        private: bool = False,
    ) -> None:
        """Write down what is said in a sound or video file, in another language"""
        task = SoundTask(action=SoundAction.TRANSLATE, to=to, speak=speak)
        await ask_about_sound(interaction, task, file=file, private=private)
