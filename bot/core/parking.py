"""Replies that were paid for and that Discord did not take: kept until their asker's next command."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeAlias

from bot.core.conversation import Page, Question, Reply, ReplyKind
from bot.core.errors import StoreUnavailable
from bot.core.errors.delivery import DeliveryFailed, DeliveryRefused, ReplyTooLarge
from bot.core.owed import OwedWrites
from bot.core.ports.turns import TurnStore
from bot.core.sentences import Sentences

log = logging.getLogger(__name__)

Show: TypeAlias = Callable[[Reply], Awaitable[None]]
Smaller: TypeAlias = Callable[[Reply], AsyncIterator[Reply]]  # smaller and smaller; nothing for what stays as it is


class ShowParked(Protocol):
    """Shows a page of a parked reply. ``begins``: it is the first one there, and says what this is."""

    async def __call__(self, reply: Reply, *, begins: bool) -> None:
        """Show it once; raises ``DeliveryFailed`` or ``DeliveryRefused``."""
        ...


async def nothing_smaller(_reply: Reply) -> AsyncIterator[Reply]:
    """Give nothing: no file can be made smaller."""
    none: tuple[Reply, ...] = ()
    for reply in none:
        yield reply


class ParkedReplies:
    """Whose replies wait is known from memory: nobody else's command pays for looking."""

    def __init__(
        self,
        store: TurnStore,
        sentences: Sentences,
        smaller: Smaller = nothing_smaller,
        *,
        owed: OwedWrites | None = None,
    ) -> None:
        self._store = store
        self._sentences = sentences
        self._smaller = smaller
        self._owed = owed or OwedWrites()
        self._authors: set[int] = set()

    async def load(self) -> None:
        """Learn whose replies an earlier run parked."""
        self._authors |= await self._store.parked_authors()

    async def add(self, question: Question) -> None:
        """Park the stored reply to a question."""
        await self._store.park(question.trigger_id)
        self._authors.add(question.author_id)

    async def show(self, member_id: int, command_id: int, show: ShowParked) -> None:
        """Show a member's parked replies after a command, to nobody else; what fails on the way stays parked.

        Nothing is shown after the very command whose reply was parked: what was just refused would be again.
        """
        if member_id not in self._authors:
            return
        self._authors.discard(member_id)  # two commands at once: one shows them
        try:
            await self._owed.catch_up()
            claims = await self._store.parked(member_id)
            if any(claim.question.trigger_id == command_id for claim in claims):
                self._authors.add(member_id)
                return
            for claim in claims:
                if self._owed.owes(claim.question.trigger_id):
                    self._authors.add(member_id)  # what is stored of it is not what is left of it
                elif claim.reply is not None:
                    await self._show_rest(claim.question.trigger_id, claim.reply, show)
        except (DeliveryFailed, DeliveryRefused, StoreUnavailable) as error:
            self._authors.add(member_id)
            log.warning("a parked reply was not shown", extra={"author_id": member_id, "detail": error.detail})

    async def _show_rest(self, trigger_id: int, reply: Reply, show: ShowParked) -> None:
        """Show the pages that nobody saw yet. Each leaves the outbox when it stands: nothing finds it on Discord."""
        for number, page in enumerate(reply.pages):
            await self._show(replace(reply, pages=(page,)), partial(show, begins=number == 0))
            left = len(reply.pages) - number - 1
            if left:
                await self._owed.write(trigger_id, partial(self._store.keep_last_pages, trigger_id, left))
        await self._owed.write(trigger_id, partial(self._store.finish, trigger_id))

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
