"""The stand-in as tests use it: started, spoken to by actors, asked what happened."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar

from aiohttp import web

from tests.wire.discord_standin.app_routes import AppRoutes
from tests.wire.discord_standin.buckets import Buckets
from tests.wire.discord_standin.commands import PickerRefusal, button, filled, menu_command, slash_options
from tests.wire.discord_standin.faults import ALWAYS, Fault, Faults
from tests.wire.discord_standin.gateway import RESUME, Gateway
from tests.wire.discord_standin.interaction_routes import COMPONENT, InteractionRoutes
from tests.wire.discord_standin.journal import Frame, Journal, Json, Request, Upload
from tests.wire.discord_standin.message_routes import Composer, MessageRoutes
from tests.wire.discord_standin.payloads import Payloads
from tests.wire.discord_standin.rest import PREFIX, Call, Rest, Routes
from tests.wire.discord_standin.spec import load_spec
from tests.wire.discord_standin.world import (
    VOICE_MESSAGE,
    Attachment,
    Channel,
    Interaction,
    Message,
    MessageKind,
    User,
    World,
)

T = TypeVar("T")
COMMAND, MODAL_SUBMIT = 2, 5  # interaction types
CDN = "/attachments"  # the route of a file, for faults


class StandInClock:
    """Real time that a test can put forward: interaction tokens, nonces and buckets age by it."""

    def __init__(self) -> None:
        self._ahead_seconds = 0.0

    def __call__(self) -> float:
        return time.perf_counter() + self._ahead_seconds

    def advance(self, seconds: float) -> None:
        self._ahead_seconds += seconds


class DiscordStandIn:
    """One Discord with one app in it, on a free port of the loopback interface.

    ``privileged_intents``: the bits that are switched on in the developer portal; IDENTIFY with others ends in 4014.
    ``pace``: how many times faster rate limits end than Discord's.
    """

    def __init__(
        self, *, privileged_intents: int = 0, clock: Callable[[], float] | None = None, pace: float = 1.0
    ) -> None:
        self.clock = clock or StandInClock()
        self.journal = Journal()
        self.world = World()
        self.token = _fake_token(self.world.bot)
        self.payloads = Payloads(self.world, cdn_url="", clock=self.clock)
        self.gateway = Gateway(self.payloads, self.journal, token=self.token, privileged_intents=privileged_intents)
        self.api_url = ""
        composer = Composer(self.world)
        self.routes: Routes = {
            **AppRoutes(self.payloads, self.gateway).table(),
            **MessageRoutes(self.payloads, self.gateway, composer, self.clock).table(),
            **InteractionRoutes(self.payloads, self.gateway, composer, self.clock).table(),
        }
        self._rest = Rest(self.journal, Buckets(self.clock, pace=pace), load_spec(), token=self.token)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        self._rest.register(app, self.routes)
        app.router.add_get("/gateway/", self.gateway.serve)
        app.router.add_get("/gateway", self.gateway.serve)
        app.router.add_get("/attachments/{channel_id}/{attachment_id}/{name}", self._serve_attachment)
        self._rest.refuse_unknown(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.api_url = f"http://127.0.0.1:{port}{PREFIX}"
        self.gateway.url = f"ws://127.0.0.1:{port}/gateway"
        self.payloads.cdn_url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faults.lift()
        if self._runner:
            self.gateway.close(1001)
            await self._runner.cleanup()

    @property
    def gateway_url(self) -> str:
        return self.gateway.url

    @property
    def faults(self) -> Faults:
        """What goes wrong on the way, by script."""
        return self._rest.faults

    @property
    def violations(self) -> list[str]:
        return self.journal.violations

    def requests(self, method: str = "", route: str = "") -> list[Request]:
        """Return the answered requests with this method and a route that ends so, oldest first."""
        return [
            request
            for request in self.journal.requests
            if request.method.startswith(method) and request.route.endswith(route)
        ]

    @property
    def pinged(self) -> set[str]:
        """Everybody whom the bot notified so far."""
        return {name for request in self.journal.requests for name in request.pinged}

    @property
    def rate_limited(self) -> list[Request]:
        """The requests that were answered with 429."""
        return [request for request in self.journal.requests if request.status == 429]

    @property
    def resumes(self) -> list[Frame]:
        """The RESUME frames that came, oldest first."""
        return [frame for frame in self.journal.frames if frame.opcode == RESUME]

    def own_mistakes(self) -> list[str]:
        """Return where the stand-in's answers are not what Discord's OpenAPI document says."""
        if (spec := load_spec()) is None:
            return []
        answered = [request for request in self.journal.requests if request.status < 300]
        found = [spec.complaint_about_answer(r.method, r.route, r.status, r.answer) for r in answered]
        return sorted({complaint for complaint in found if complaint})

    async def wait_for(self, condition: Callable[[], T], timeout: float = 20.0) -> T:
        """Return the first truthy value of ``condition``; see ``Journal.wait_for``."""
        return await self.journal.wait_for(condition, timeout)

    async def ready(self, timeout: float = 60.0) -> Json:
        """Wait until a session of the bot is connected; return its IDENTIFY."""
        sessions = await self.wait_for(lambda: self.gateway.connected, timeout)
        return sessions[-1].identify

    def hold(self, matches: Callable[[Call], bool], *, taken: bool, method: str = "", route: str = "") -> Fault:
        """Stop every request that matches: before Discord takes it, or (``taken``) before its answer leaves."""
        return self.faults.add(Fault("hang", method, route, taken=taken, matches=matches, times=ALWAYS))

    def refuse(
        self, method: str, route: str, status: int, code: int, *, matches: Callable[[Call], bool] | None = None
    ) -> Fault:
        """Refuse a route from now on, as Discord does where a right is missing."""
        return self.faults.add(Fault("refused", method, route, status=status, code=code, matches=matches, times=ALWAYS))

    def replies_to(self, message: Message) -> list[Message]:
        """Return the bot's messages that answer a message, oldest first."""
        return [shown for shown in self.world.shown_by_bot(message.channel) if shown.reply_to is message]

    async def _serve_attachment(self, request: web.Request) -> web.StreamResponse:
        if fault := self.faults.meet("GET", CDN, Call(dict(request.match_info), dict(request.query), None, {})):
            return await fault.answer(request)
        wanted = request.match_info["attachment_id"]
        attachment = self.world.attachment(int(wanted)) if wanted.isdecimal() else None
        if attachment is None or not self.payloads.is_good(request.path, request.query):
            return web.Response(status=404, text="This content is no longer available.")
        upload = attachment.upload
        return web.Response(body=upload.payload, headers={"Content-Type": upload.content_type})

    # What members do.

    def say(
        self,
        channel: Channel,
        author: User,
        text: str,
        *,
        mentions: Iterable[User] = (),
        reply_to: Message | None = None,
        ping: bool = True,
        files: Iterable[Upload] = (),
    ) -> Message:
        """Post a message as a member. ``mentions`` go before the text; ``ping`` is about ``reply_to``."""
        named = [user.mention for user in mentions if user.mention not in text]
        content = " ".join([*named, text])
        mentioned = list(self.world.mentioned_users(content))
        # The response to an interaction belongs to a webhook: a reply to it notifies nobody.
        if reply_to and ping and reply_to.interaction is None and reply_to.author not in mentioned:
            mentioned.append(reply_to.author)
        kind = MessageKind.REPLY if reply_to else MessageKind.DEFAULT
        message = Message(
            self.world.new_id(), channel, author, kind, content, reply_to=reply_to, mentions=tuple(mentioned)
        )
        message.attachments = [Attachment(self.world.new_id(), upload, {}) for upload in files]
        self.world.add_message(message)
        self.gateway.message("MESSAGE_CREATE", message)
        return message

    def voice_message(self, channel: Channel, author: User, content: bytes, *, seconds: float) -> Message:
        """Post a voice message, as a phone does: without a type of the file."""
        message = Message(self.world.new_id(), channel, author, MessageKind.DEFAULT, flags=VOICE_MESSAGE)
        declared = {"duration_secs": seconds, "waveform": "AP8A"}
        upload = Upload("voice-message.ogg", "", content)
        message.attachments = [Attachment(self.world.new_id(), upload, declared)]
        self.world.add_message(message)
        self.gateway.message("MESSAGE_CREATE", message)
        return message

    def edit(self, message: Message, text: str) -> None:
        """Edit a member's message."""
        message.content = text
        message.mentions = self.world.mentioned_users(text)
        message.edited_at = datetime.now(UTC)
        message.note_version()
        self.gateway.message("MESSAGE_UPDATE", message)

    def delete(self, message: Message) -> None:
        """Delete any message."""
        message.deleted = True
        self.gateway.message_deleted(message)

    def slash(self, channel: Channel, user: User, name: str, **values: object) -> Interaction:
        """Run a synced slash command; subcommands follow after a space. An ``Upload`` is a file that comes along."""
        files = {key: self._uploaded(value) for key, value in values.items() if isinstance(value, Upload)}
        options = slash_options(self.world.commands, channel, name, values | files)
        if files:
            rendered = {str(f.attachment_id): self.payloads.attachment(f, channel) for f in files.values()}
            options["resolved"] = {"attachments": rendered}
        return self._interact(COMMAND, channel, user, options)

    def click(self, message: Message, custom_id: str, user: User) -> Interaction:
        """Press a button of a message."""
        pressed = button(message.components, custom_id)
        options = {"custom_id": custom_id, "component_type": pressed["type"]}
        return self._interact(COMPONENT, message.channel, user, options, message)

    def menu(self, message: Message, name: str, user: User) -> Interaction:
        """Choose an entry of a message's menu: Discord sends the message along, with its content."""
        options = menu_command(self.world.commands, message.channel, name)
        target = str(message.message_id)
        rendered = self.payloads.message(message, content_intent=True)
        options |= {"target_id": target, "resolved": {"messages": {target: rendered}}}
        return self._interact(COMMAND, message.channel, user, options)

    def submit(self, opened: Interaction, **values: object) -> Interaction:
        """Fill in the modal that answered an interaction, by custom ids, and send it."""
        if opened.callback is None:
            raise PickerRefusal("no modal was opened")
        options = filled(opened.callback, values)
        return self._interact(MODAL_SUBMIT, opened.channel, opened.user, options, opened_by=opened)

    def _uploaded(self, upload: Upload) -> Attachment:
        file = Attachment(self.world.new_id(), upload, {})
        self.world.options[file.attachment_id] = file
        return file

    def _interact(
        self,
        kind: int,
        channel: Channel,
        user: User,
        options: Json,
        message: Message | None = None,
        opened_by: Interaction | None = None,
    ) -> Interaction:
        interaction = Interaction(
            interaction_id=self.world.new_id(),
            token=secrets.token_urlsafe(64),
            kind=kind,
            channel=channel,
            user=user,
            options=options,
            created_at=self.clock(),
            message=message,
            opened_by=opened_by,
        )
        self.world.interactions[interaction.token] = interaction
        self.gateway.interaction(interaction)
        return interaction


def _fake_token(bot: User) -> str:
    """Return a token in the shape of a real one: the bot's id, a time and a signature, all of them worthless."""
    owner = base64.urlsafe_b64encode(str(bot.user_id).encode()).decode().rstrip("=")
    return f"{owner}.{secrets.token_urlsafe(5)[:6]}.{secrets.token_urlsafe(29)[:38]}"
