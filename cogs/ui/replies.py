"""A reply's buttons, and the screen that shows it.

Buttons survive restarts: the custom id carries the turn's id only, and rights are checked again when one is pressed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import discord

from bot.app import Parley
from bot.core.conversation import Question, Reply, ReplyKind, TriggerKind
from bot.core.errors.refusals import PrivateStaysPrivate
from bot.core.sentences import Sentences
from bot.core.tasks import PictureTask, SoundTask
from bot.core.turns import StopOutcome
from cogs.ui import acting, drawing
from cogs.ui.acknowledging import NotAcknowledged, defer
from cogs.ui.asking import ask, is_private, is_refused
from cogs.ui.attached import files_again
from cogs.ui.channel_messages import Surroundings
from cogs.ui.interaction_screen import InteractionScreen
from cogs.ui.message_screen import MessageScreen
from cogs.ui.picture_buttons import picture_view
from cogs.ui.questions import may_read_history, route_of_interaction
from cogs.ui.screen import DiscordScreen
from cogs.ui.sound_buttons import ReadAloudButton
from cogs.ui.telling import follow_up, parley, told
from cogs.ui.transcript_buttons import transcript_buttons
from cogs.ui.turn_button import TurnButton

Buttons = discord.ui.DynamicItem[discord.ui.Button[Any]]

OUTCOMES = {
    StopOutcome.NOT_RUNNING: "replies.nothing_to_stop",
    StopOutcome.NOT_YOURS: "replies.not_yours_to_stop",
}


class StopButton(TurnButton, discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"stop:(?P<trigger_id>\d{1,20})"):
    """Stops an answer that is still being written."""

    name, emoji = "stop", "⏹️"

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Stop the answer, for its asker or a moderator."""
        services = parley(interaction).services
        outcome = services.turns.stop(
            self.trigger_id, member_id=interaction.user.id, is_moderator=interaction.permissions.manage_messages
        )
        if outcome is StopOutcome.STOPPING:  # the answer itself shows it
            with suppress(NotAcknowledged):
                await defer(interaction, ephemeral=False, thinking=False)
            return
        await interaction.response.send_message(services.sentences(OUTCOMES[outcome]), ephemeral=True)


class TryAgainButton(
    TurnButton, discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"again:(?P<trigger_id>\d{1,20})"
):
    """Asks a question again that could not be answered; the notice becomes the answer."""

    name, emoji, style = "again", "🔁", discord.ButtonStyle.primary

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Answer the kept question in place of the notice, for the person who asked it."""
        if await is_refused(interaction):
            return
        bot, ephemeral = parley(interaction), is_private(interaction)
        services = bot.services
        try:
            response_id = await defer(interaction, ephemeral=ephemeral, thinking=False)
        except NotAcknowledged:
            return
        async with told(interaction, in_response=False):
            kept = await services.turns.kept_question(self.trigger_id, interaction.user.id)
            if kept is not None and not ephemeral and (kept.route.ephemeral or kept.is_private):
                raise PrivateStaysPrivate  # whatever the message is that the button stands under
            if kept is None:
                await follow_up(interaction, services.sentences("replies.nothing_to_retry"))
                return
            question = replace(
                kept,
                trigger_id=interaction.id,
                message_id=kept.source_message_id,
                kind=TriggerKind.INTERACTION,
                route=route_of_interaction(interaction, response_id=response_id, ephemeral=ephemeral),
                asked_at=interaction.created_at,
                hears_others=kept.is_private or may_read_history(interaction),
                payer_id=None,  # only its author can press this
            )
            await ask(interaction, question, files_again(bot, question), retries=self.trigger_id)


class RegenerateButton(
    TurnButton, discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"regen:(?P<trigger_id>\d{1,20})"
):
    """Answers the latest question anew."""

    name, emoji = "regen", "🔄"

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Answer anew, in place."""
        await acting.regenerate(interaction, self.trigger_id)


