"""/models: what the configured server offers, as far as the operator allows it."""

from __future__ import annotations

import io

import discord
from discord import app_commands
from discord.ext import commands

from bot.app import Parley
from bot.core.catalogue import Capability
from bot.core.limits import MESSAGE_CHARS
from bot.core.offering import ENDING_DAYS, Choice, Choices
from cogs.ui.acknowledging import NotAcknowledged, defer
from cogs.ui.model_choices import price_words

ENDING_MARKS = ("⏳", "⚠️", "🛑")  # 60, 30 and 7 days before


class Models(commands.Cog):
    """The list of models."""

    def __init__(self, bot: Parley) -> None:
        self._services = bot.services

    @app_commands.command()
    @app_commands.describe(capability="What the models are for (chat unless you choose)")
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def models(self, interaction: discord.Interaction[Parley], capability: Capability = "chat") -> None:
        """Show which models I can use, what they cost and how long they are there"""
        try:
            await defer(interaction, ephemeral=True)
        except NotAcknowledged:
            return
        choices = await self._services.offering.choices(capability)
        if not choices.models:
            text = self._services.sentences("models.none", capability=capability)
            await interaction.edit_original_response(content=text)
            return
        lines = [self._heading(capability, choices), *map(self._line, choices.models)]
        whole = "\n".join(lines)
        if len(whole) <= MESSAGE_CHARS:
            await interaction.edit_original_response(content=whole)
            return
        more = self._services.sentences("models.more")
        shown = _fitting(lines, MESSAGE_CHARS - len(more) - 1)
        file = discord.File(io.BytesIO(whole.encode()), "list-of-models.md")
        await interaction.edit_original_response(content="\n".join([*shown, more]), attachments=[file])

    def _heading(self, capability: Capability, choices: Choices) -> str:
        key = "models.heading" if choices.from_server else "models.heading_catalogue"
        return self._services.sentences(key, capability=capability, models=len(choices.models))

    def _line(self, choice: Choice) -> str:
        say = self._services.sentences
        parts = [f"- `{choice.model.replace('`', '')}`"]
        if choice.is_default:
            parts.append(say("models.default"))
        if choice.price is not None:
            parts.append(price_words(choice.price))
        else:
            parts.append(say("models.unpriced"))
        if choice.shutdown is not None and choice.ends_in_days is not None:
            due = sum(choice.ends_in_days <= days for days in ENDING_DAYS)
            until = say("models.until", day=choice.shutdown.isoformat(), count=choice.ends_in_days)
            parts.append(f"{ENDING_MARKS[due - 1]} {until}" if due else until)
        return " · ".join(parts)


def _fitting(lines: list[str], chars: int) -> list[str]:
    shown: list[str] = []
    for line in lines:
        if sum(map(len, shown)) + len(shown) + len(line) > chars:
            break
        shown.append(line)
    return shown


async def setup(bot: Parley) -> None:
    """Add the cog."""
    await bot.add_cog(Models(bot))
