"""A reply's buttons, and the screen that shows it.

Buttons survive restarts: the custom id carries the turn's id only, and rights are checked again when one is pressed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Self

import discord

from bot.app import Parley
from bot.core.conversation import Question, ReplyKind, TriggerKind
from bot.core.turns import StopOutcome
from cogs.ui.acknowledging import NotAcknowledged, defer
from cogs.ui.questions import route_of_interaction
from cogs.ui.screen import DiscordScreen, InteractionScreen, MessageScreen, Surroundings

OUTCOMES = {
    StopOutcome.STOPPING: "replies.stopping",
    StopOutcome.NOT_RUNNING: "replies.nothing_to_stop",
    StopOutcome.NOT_YOURS: "replies.not_yours_to_stop",
}


class StopButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"stop:(?P<trigger_id>\d{1,20})"):
    """Stops an answer that is still being written."""

    def __init__(self, trigger_id: int, label: str = "Stop") -> None:
        style = discord.ButtonStyle.secondary
        super().__init__(discord.ui.Button(label=label, emoji="⏹️", style=style, custom_id=f"stop:{trigger_id}"))
        self.trigger_id = trigger_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Make the button that was pressed."""
        return cls(int(match["trigger_id"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Stop the answer, for its asker or a moderator."""
        services = _parley(interaction).services
        outcome = services.turns.stop(
            self.trigger_id, member_id=interaction.user.id, is_moderator=interaction.permissions.manage_messages
        )
        await interaction.response.send_message(services.sentences(OUTCOMES[outcome]), ephemeral=True)


class TryAgainButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"again:(?P<trigger_id>\d{1,20})"):
    """Asks a question again that could not be answered; the notice becomes the answer."""

    def __init__(self, trigger_id: int, label: str = "Try again") -> None:
        style = discord.ButtonStyle.primary
        super().__init__(discord.ui.Button(label=label, emoji="🔁", style=style, custom_id=f"again:{trigger_id}"))
        self.trigger_id = trigger_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Make the button that was pressed."""
        return cls(int(match["trigger_id"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Answer the kept question in place of the notice, for the person who asked it."""
        bot = _parley(interaction)
        services = bot.services
        ephemeral = interaction.message is not None and interaction.message.flags.ephemeral
        try:
            response_id = await defer(interaction, ephemeral=ephemeral, thinking=False)
        except NotAcknowledged:
            return
        kept = await services.turns.take_failed(self.trigger_id, interaction.user.id)
        if kept is None:
            await interaction.followup.send(services.sentences("replies.nothing_to_retry"), ephemeral=True)
            return
        question = replace(
            kept,
            trigger_id=interaction.id,
            kind=TriggerKind.INTERACTION,
            route=route_of_interaction(interaction, response_id=response_id, ephemeral=ephemeral),
            asked_at=interaction.created_at,
        )
        await services.turns.ask(question, screen_for(bot, question))


BUTTONS = (StopButton, TryAgainButton)


def screen_for(bot: Parley, question: Question, *, message_ids: tuple[int, ...] = ()) -> DiscordScreen:
    """Return the screen that shows the reply to a question. ``message_ids``: what an earlier process showed of it."""
    services = bot.services
    surroundings = Surroundings(
        client=bot,
        clock=services.clock,
        pace=services.pace,
        place=services.store.place,
        growing_view=lambda asked: _view(StopButton(asked.trigger_id, services.sentences("buttons.stop"))),
        finished_view=lambda asked, reply: (
            _view(TryAgainButton(asked.trigger_id, services.sentences("buttons.try_again")))
            if reply.kind is ReplyKind.NOTICE and reply.retryable
            else None
        ),
    )
    kind = MessageScreen if question.route.application_id is None else InteractionScreen
    return kind(surroundings, question, message_ids=message_ids)


def _parley(interaction: discord.Interaction[Any]) -> Parley:
    bot: Parley = interaction.client
    return bot


def _view(button: StopButton | TryAgainButton) -> discord.ui.View:
    return discord.ui.View(timeout=None).add_item(button)
