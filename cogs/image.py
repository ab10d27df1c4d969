"""/image makes pictures, varies and edits them, and looks at them."""

from __future__ import annotations

from typing import Literal

import discord
from discord import app_commands
from discord.app_commands import Range
from discord.ext import commands

from bot.app import Parley
from bot.core.conversation import ChatOptions
from bot.core.limits import MAX_TOKENS, MOST_PICTURES, PICTURE_COUNT, PICTURE_PROMPT_CHARS, QUESTION_CHARS
from bot.core.tasks import PictureAction, PictureTask
from cogs.ui.describing import describe, describe_message
from cogs.ui.helping import HELP
from cogs.ui.menu_cog import MenuCog
from cogs.ui.model_choices import Model, model_choices
from cogs.ui.picture_buttons import PICTURE_BUTTONS, edit_submitted
from cogs.ui.picturing import ask_for_pictures

Prompt = Range[str, 1, PICTURE_PROMPT_CHARS]
Count = Range[int, PICTURE_COUNT[0], PICTURE_COUNT[1]]
FewPictures = Range[int, 1, MOST_PICTURES]
Size = Literal["auto", "1024x1024", "1536x1024", "1024x1536", "1792x1024", "1024x1792"]
Quality = Literal["auto", "low", "medium", "high", "standard", "hd"]
Style = Literal["vivid", "natural"]
Background = Literal["auto", "transparent", "opaque"]
FileFormat = Literal["png", "webp", "jpeg"]

DESCRIBE = "Describe image"
PICTURE = "A picture: PNG, JPEG, WebP or GIF, up to 20 MiB"
QUALITY = "Higher is slower and dearer; standard and hd are the older names"
SHARED = {
    "size": "Width and height in pixels; a model that lacks a size takes the nearest one",
    "model": "Which model draws",
    "spoiler": "Hide it behind a spoiler",
    "private": "Only you see it",
}


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class Image(
    MenuCog, commands.GroupCog, group_name="image", group_description="Make pictures, change them, look at them"
):
    """The picture commands and the picture menu."""

    def __init__(self, bot: Parley) -> None:
        self._bot = bot
        self._services = bot.services
        self._menu = app_commands.ContextMenu(
            name=DESCRIBE,
            callback=self._describe_menu,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
            extras={HELP: "help.menu_describe"},
        )

    @app_commands.command()
    @app_commands.rename(count="n", file_format="format")
    @app_commands.describe(
        prompt="What is to be seen",
        quality=QUALITY,
        style="Vivid is dramatic, natural is restrained",
        count=f"How many pictures, up to {MOST_PICTURES} at a time",
        background="What is behind it: transparent needs png or webp",
        file_format="The format of the file",
        **SHARED,
    )
    async def generate(
        self,
        interaction: discord.Interaction[Parley],
        prompt: Prompt,
        size: Size | None = None,
        quality: Quality | None = None,
        style: Style | None = None,
        count: Count = 1,
        background: Background | None = None,
        file_format: FileFormat | None = None,
        model: Model | None = None,
        spoiler: bool = False,
        private: bool = False,
    ) -> None:
        """Draw a picture from your words"""
        task = PictureTask(
            model=model,
            size=size,
            quality=quality,
            style=style,
            count=count,
            background=background,
            file_format=file_format,
            spoiler=spoiler,
        )
        await ask_for_pictures(interaction, prompt, task, private=private)

    @app_commands.command()
    @app_commands.rename(count="n")
    @app_commands.describe(
        image=PICTURE,
        count="How many variations",
        change="What to change; without it everything may vary a little",
        **SHARED,
    )
    async def variation(
        self,
        interaction: discord.Interaction[Parley],
        image: discord.Attachment,
        count: FewPictures = 1,
        size: Size | None = None,
        change: Prompt | None = None,
        model: Model | None = None,
        spoiler: bool = False,
        private: bool = False,
    ) -> None:
        """Make variations of a picture"""
        task = PictureTask(action=PictureAction.VARY, model=model, size=size, count=count, spoiler=spoiler)
        files = self._services.reading.pictures([image])
        await ask_for_pictures(interaction, change or "", task, files, private=private)

    @app_commands.command()
    @app_commands.rename(count="n")
    @app_commands.describe(
        image=PICTURE,
        prompt="What is to be changed, or made of the pictures",
        mask="A PNG of the same size: what is transparent in it is changed, the rest stays",
        image2="A second picture to use",
        image3="A third picture to use",
        quality=QUALITY,
        count="How many results",
        **SHARED,
    )
    async def edit(
        self,
        interaction: discord.Interaction[Parley],
        image: discord.Attachment,
        prompt: Prompt,
        mask: discord.Attachment | None = None,
        image2: discord.Attachment | None = None,
        image3: discord.Attachment | None = None,
        size: Size | None = None,
        quality: Quality | None = None,
        count: FewPictures = 1,
        model: Model | None = None,
        spoiler: bool = False,
        private: bool = False,
    ) -> None:
        """Change a picture, or make one out of several"""
        task = PictureTask(
            action=PictureAction.EDIT, model=model, size=size, quality=quality, count=count, spoiler=spoiler
        )
        files = self._services.reading.pictures([one for one in (image, image2, image3) if one], mask)
        await ask_for_pictures(interaction, prompt, task, files, private=private)

    @app_commands.command(name="describe")
    @app_commands.describe(
        image="The picture: PNG, JPEG, WebP or a still GIF, up to 20 MiB and 40 megapixels",
        question="What you want to know about it",
        detail="How closely the AI looks: low is cheaper, high sees small print",
        alt_text="Write a text for people who do not see it, ready to be copied",
        max_tokens="The longest answer, in tokens (about 4 characters each)",
        private="Only you see the answer (on unless you switch it off)",
    )
    async def describe(
        self,
        interaction: discord.Interaction[Parley],
        image: discord.Attachment,
        question: Range[str, 1, QUESTION_CHARS] | None = None,
        detail: Literal["auto", "low", "high"] | None = None,
        alt_text: bool = False,
        max_tokens: Range[int, MAX_TOKENS[0], MAX_TOKENS[1]] | None = None,
        private: bool = True,
    ) -> None:
        """Look at a picture: describe it, or answer a question about it"""
        say = self._bot.services.sentences
        wanted = question or say("pictures.describe_alt_text" if alt_text else "pictures.describe_one")
        instructions = say("pictures.alt_text_instructions") if alt_text else None
        options = ChatOptions(max_tokens=max_tokens, system_prompt=instructions, detail=detail)
        files = self._services.reading.files([image], kept=False)
        await describe(interaction, files, question=wanted, options=options, private=private)

    async def _describe_menu(self, interaction: discord.Interaction[Parley], message: discord.Message) -> None:
        await describe_message(interaction, message)

    @generate.autocomplete("model")
    @variation.autocomplete("model")
    @edit.autocomplete("model")
    async def _model_choices(
        self, interaction: discord.Interaction[Parley], typed: str
    ) -> list[app_commands.Choice[str]]:
        return model_choices(interaction, "image", typed)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[Parley]) -> None:
        """Take the modal of the Edit button, which may have been opened before a restart."""
        await edit_submitted(interaction)


async def setup(bot: Parley) -> None:
    """Add the cog, and the buttons under its pictures."""
    bot.add_dynamic_items(*PICTURE_BUTTONS)
    await bot.add_cog(Image(bot))
