"""Where one reply is shown: the Discord side of a turn."""

from __future__ import annotations

from typing import Protocol

from bot.core.conversation import Page, Reply


class Draft(Protocol):
    """An answer that is still growing."""

    def pages(self) -> tuple[str | Page, ...]:
        """Return what to show of it now, one string per Discord message, marked unfinished; a page may have files."""
        ...


class Screen(Protocol):
    """Where one reply is shown: the Discord side of a turn."""

    def show(self, draft: Draft) -> None:
        """Show the draft as it is whenever the channel's pace allows the next edit. Cheap: called for every delta."""
        ...

    async def deliver(self, reply: Reply) -> None:
        """Replace what is shown with the finished reply, at once.

        Safe to repeat. Raises ``DeliveryFailed`` (try again later) or ``DeliveryRefused`` (never).
        """
        ...

    def abandon(self) -> None:
        """Show nothing more, and leave what is shown: its place is gone."""
        ...
