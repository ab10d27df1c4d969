"""The messages of a reply in its channel: all of an answer to a message, the further ones to an interaction."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import discord

from bot.core.conversation import Page, Question, Reply
from bot.core.errors.delivery import DeliveryRefused, MayNotAttach
from bot.core.pacing import EditPace
from bot.core.ports.clock import Clock
from cogs.ui.calls import CALL_SECONDS, UPLOAD_SECONDS, call, is_missing_right
from cogs.ui.recovering import Traces, find_pages
from cogs.ui.voice import is_refused_voice, send_voice

log = logging.getLogger(__name__)

T = TypeVar("T")

Place = Callable[[int, int, int], Awaitable[None]]  # trigger id, page, message id


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every screen of the process shares. ``view`` makes the buttons of a reply, fresh for every call.

    ``has_room``: whether an edit that nobody would miss may be made. ``sends``: is told every nonce. ``lacks_right``:
    is told the channel in which the bot lacks a permission.
    """

    client: discord.Client
    clock: Clock
    pace: EditPace
    place: Place
    has_room: Callable[[], bool]
    sends: Callable[[str], str]
    lacks_right: Callable[[int], None]
    growing_view: Callable[[Question], discord.ui.View]
    finished_view: Callable[[Question, Reply], discord.ui.View | None]


class ChannelMessages:
    """The messages of one reply in its channel."""

    def __init__(self, surroundings: Surroundings, question: Question) -> None:
        self._around = surroundings
        self._question = question

    @property
    def _channel(self) -> discord.PartialMessageable:
        return self._around.client.get_partial_messageable(
            self._question.route.channel_id, guild_id=self._question.guild_id
        )

    async def send(self, page: Page, view: discord.ui.View | None, nonce: str, **options: Any) -> discord.Message:
        """Make a message. Raises ``DeliveryFailed`` or ``DeliveryRefused``, like every call here."""
        if view is not None:
            options["view"] = view

        async def send() -> discord.Message:
            files = files_of(page)
            attached = {**options, "files": files} if files else options
            return await self._channel.send(page.content or None, nonce=self._around.sends(nonce), **attached)

        return await call_with(page, send, clock=self._around.clock)

    async def send_voice(self, page: Page, nonce: str) -> discord.Message:
        """Send a voice message, or a plain file where voice messages are not allowed."""
        [file], client = page.files, self._around.client
        try:
            return await call(
                lambda: send_voice(client, self._channel, file, nonce=self._around.sends(nonce)),
                clock=self._around.clock,
                seconds=UPLOAD_SECONDS,
            )
        except DeliveryRefused as error:
            if not is_refused_voice(error):
                raise
            log.info("a voice message goes as a file", extra={"detail": error.detail})
            return await self.send(Page("", (replace(file, voice=None),)), None, nonce)

    async def edit(self, message_id: int, page: Page, view: discord.ui.View | None, *, clears: bool) -> None:
        """Change a message. Raises ``discord.NotFound`` when somebody deleted it."""
        message = self._channel.get_partial_message(message_id)

        async def edit() -> discord.Message:
            return await message.edit(content=page.content, attachments=attachments_of(page, clears=clears), view=view)

        await call_with(page, edit, clock=self._around.clock)

    async def delete(self, message_id: int) -> None:
        """Take a message away, if nobody was faster."""
        with contextlib.suppress(discord.NotFound):
            await call(lambda: self._channel.get_partial_message(message_id).delete(), clock=self._around.clock)

    async def find(self, traces: Traces) -> list[int]:
        """Return the messages of this reply that nobody wrote down, oldest first."""
        return await call(lambda: find_pages(self._channel, self._question, traces), clock=self._around.clock)


async def call_with(page: Page, make: Callable[[], Awaitable[T]], *, clock: Clock) -> T:
    """Call Discord with a page, which may need the right to attach files: raises ``MayNotAttach`` without it."""
    try:
        return await call(make, clock=clock, seconds=UPLOAD_SECONDS if page.files else CALL_SECONDS)
    except DeliveryRefused as error:
        if page.files and is_missing_right(error):
            raise MayNotAttach(error.detail) from error
        raise


def is_voice(page: Page) -> bool:
    """Whether a page is a native voice message."""
    return len(page.files) == 1 and page.files[0].voice is not None


def files_of(page: Page) -> list[discord.File]:
    """Return the page's files, opened anew: a repeated call needs fresh ones."""
    return [
        discord.File(io.BytesIO(file.content), file.name, description=file.description, spoiler=file.spoiler)
        for file in page.files
    ]


def attachments_of(page: Page, *, clears: bool) -> Any:
    """Return what an edit puts in place of the attachments: the page's files, or none with ``clears``, or nothing."""
    return files_of(page) or ([] if clears else discord.utils.MISSING)