class ContinueButton(
    TurnButton, discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"more:(?P<trigger_id>\d{1,20})"
):
    """Goes on with an answer that was cut."""

    name, emoji = "more", "▶️"

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Go on below."""
        await acting.go_on(interaction, self.trigger_id)


class BranchButton(
    TurnButton, discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"branch:(?P<trigger_id>\d{1,20})"
):
    """Continues the conversation from an answer in a thread."""

    name, emoji = "branch", "🌿"

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Open the thread."""
        await acting.branch(interaction, self.trigger_id)


class DeleteButton(
    TurnButton, discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"delete:(?P<trigger_id>\d{1,20})"
):
    """Forgets a question with its answer."""

    name, emoji = "delete", "🗑️"

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Forget it and take away the messages."""
        await acting.delete(interaction, self.trigger_id)


class DrawButton(TurnButton, discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"draw:(?P<trigger_id>\d{1,20})"):
    """Draws the picture that an answer offers to draw."""

    name, emoji = "draw", "🎨"

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Draw it, as a task of its own."""
        await drawing.draw(interaction, self.trigger_id)


BUTTONS = (
    StopButton,
    TryAgainButton,
    RegenerateButton,
    ContinueButton,
    BranchButton,
    DeleteButton,
    DrawButton,
    ReadAloudButton,
)


def _finished_view(sentences: Sentences, question: Question, reply: Reply) -> discord.ui.View | None:
    """Return the buttons under a finished reply. Under an answer that could not be replaced they are about that one."""
    if reply.kind is ReplyKind.NOTICE and question.restores is None:
        return _view(TryAgainButton(question.trigger_id, sentences("buttons.try_again"))) if reply.retryable else None
    if isinstance(question.task, PictureTask):
        return picture_view(sentences, question, reply)
    key, trigger_id = question.conversation, question.trigger_id
    if reply.kind is ReplyKind.NOTICE and question.replaces is not None:
        trigger_id = question.replaces
    delete = DeleteButton(trigger_id, sentences("buttons.delete"))
    buttons: list[Buttons]
    if isinstance(question.task, SoundTask):
        private = question.route.ephemeral
        buttons = transcript_buttons(sentences, trigger_id)
        return _view(*buttons) if private else _view(*buttons, delete)
    if key is None:  # nothing is kept of it but the message itself
        return None if question.route.ephemeral else _view(delete)
    buttons = [DrawButton(trigger_id, sentences("buttons.draw"))] if reply.draws else []
    buttons.append(RegenerateButton(trigger_id, sentences("buttons.regenerate")))
    if reply.incomplete:
        buttons.append(ContinueButton(trigger_id, sentences("buttons.go_on")))
    if key.member_id is None:
        buttons.append(BranchButton(trigger_id, sentences("buttons.branch")))
    buttons.append(ReadAloudButton(trigger_id, sentences("buttons.read_aloud")))
    return _view(*buttons, delete)


def screen_for(
    bot: Parley,
    question: Question,
    *,
    message_ids: tuple[int, ...] | None = None,
    takes_over: tuple[int, ...] = (),
) -> DiscordScreen:
    """Return the screen that shows the reply to a question.

    ``message_ids``: what an earlier process showed of it. ``takes_over``: the messages of an answer that it replaces.
    """
    services = bot.services
    surroundings = Surroundings(
        client=bot,
        clock=services.clock,
        pace=services.pace,
        place=services.turns.place,
        has_room=services.rest.has_room,
        sends=services.sent.add,
        lacks_right=services.paused.pause,
        growing_view=lambda asked: _view(StopButton(asked.trigger_id, services.sentences("buttons.stop"))),
        finished_view=partial(_finished_view, services.sentences),
    )
    kind = MessageScreen if question.route.application_id is None else InteractionScreen
    return kind(surroundings, question, message_ids=message_ids, takes_over=takes_over)


def _view(*buttons: Buttons) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    for button in buttons:
        view.add_item(button)
    return view
