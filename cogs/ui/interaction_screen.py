"""Shows an answer to an interaction: page 0 is a PATCH of its original response."""

from __future__ import annotations

import discord

from bot.core.conversation import Page, ReplyKind
from bot.core.errors.delivery import DeliveryRefused
from cogs.ui.calls import nonce
from cogs.ui.channel_messages import attachments_of, call_with
from cogs.ui.screen import KEEP, DiscordScreen


class InteractionScreen(DiscordScreen):
    """An answer to an interaction: its original response, and further messages in the channel."""

    _response_is_gone = False  # somebody deleted it, and a message of the channel stands in its place

    @property
    def _pace_key(self) -> str:
        return str(self._question.route.interaction_token)

    async def _send(self, number: int, page: Page, kind: ReplyKind, view: discord.ui.View | None) -> discord.Message:
        if number == 0:
            raise DeliveryRefused("the interaction has no original response")
        return await self._channel.send(page, view, nonce(kind, self._question.trigger_id, number))

    async def _edit(self, number: int, page: Page, view: discord.ui.View | None) -> None:
        if number > 0 or self._response_is_gone:
            await self._edit_in_channel(number, page, view)
            return
        route = self._question.route
        if route.application_id is None or route.interaction_token is None:
            if route.ephemeral:
                raise DeliveryRefused("the interaction's token is gone")
            await self._edit_in_channel(0, page, view)  # a visible response is a message of the bot like any other
            return
        webhook = discord.Webhook.partial(route.application_id, route.interaction_token, client=self._around.client)

        async def edit() -> discord.WebhookMessage:
            return await webhook.edit_message(
                self._shown[0].message_id,
                content=page.content,
                attachments=attachments_of(page, clears=self._clears),
                view=view,
            )

        try:
            await call_with(page, edit, clock=self._around.clock)
        except DeliveryRefused as error:
            if route.ephemeral or type(error) is not DeliveryRefused:
                raise  # only the token leads there, and a private answer is never shown anywhere else
            # The token has ended after its 15 minutes; the message is the bot's own, and the channel leads there too.
            await self._edit_in_channel(0, page, view)

    async def _replace(self, number: int, page: Page, kind: ReplyKind, view: discord.ui.View | None) -> None:
        if self._question.route.single_page:  # private, or nothing can be sent there
            raise DeliveryRefused("the original response was deleted")
        buttons = None if view is KEEP else view
        self._response_is_gone = True
        await self._send_again(number, page, kind, lambda again: self._channel.send(page, buttons, again))
