"""Shows an answer to a message: page 0 is a reply with a deterministic nonce."""

from __future__ import annotations

import discord

from bot.core.conversation import Page, ReplyKind
from bot.core.errors.delivery import DeliveryRefused
from cogs.ui.calls import is_refused_reference, nonce
from cogs.ui.screen import KEEP, DiscordScreen


class MessageScreen(DiscordScreen):
    """An answer to a message: a reply to it, and further messages after that."""

    @property
    def _pace_key(self) -> str:
        return str(self._question.route.channel_id)

    async def _send(self, number: int, page: Page, kind: ReplyKind, view: discord.ui.View | None) -> discord.Message:
        return await self._send_numbered(number, page, nonce(kind, self._question.trigger_id, number), view)

    async def _send_numbered(
        self, number: int, page: Page, own_nonce: str, view: discord.ui.View | None
    ) -> discord.Message:
        if number > 0:
            return await self._channel.send(page, view, own_nonce)
        route = self._question.route
        reply_to = route.reply_to or self._question.source_message_id
        if reply_to is None:
            return await self._channel.send(page, view, own_nonce)
        reference = discord.MessageReference(
            message_id=reply_to,
            channel_id=route.channel_id,
            guild_id=self._question.guild_id,
            fail_if_not_exists=False,
        )
        try:
            return await self._channel.send(page, view, own_nonce, reference=reference, mention_author=False)
        except DeliveryRefused as error:
            if not is_refused_reference(error):
                raise
            return await self._channel.send(page, view, own_nonce)

    async def _edit(self, number: int, page: Page, view: discord.ui.View | None) -> None:
        await self._edit_in_channel(number, page, view)

    async def _replace(self, number: int, page: Page, kind: ReplyKind, view: discord.ui.View | None) -> None:
        buttons = None if view is KEEP else view
        await self._send_again(number, page, kind, lambda again: self._send_numbered(number, page, again, buttons))
