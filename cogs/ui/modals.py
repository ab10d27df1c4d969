"""Remembers which modals are open, so that whoever sends one that nobody waits for any more is told."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import discord

MODAL_SECONDS = 1800.0  # Discord says nothing when a modal is closed
TEXT_INPUT_CHARS = 4000  # of a modal's text (Discord)
MODALS_REMEMBERED = 1000  # far more than are open at once


class OpenModals:
    """The modals of one kind that this process waits for; their ids begin with ``prefix``."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._opened: deque[str] = deque(maxlen=MODALS_REMEMBERED)

    def open(self, interaction_id: int) -> str:
        """Return the id of a new modal.

        discord.py finds a modal by its id alone: with one for all, the last one opened would answer for everybody.
        """
        custom_id = f"{self._prefix}{interaction_id}"
        self._opened.append(custom_id)
        return custom_id

    def forget(self, custom_id: str) -> None:
        """Let whoever sends a modal later be told."""
        if custom_id in self._opened:
            self._opened.remove(custom_id)

    async def answer_lost(self, interaction: discord.Interaction[Any], sentence: str) -> None:
        """Answer a modal that an earlier process opened, or that was open for too long: discord.py says nothing."""
        data: Mapping[str, Any] = interaction.data or {}
        custom_id = str(data.get("custom_id", ""))
        if interaction.type is not discord.InteractionType.modal_submit or not custom_id.startswith(self._prefix):
            return
        if custom_id not in self._opened:
            await interaction.response.send_message(sentence, ephemeral=True)
