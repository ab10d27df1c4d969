"""Replies that were paid for and that Discord did not take: kept until their asker's next command."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from bot.core.conversation import Claim, Question
from bot.core.errors import DeliveryFailed, DeliveryRefused, StoreUnavailable
from bot.core.ports import TurnStore

log = logging.getLogger(__name__)


class ParkedReplies:
    """Whose replies wait is known from memory: nobody else's command pays for looking."""

    def __init__(self, store: TurnStore) -> None:
        self._store = store
        self._authors: set[int] = set()

    async def load(self) -> None:
        """Learn whose replies an earlier run parked."""
        self._authors |= await self._store.parked_authors()

    async def add(self, question: Question) -> None:
        """Park the stored reply to a question."""
        await self._store.park(question.trigger_id)
        self._authors.add(question.author_id)

    async def show(self, member_id: int, show: Callable[[Claim], Awaitable[None]]) -> None:
        """Show a member's parked replies, to nobody else; what Discord does not take now stays parked."""
        if member_id not in self._authors:
            return
        self._authors.discard(member_id)  # two commands at once: one shows them
        try:
            for claim in await self._store.parked(member_id):
                await show(claim)
                await self._store.finish(claim.question.trigger_id)
        except (DeliveryFailed, DeliveryRefused, StoreUnavailable) as error:
            self._authors.add(member_id)
            log.warning("a parked reply was not shown", extra={"author_id": member_id, "detail": error.detail})
