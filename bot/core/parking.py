"""Replies that were paid for and that Discord did not take: kept until their asker's next command."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

from bot.core.conversation import Page, Question, Reply, ReplyKind
from bot.core.errors import StoreUnavailable
from bot.core.errors.delivery import DeliveryFailed, DeliveryRefused, ReplyTooLarge
from bot.core.ports.turns import TurnStore
from bot.core.sentences import Sentences

log = logging.getLogger(__name__)

Show: TypeAlias = Callable[[Reply], Awaitable[None]]
Smaller: TypeAlias = Callable[[Reply], AsyncIterator[Reply]]  # smaller and smaller; nothing for what stays as it is


async def nothing_smaller(_reply: Reply) -> AsyncIterator[Reply]:
    """Give nothing: no file can be made smaller."""
    none: tuple[Reply, ...] = ()
    for reply in none:
        yield reply


class ParkedReplies:
    """Whose replies wait is known from memory: nobody else's command pays for looking."""

    def __init__(self, store: TurnStore, sentences: Sentences, smaller: Smaller = nothing_smaller) -> None:
        self._store = store
        self._sentences = sentences
        self._smaller = smaller
        self._authors: set[int] = set()

    async def load(self) -> None:
        """Learn whose replies an earlier run parked."""
        self._authors |= await self._store.parked_authors()

    async def add(self, question: Question) -> None:
        """Park the stored reply to a question."""
        await self._store.park(question.trigger_id)
        self._authors.add(question.author_id)

    async def show(self, member_id: int, command_id: int, show: Show) -> None:
        """Show a member's parked replies after a command, to nobody else; what fails on the way stays parked.

        Nothing is shown after the very command whose reply was parked: where that one thinks in public, what follows
        it would be public too.
        """
        if member_id not in self._authors:
            return
        self._authors.discard(member_id)  # two commands at once: one shows them
        try:
            claims = await self._store.parked(member_id)
            if any(claim.question.trigger_id == command_id for claim in claims):
                self._authors.add(member_id)
                return
            for claim in claims:
                if claim.reply is not None:
                    await self._show(claim.reply, show)
                await self._store.finish(claim.question.trigger_id)
        except (DeliveryFailed, DeliveryRefused, StoreUnavailable) as error:
            self._authors.add(member_id)
            log.warning("a parked reply was not shown", extra={"author_id": member_id, "detail": error.detail})

    async def _show(self, reply: Reply, show: Show) -> None:
        """Show a reply, or a smaller one, or say that it is given up."""
        try:
            await show_fitting(reply, show, self._smaller)
        except ReplyTooLarge as error:
            log.warning("a parked reply is given up", extra={"detail": error.detail})
            await show(Reply(ReplyKind.NOTICE, (Page(self._sentences("replies.given_up")),)))


async def show_fitting(reply: Reply, show: Show, smaller: Smaller) -> None:
    """Show a reply, made smaller when Discord finds it too large; raises ``ReplyTooLarge`` when nothing fits."""
    try:
        await show(reply)
    except ReplyTooLarge as error:
        refused = error
    else:
        return
    async for fitting in smaller(reply):
        try:
            await show(fitting)
        except ReplyTooLarge as error:
            refused = error
        else:
            return
    raise refused
