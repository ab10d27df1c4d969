"""The lobby: the page whose address is printed. From here a person goes to a channel, and does what that page lacks.

It listens on loopback only. The address holds a key of this run and every form posts below it, so no other page in the
browser can act here; the Host header is checked, so no other name leads here either.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import simcord
from aiohttp import web
from multidict import MultiDictProxy

from bot.sandbox.lobby_html import LobbyView, render
from bot.sandbox.problem import PortInUse
from bot.sandbox.sandbox import File, Sandbox
from bot.sandbox.world import Person, Place

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
FILE_BYTES = 10 * 1024 * 1024  # Discord's limit for one file without boosts
FILES = 10  # Discord's limit for one message
BODY_BYTES = 26 * 1024 * 1024
SHUTDOWN_SECONDS = 0.5
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Opening a channel leads to SimCord's page, which has a port of its own.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self' http://127.0.0.1:*; "
    "base-uri 'none'; frame-ancestors 'none'",
}
STYLE = Path(__file__).with_name("lobby.css")

Form: TypeAlias = MultiDictProxy[str | bytes | bytearray | web.FileField]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Lobby:
    """Serves the lobby; an async context manager. ``sandbox`` is what it acts on: it may be exchanged by a reset."""

    def __init__(self, *, port: int, answered_by: str) -> None:
        self._port = port
        self._answered_by = answered_by
        self._key = secrets.token_urlsafe(12)
        self._runner: web.AppRunner | None = None
        self._sandbox: asyncio.Future[Sandbox] = asyncio.get_running_loop().create_future()
        self._notice = ""
        self._chosen = ""
        self.reset_wanted = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._guard], client_max_size=BODY_BYTES)
        app.add_routes(
            [
                web.get(self._path(""), self._show),
                web.get(self._path("lobby.css"), self._style),
                web.get(self._path("at"), self._follow),
                web.post(self._path("open"), self._open),
                web.post(self._path("send"), self._send),
                web.post(self._path("menu"), self._menu),
                web.post(self._path("reset"), self._reset),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, self._port).start()
        except (OSError, OverflowError) as error:
            await runner.cleanup()
            problem = f"port {self._port} cannot be used: choose another one with --port, or leave it out"
            raise PortInUse(problem) from error
        self._runner = runner
        self._port = runner.addresses[0][1]
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @property
    def url(self) -> str:
        """The address to open."""
        return f"http://{HOST}:{self._port}{self._path('')}"

    def enter(self, sandbox: Sandbox) -> None:
        """Act on this sandbox from now on."""
        self.reset_wanted.clear()
        sandbox.page.links_lead_to = f"{self.url}at"
        self._sandbox.set_result(sandbox)

    def leave(self) -> None:
        """Let requests wait for the next sandbox."""
        if self._sandbox.done():
            self._sandbox = asyncio.get_running_loop().create_future()

    def _path(self, name: str) -> str:
        return f"/{self._key}/{name}"

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host not in (f"{HOST}:{self._port}", f"localhost:{self._port}"):
            raise web.HTTPForbidden(text="This page is only for this machine.")
        try:
            response = await handler(request)
        except web.HTTPNotFound:
            response = web.Response(status=404, text="Open the whole address that the terminal shows.")
        response.headers.update(HEADERS)
        return response

    # What the page does

    async def _show(self, _request: web.Request) -> web.Response:
        sandbox = await self._present()
        notice, self._notice = self._notice, ""
        menus = sandbox.menus()
        view = LobbyView(
            answered_by=self._answered_by,
            people=sandbox.world.people,
            places=sandbox.world.places_of(sandbox.world.people[0]),
            chosen=self._chosen or sandbox.world.people[0].key,
            notice=notice,
            menus=menus,
            menu_targets=tuple(sandbox.menu_targets()) if menus else (),
        )
        return web.Response(text=render(view), content_type="text/html")

    async def _style(self, _request: web.Request) -> web.Response:
        return web.Response(text=STYLE.read_text(encoding="utf-8"), content_type="text/css")

    async def _open(self, request: web.Request) -> web.Response:
        sandbox = await self._present()
        form = await request.post()
        person, place = self._choice(sandbox, form)
        return _go(await sandbox.page.open(place, person))

    async def _follow(self, request: web.Request) -> web.Response:
        """Go where a link in a conversation leads."""
        sandbox = await self._present()
        person = sandbox.world.person(self._chosen or sandbox.world.people[0].key)
        channel_id, name = request.query.get("channel", ""), request.query.get("name", "")
        place = sandbox.world.place_of_link(person, channel_id=channel_id, name=name)
        if place is None:
            self._notice = "That link leads to no place of this server."
            return _go(self._path(""))
        return _go(await sandbox.page.open(place, person))

    async def _send(self, request: web.Request) -> web.Response:
        sandbox = await self._present()
        form = await request.post()
        person, place = self._choice(sandbox, form)
        fields = [field for field in form.getall("files", []) if isinstance(field, web.FileField)]
        files = [File(field.filename, field.file.read()) for field in fields]
        text = str(form.get("text", "")).strip()
        if not text and not files:
            self._notice = "Nothing was sent: write something or choose a file."
        elif len(files) > FILES or any(len(file.content) > FILE_BYTES for file in files):
            self._notice = "Nothing was sent: Discord takes up to 10 files of up to 10 MiB each."
        elif form.get("voice"):
            if text or len(files) != 1:
                self._notice = "Nothing was sent: a voice message is one sound file without words."
            else:
                sending = sandbox.send_voice(person, place, files[0])
                self._notice = await _told(sending, f"Sent to {place.name} as {person.name}.")
        else:
            sending = sandbox.send(person, place, text, files)
            self._notice = await _told(sending, f"Sent to {place.name} as {person.name}.")
        return _go(self._path(""))

    async def _menu(self, request: web.Request) -> web.Response:
        sandbox = await self._present()
        form = await request.post()
        person = self._person(sandbox, form)
        target = next((t for t in sandbox.menu_targets() if str(t.message_id) == form.get("message")), None)
        if target is None:
            self._notice = "That message is no longer there."
        elif target.place.only_for not in (None, person):
            self._notice = f"Only {target.place.only_for.name} sees that message: choose {target.place.only_for.name}."
        else:
            using = sandbox.use_menu(person, str(form.get("menu", "")), target)
            self._notice = await _told(using, f"Used as {person.name}. The answer is in {target.place.name}.")
        return _go(self._path(""))

    async def _reset(self, _request: web.Request) -> web.Response:
        await self._present()
        self.leave()
        self.reset_wanted.set()
        await self._present()
        self._notice = "Everything was forgotten."
        return _go(self._path(""))

    async def _present(self) -> Sandbox:
        return await asyncio.shield(self._sandbox)

    def _choice(self, sandbox: Sandbox, form: Form) -> tuple[Person, Place]:
        person = self._person(sandbox, form)
        try:
            return person, sandbox.world.place(str(form.get("place", "")), person)
        except KeyError:
            raise web.HTTPBadRequest(text="There is no such place.") from None

    def _person(self, sandbox: Sandbox, form: Form) -> Person:
        try:
            person = sandbox.world.person(str(form.get("person", "")))
        except KeyError:
            raise web.HTTPBadRequest(text="There is no such person.") from None
        self._chosen = person.key
        return person


def _go(url: str) -> web.Response:
    return web.Response(status=303, headers={"Location": url})


async def _told(work: Awaitable[None], done: str) -> str:
    """Return what came of it, as a sentence."""
    try:
        await work
    except (simcord.BackendError, simcord.SetupError) as refusal:
        return f"Discord refused it: {refusal}"
    except TimeoutError:
        return "Done, but the bot is still busy with it."
    return done
