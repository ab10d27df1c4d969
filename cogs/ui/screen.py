"""Shows one reply on Discord: edits at the channel's pace while it grows, then page by page as it was stored.

Both kinds of screen show page 0 first and further pages as messages of their own. They differ in page 0: an answer to a
message is a reply with a deterministic nonce, an answer to an interaction is a PATCH of its original response.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import discord

from bot.core.conversation import Page, Question, Reply, ReplyKind
from bot.core.errors.delivery import DeliveryFailed, DeliveryRefused
from bot.core.limits import EDIT_SECONDS
from bot.core.ports.screen import Draft
from cogs.ui.calls import is_missing_right, nonce
from cogs.ui.channel_messages import ChannelMessages, Surroundings, is_voice
from cogs.ui.recovering import Traces

log = logging.getLogger(__name__)

FIRST_EDIT_SECONDS = EDIT_SECONDS / 2  # the first words are few: the next ones follow sooner

KEEP = discord.utils.MISSING  # as a view: leave the buttons as they are


@dataclass(slots=True)
class _Shown:
    """A message that shows a page. ``content`` is ``None`` when another process wrote it."""

    message_id: int
    content: str | None
    growing: bool = False  # this process wrote something unfinished there
    has_buttons: bool = False  # of an answer that goes on in no other message yet


class DiscordScreen(ABC):
    """One reply. Not for two turns, and not for two processes at once.

    ``message_ids``: what an earlier process wrote down of what it showed. It may have shown more.
    ``takes_over``: the messages of an answer that this one replaces.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        question: Question,
        *,
        message_ids: tuple[int, ...] | None = None,
        takes_over: tuple[int, ...] = (),
    ) -> None:
        self._around = surroundings
        self._question = question
        route = question.route
        known = message_ids or takes_over or ((route.response_id,) if route.response_id is not None else ())
        self._shown = [_Shown(message_id, None) for message_id in known]
        self._unsure = message_ids is not None and not route.ephemeral
        self._draft: Draft | None = None
        self._edits: asyncio.Task[None] | None = None
        self._pausing = False
        self._finished = False
        self._channel = ChannelMessages(surroundings, question)

    # While it grows

    def show(self, draft: Draft) -> None:
        """Show the draft as it is whenever the channel's pace allows the next edit."""
        self._draft = draft
        if self._edits is None and not self._finished:
            self._edits = asyncio.create_task(self._keep_showing())

    async def _keep_showing(self) -> None:
        try:
            while self._draft is not None and not self._finished:
                if not self._around.has_room():  # finished answers of all channels go first
                    await self._pause(EDIT_SECONDS)
                    continue
                if any(shown.content is not None for shown in self._shown):  # the very first words never wait
                    wait = self._around.pace.reserve(self._pace_key, self._around.clock.perf_seconds())
                    if wait > 0:
                        await self._pause(wait)
                draft, self._draft = self._draft, None
                if draft is not None:
                    await self._show_growing(draft)
        except (DeliveryFailed, DeliveryRefused, discord.HTTPException) as error:
            # Growing text is a courtesy: the finished answer is delivered, retried and accounted for by itself.
            log.info("an unfinished answer was not shown", extra={"detail": str(error)[:60]})
            self._finished = True
            self._unsure = not self._question.route.ephemeral
        finally:
            self._edits = None

    async def _show_growing(self, draft: Draft) -> None:
        await self._recover(None)
        pages = [page if isinstance(page, Page) else Page(page) for page in draft.pages()]
        # One new message at a time: it is the newest and has the buttons, by which a later process would find it.
        await self._show_pages(pages[: len(self._shown) + 1], growing=True)
        if len(self._shown) < len(pages) and self._draft is None:
            self._draft = draft

    async def _pause(self, seconds: float) -> None:
        self._pausing = True
        try:
            await self._around.clock.sleep(seconds)
        finally:
            self._pausing = False

    async def _stop_showing(self) -> None:
        """Wait for an edit that is on its way, so that it cannot arrive after the finished answer."""
        self._finished = True
        if self._edits is not None:
            if self._pausing:
                self._edits.cancel()
            await asyncio.wait([self._edits])

    def abandon(self) -> None:
        """Show nothing more, and leave what is shown: its place is gone."""
        self._finished = True
        if self._edits is not None:
            self._edits.cancel()

    # When it is finished

    async def deliver(self, reply: Reply) -> None:
        """Replace what is shown with the finished reply, at once. Safe to repeat."""
        await self._stop_showing()
        self._around.pace.note(self._pace_key, self._around.clock.perf_seconds())
        await self._recover(reply)
        try:
            await self._show_pages(reply.pages, growing=False, reply=reply)
        except DeliveryRefused as error:
            if is_missing_right(error):
                self._around.lacks_right(self._question.route.channel_id)
            if type(error) is DeliveryRefused:  # others are followed by a sentence in its place
                await self._take_away_unfinished()
            raise
        except DeliveryFailed:
            # Discord may have taken what it did not confirm, and forgets nonces after some minutes: look next time.
            self._unsure = not self._question.route.ephemeral
            raise
        for surplus in self._shown[len(reply.pages) :]:
            await self._drop(surplus)
        del self._shown[len(reply.pages) :]

    async def _take_away_unfinished(self) -> None:
        """Leave no half answer behind that says it is still being written."""
        for shown in [shown for shown in self._shown if shown.growing]:
            try:
                await self._drop(shown)
            except (DeliveryFailed, DeliveryRefused) as error:
                log.info("an unfinished answer stays in sight", extra={"detail": error.detail})
            else:
                self._shown.remove(shown)

    async def _show_pages(
        self, pages: list[Page] | tuple[Page, ...], *, growing: bool, reply: Reply | None = None
    ) -> None:
        kind = reply.kind if reply is not None else ReplyKind.ANSWER
        with_buttons = max((number for number, page in enumerate(pages) if not is_voice(page)), default=0)
        for number, page in enumerate(pages):
            last = number == with_buttons
            shown = self._shown[number] if number < len(self._shown) else None
            if is_voice(page):
                if shown is None:  # one that stands is never changed
                    await self._create_voice(number, page, kind)
            elif shown is None:
                await self._create(number, page, kind, self._view(reply) if last else None)
            elif not growing or shown.content is None:
                await self._update(number, page, kind, self._view(reply) if last else None)
            elif shown.content != page.content or page.files or (shown.has_buttons and not last):
                # The buttons stay where they stand, until the answer goes on in another message.
                await self._update(number, page, kind, KEEP if last else None)
            self._shown[number].growing, self._shown[number].has_buttons = growing, last

    def _view(self, reply: Reply | None) -> discord.ui.View | None:
        """Return the buttons of the newest page, made anew: discord.py forgets a view's items when it is sent twice."""
        if reply is None:
            return self._around.growing_view(self._question)
        return self._around.finished_view(self._question, reply)

    async def _recover(self, reply: Reply | None) -> None:
        """Once, for a turn that a restart left: take what is shown already, whatever was written down of it."""
        if not self._unsure:
            return
        around, question = self._around, self._question
        views = [around.growing_view(question), around.finished_view(question, reply) if reply is not None else None]
        pages = reply.pages[len(self._shown) :] if reply is not None else ()
        traces = Traces(
            own_id=around.client.user.id if around.client.user is not None else 0,
            known=frozenset(shown.message_id for shown in self._shown),
            custom_ids=frozenset(
                str(getattr(item, "custom_id", None)) for view in views if view for item in view.children
            ),
            texts=frozenset(page.content.strip() for page in pages if page.content),
            file_names=frozenset(file.name for page in pages if is_voice(page) for file in page.files),
        )
        try:
            found = await self._channel.find(traces)
        except DeliveryRefused as error:  # the bot may not read there; the nonces hold for some minutes all the same
            log.info("could not look for what was shown", extra={"detail": error.detail})
        else:
            for message_id in found:
                self._shown.append(_Shown(message_id, None))
                await self._remember(len(self._shown) - 1, message_id)
        self._unsure = False

    async def _create(self, number: int, page: Page, kind: ReplyKind, view: discord.ui.View | None) -> None:
        message = await self._send(number, page, kind, view)
        self._shown.append(_Shown(message.id, message.content))
        await self._remember(number, message.id)
        self._around.pace.note(
            self._pace_key, self._around.clock.perf_seconds(), gap_seconds=FIRST_EDIT_SECONDS if number == 0 else 0
        )
        if message.content.strip() != page.content.strip():
            # Discord knew the nonce: this is what an earlier process wrote.
            await self._update(number, page, kind, view)

    async def _create_voice(self, number: int, page: Page, kind: ReplyKind) -> None:
        message = await self._channel.send_voice(page, nonce(kind, self._question.trigger_id, number))
        self._shown.append(_Shown(message.id, message.content))
        await self._remember(number, message.id)

    async def _remember(self, number: int, message_id: int) -> None:
        """Write down which message shows the page, for a process after this one."""
        await self._around.place(self._question.trigger_id, number, message_id)

    async def _update(self, number: int, page: Page, kind: ReplyKind, view: discord.ui.View | None) -> None:
        shown = self._shown[number]
        try:
            await self._edit(number, page, view)
        except discord.NotFound:
            await self._replace(number, page, kind, view)
        else:
            shown.content = page.content

    async def _drop(self, surplus: _Shown) -> None:
        await self._channel.delete(surplus.message_id)

    async def _send_again(
        self, number: int, page: Page, kind: ReplyKind, send: Callable[[str], Awaitable[discord.Message]]
    ) -> None:
        """Show a page in a new message. The deleted message's nonce still leads to it, so this one needs another."""
        message = await send(nonce(kind, self._shown[number].message_id, number))
        self._shown[number] = _Shown(message.id, message.content)
        await self._remember(number, message.id)

    async def _edit_in_channel(self, number: int, page: Page, view: discord.ui.View | None) -> None:
        await self._channel.edit(self._shown[number].message_id, page, view, clears=self._clears)

    @property
    def _clears(self) -> bool:
        # Under a task an unfinished picture may stand, perhaps of another process: it goes in the end.
        return self._finished and self._question.task is not None

    @property
    @abstractmethod
    def _pace_key(self) -> str: ...

    @abstractmethod
    async def _send(self, number: int, page: Page, kind: ReplyKind, view: discord.ui.View | None) -> discord.Message:
        """Make the message of a page that is not shown yet."""

    @abstractmethod
    async def _edit(self, number: int, page: Page, view: discord.ui.View | None) -> None:
        """Change the message of a page. Raises ``discord.NotFound`` when somebody deleted it."""

    @abstractmethod
    async def _replace(self, number: int, page: Page, kind: ReplyKind, view: discord.ui.View | None) -> None:
        """Do what is right when somebody deleted the message of a page."""
