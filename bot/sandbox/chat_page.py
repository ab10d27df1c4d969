"""SimCord's page of one channel: opened for whom and where somebody chooses, and kept up to date while answers grow.

SimCord raises when two operations overlap, so everything that acts on the environment goes through one lock. Four
things that Discord's own clients do are done here for the page, by way of private names of ``simcord.Preview`` 3.2 (all
of them are in ``ChatPage``; should one go away, opening a page fails loudly):
- an action that was clicked on a text that has grown since is still what the person meant. SimCord refuses it as stale,
  which would make Stop a game of chance: the page asks for news every 0.5 s and the text grows as fast;
- a typed @name becomes a mention;
- a link to a channel or a thread leads there, by way of the lobby;
- the page stays at its end while messages come and grow (a few lines after its own script).
"""

# Elsewhere nothing touches them.
# ruff: noqa: SLF001

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import simcord
from aiohttp import web

from bot.sandbox.world import BOT_NAME, Person, Place, World

log = logging.getLogger(__name__)

SCRIPT = Path(__file__).with_name("chat_page.js")
REFRESH_SECONDS = 0.5  # how often to look whether the bot did something; the page itself polls as often


class ChatPage:
    """The one page that an environment can show at a time."""

    def __init__(self, env: simcord.Env, world: World) -> None:
        self._env = env
        self._world = world
        self._one_at_a_time = asyncio.Lock()
        self.links_lead_to = ""  # the lobby's address for links to channels
        self.shows: Place | None = None
        self._preview: simcord.Preview | None = None
        self._port = 0  # the first page takes a free one, the others take the same
        self._calls_shown = 0
        self._errors_told = 0
        names = {BOT_NAME: world.mention, **{person.name: person.user.mention for person in world.people}}
        self._mentions = {f"@{name}".casefold(): mention for name, mention in names.items()}
        typed = "|".join(map(re.escape, self._mentions))
        self._typed_mention = re.compile(rf"(?<!\w)(?:{typed})\b", re.IGNORECASE)

    @asynccontextmanager
    async def operation(self) -> AsyncIterator[None]:
        """Act on the environment, alone and at the present time."""
        async with self._one_at_a_time:
            behind_seconds = (datetime.now(UTC) - self._env.now()).total_seconds()
            if behind_seconds > 0:
                try:
                    await self._env.advance_time(behind_seconds)
                except TimeoutError as busy:  # the clock has moved all the same
                    log.warning("the bot did not come to rest", exc_info=busy)
            yield

    async def open(self, place: Place, viewer: Person) -> str:
        """Show a place as somebody sees it, in place of what was shown before; return the page's address."""
        everybody = (viewer, *(person for person in self._world.people_in(place) if person != viewer))
        viewers = [person.actor if place.only_for is None else person.user for person in everybody]
        async with self.operation():
            if self._preview is not None:
                await self._preview.close()
            preview = self._env.preview(place.channel, viewers=viewers, layout="channel", port=self._port)
            self._behave_like_discord(preview)
            self._preview = await preview.__aenter__()
            self.shows = place
            self._port = self._port or int(preview.url.split(":")[2].split("/")[0])
            return preview.url

    async def close(self) -> None:
        """Stop serving the page."""
        preview, self._preview = self._preview, None
        if preview is not None:
            await preview.close()

    async def keep_fresh(self) -> None:
        """Show what the bot does, as it does it; leave the page alone while it does nothing."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            calls = len(self._env.http_requests)
            if calls != self._calls_shown:
                try:
                    await self.refresh()
                except Exception as refused:  # the next round tries again: the page goes on following
                    log.warning("the page was not refreshed", exc_info=refused)
                else:
                    self._calls_shown = calls
            self._tell_errors()

    async def refresh(self) -> None:
        """Bring the page up to date, if there is one: a person may have ended it from within."""
        async with self.operation():
            if self._preview is not None and self._preview._active:
                await self._preview.refresh()

    def _behave_like_discord(self, preview: simcord.Preview) -> None:
        admit = preview._action

        async def admit_as_meant(context_id: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
            async with self.operation():
                return await admit(context_id, self._as_meant(preview, context_id, body))

        serve = preview._server._static

        async def serve_with_manners(request: web.Request) -> web.Response:
            response: web.Response = await serve(request)
            if request.path == "/app.js":
                script = SCRIPT.read_text(encoding="utf-8").replace("LINKS_LEAD_TO", json.dumps(self.links_lead_to))
                response.text = f"{response.text}{script}"
            return response

        preview._action = admit_as_meant  # type: ignore[method-assign]
        preview._server._static = serve_with_manners  # type: ignore[method-assign]

    def _as_meant(self, preview: simcord.Preview, context_id: str | None, body: Mapping[str, Any]) -> Mapping[str, Any]:
        meant = dict(body)
        page = preview._pages.get(context_id or "")
        seen = meant.get("published_revision")
        if page is not None and isinstance(seen, int) and seen < page.revision:
            meant["published_revision"] = page.revision
        if meant.get("kind") == "send_message" and isinstance(meant.get("content"), str):
            meant["content"] = self.with_mentions(meant["content"])
        return meant

    def with_mentions(self, text: str) -> str:
        """Return what Discord's client would send: names after an @ as mentions."""
        return self._typed_mention.sub(lambda typed: self._mentions[typed[0].casefold()], text)

    def _tell_errors(self) -> None:
        for error in self._env.errors_since(self._errors_told):
            self._errors_told += 1
            log.error("the bot raised an error", exc_info=error)
