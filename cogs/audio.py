"""The group /audio: speak, with the commands that listen; and the menu "Read aloud"."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.app import Parley
from bot.core.limits import INSTRUCTIONS_CHARS, SPEECH_CHARS, SPEED
from bot.core.sound.cards import VOICES
from bot.core.sound.formats import ENDINGS, VOICE_MESSAGE
from bot.core.sound.words import spoken_words
from bot.core.tasks import SpeechTask
from cogs.ui.helping import HELP
from cogs.ui.menu_cog import MenuCog
from cogs.ui.model_choices import Model, model_choices
from cogs.ui.questions import plain_text
from cogs.ui.speaking import read_aloud
from cogs.ui.transcript_commands import TranscriptCommands

READ_ALOUD = "Read aloud"

SpokenText = Range[str, 1, SPEECH_CHARS]
Speed = Range[float, SPEED[0], SPEED[1]]
Instructions = Range[str, 1, INSTRUCTIONS_CHARS]


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class Audio(
    TranscriptCommands, MenuCog, commands.GroupCog, group_name="audio", group_description="Speech: sound and text"
):
    """What is heard."""

    def __init__(self, bot: Parley) -> None:
        self._bot = bot
        self._services = bot.services
        self._menu = app_commands.ContextMenu(
            name=READ_ALOUD,
            callback=self._read_message,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
            extras={HELP: "help.menu_read"},
        )

    @app_commands.command()
    @app_commands.describe(
        text="What to read aloud",
        file="A text file to read aloud instead, up to 20,000 characters",
        voice="Who reads",
        model="Which model reads",
        file_format="A voice message (default) or a file",
        speed="0.25 is slow, 4 is fast",
        instructions="How to read: mood, pace, accent",
        private="Only you see it, as a file",
    )
    @app_commands.rename(file_format="format")
    @app_commands.choices(
        voice=[Choice(name=voice, value=voice) for voice in VOICES],
        file_format=[Choice(name=name, value=name) for name in (VOICE_MESSAGE, *ENDINGS)],
    )
    async def speak(
        self,
        interaction: discord.Interaction[Parley],
        text: SpokenText | None = None,
        file: discord.Attachment | None = None,
        voice: str | None = None,
        model: Model | None = None,
        file_format: str = VOICE_MESSAGE,
        speed: Speed | None = None,
        instructions: Instructions | None = None,
        private: bool = False,
    ) -> None:
        """Read a text aloud"""
        if (text is None) == (file is None):
            await interaction.response.send_message(self._services.sentences("replies.text_or_file"), ephemeral=True)
            return
        task = SpeechTask(model=model, voice=voice, file_format=file_format, speed=speed, instructions=instructions)
        files = self._services.reading.files([file] if file else [], kept=False)
        await read_aloud(interaction, text or "", task, private=private, files=files)

    @speak.autocomplete("model")
    async def _model_choices(self, interaction: discord.Interaction[Parley], typed: str) -> list[Choice[str]]:
        return model_choices(interaction, "speech", typed)

    async def _read_message(self, interaction: discord.Interaction[Any], message: discord.Message) -> None:
        # Discord delivers a menu's message with its content, whatever the intents.
        text = spoken_words(plain_text(message, self._bot.user.id if self._bot.user is not None else 0))
        if not text:
            await interaction.response.send_message(self._services.sentences("menus.unreadable"), ephemeral=True)
            return
        await read_aloud(interaction, text, private=message.flags.ephemeral)


async def setup(bot: Parley) -> None:
    """Add the cog."""
    await bot.add_cog(Audio(bot))
