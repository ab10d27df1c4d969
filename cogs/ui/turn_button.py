"""What the buttons under replies share: they survive restarts, because they carry the turn's id and nothing else."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Self

import discord


class TurnButton:
    """A button about a turn, to be named before a ``DynamicItem`` whose template is ``name:(?P<trigger_id>…)``."""

    name: ClassVar[str]
    emoji: ClassVar[str]
    style: ClassVar[discord.ButtonStyle] = discord.ButtonStyle.secondary

    def __init__(self, trigger_id: int, label: str | None = None) -> None:
        button: discord.ui.Button[Any] = discord.ui.Button(
            label=label or self.name, emoji=self.emoji, style=self.style, custom_id=f"{self.name}:{trigger_id}"
        )
        super().__init__(button)  # type: ignore[call-arg]  # the DynamicItem that comes after this class
        self.trigger_id = trigger_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Make the button that was pressed."""
        return cls(int(match["trigger_id"]))
