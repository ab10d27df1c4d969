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
    async def models(self, interaction: discord.Interaction[Parley], capability: str = "chat") -> None:
        """Show which models I can use, what they cost and how long they are there"""
        try:
            await defer(interaction, ephemeral=True)
        except NotAcknowledged:
            return
        say, offering = self._services.sentences, self._services.offering
        wanted = next((known for known in offering.capabilities if capability in (known, self._words(known))), None)
        if wanted is None:
            text = say("models.no_such", capability=", ".join(map(self._words, offering.capabilities)))
            await interaction.edit_original_response(content=text)
            return
        choices = await offering.choices(wanted)
        if not choices.models:
            text = say("models.none", capability=self._words(wanted))
            await interaction.edit_original_response(content=text)
            return
        lines = [self._heading(wanted, choices), *map(self._line, choices.models)]
        whole = "\n".join(lines)
        if len(whole) <= MESSAGE_CHARS:
            await interaction.edit_original_response(content=whole)
            return
        more = say("models.more")
        shown = _fitting(lines, MESSAGE_CHARS - len(more) - 1)
        file = discord.File(io.BytesIO(whole.encode()), "list-of-models.md")
        await interaction.edit_original_response(content="\n".join([*shown, more]), attachments=[file])

    @models.autocomplete("capability")
    async def _capabilities(
        self, _interaction: discord.Interaction[Parley], typed: str
    ) -> list[app_commands.Choice[str]]:
        named = [(self._words(capability), capability) for capability in self._services.offering.capabilities]
        return [app_commands.Choice(name=name, value=value) for name, value in named if typed.casefold() in name]

    def _words(self, capability: Capability) -> str:
        return self._services.sentences(f"models.for_{capability}")

    def _heading(self, capability: Capability, choices: Choices) -> str:
        key = "models.heading" if choices.from_server else "models.heading_catalogue"
        return self._services.sentences(key, capability=self._words(capability), count=len(choices.models))

    def _line(self, choice: Choice) -> str:
        say = self._services.sentences
        parts = [f"- `{choice.model.replace('`', '')}`"]
        if choice.is_default:
            parts.append(say("models.default"))
        if choice.price is not None:
            parts.append(price_words(choice.price, choice.pictures))
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
