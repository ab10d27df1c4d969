"""Routes of messages, channels and threads, and what every message of the bot goes through."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

from tests.wire.discord_standin.gateway import Gateway
from tests.wire.discord_standin.journal import Json, Upload
from tests.wire.discord_standin.payloads import FILE_LIMIT_BYTES, MESSAGE_CONTENT, Payloads
from tests.wire.discord_standin.pings import pinged
from tests.wire.discord_standin.rest import Answer, Call, NotImplementedByStandIn, Refusal, Routes
from tests.wire.discord_standin.world import (
    EPHEMERAL,
    Attachment,
    Channel,
    Interaction,
    Message,
    MessageKind,
    World,
)

CONTENT_CHARS = 2000
NONCE_SECONDS = 300.0  # documented as "the past few minutes"
KEPT_FLAGS = 1 << 2 | 1 << 6 | 1 << 12 | 1 << 13 | 1 << 15  # no embeds, ephemeral, silent, voice, components v2


def unknown(what: str, code: int) -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, code, f"Unknown {what}")


def invalid_form(field: str, code: str, message: str) -> Refusal:
    errors = {field: {"_errors": [{"code": code, "message": message}]}}
    return Refusal(HTTPStatus.BAD_REQUEST, 50035, "Invalid Form Body", errors)


def numbered(components: list[Json] | None) -> list[Json]:
    """Return components as Discord keeps them: without nulls, each with an id 1, 2, 3 … through the whole message."""
    counter = itertools.count(1)

    def number(component: Json) -> Json:
        given: Json = {"id": next(counter)} | _without_nulls(component)
        return given | ({"components": [number(c) for c in given["components"]]} if "components" in given else {})

    return [number(component) for component in components or ()]


def _without_nulls(value: Json) -> Json:
    return {
        key: _without_nulls(inner) if isinstance(inner, dict) else inner
        for key, inner in value.items()
        if inner is not None
    }


class Composer:
    """Turns request bodies into messages: one place for the rules of create, edit and interaction responses."""

    def __init__(self, world: World) -> None:
        self.world = world

    def check(self, body: Json, *, uploads: dict[str, Upload]) -> None:
        """Raise what Discord would raise about the size of a message."""
        if len(body.get("content") or "") > CONTENT_CHARS:
            limit = f"Must be {CONTENT_CHARS} or fewer in length."
            raise invalid_form("content", "BASE_TYPE_MAX_LENGTH", limit)
        if any(len(upload.payload) > FILE_LIMIT_BYTES for upload in uploads.values()):
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 40005, "Request entity too large")

    def compose(
        self,
        channel: Channel,
        kind: MessageKind,
        body: Json,
        uploads: dict[str, Upload],
        *,
        reply_to: Message | None = None,
        interaction: Interaction | None = None,
    ) -> Message:
        """Return a new message of the bot that is not in the world yet."""
        self.check(body, uploads=uploads)
        content = (body.get("content") or "").strip()  # Discord trims
        embeds, components = body.get("embeds") or [], numbered(body.get("components"))
        attachments = self._attachments(body, uploads, known=[])
        self._refuse_empty(body, content, embeds, components, attachments)
        return Message(
            self.world.new_id(),
            channel,
            self.world.bot,
            kind,
            content,
            nonce=body.get("nonce"),
            reply_to=reply_to,
            mentions=self.world.mentioned_users(content),
            embeds=embeds,
            components=components,
            attachments=attachments,
            flags=(body.get("flags") or 0) & KEPT_FLAGS,
            interaction=interaction,
        )

    def edit(self, message: Message, body: Json, uploads: dict[str, Upload]) -> frozenset[str]:
        """Change what the body names, and return whom that pings."""
        self.check(body, uploads=uploads)
        content = (body["content"] or "").strip() if "content" in body else message.content
        embeds = (body["embeds"] or []) if "embeds" in body else message.embeds
        components = numbered(body["components"]) if "components" in body else message.components
        attachments = self._attachments(body, uploads, known=message.attachments)
        self._refuse_empty(body, content, embeds, components, attachments)
        message.content, message.embeds, message.components = content, embeds, components
        message.attachments = attachments
        message.mentions = self.world.mentioned_users(content)
        message.edited_at = datetime.now(UTC)
        message.note_version()
        return pinged(content, body.get("allowed_mentions"), message.reply_to)

    def _attachments(self, body: Json, uploads: dict[str, Upload], *, known: list[Attachment]) -> list[Attachment]:
        declared = {str(entry["id"]): entry for entry in body.get("attachments") or ()}
        kept = [a for a in known if "attachments" not in body or str(a.attachment_id) in declared]
        new = [
            Attachment(self.world.new_id(), upload, declared.get(name.removeprefix("files[").removesuffix("]"), {}))
            for name, upload in uploads.items()
        ]
        return kept + new

    @staticmethod
    def _refuse_empty(body: Json, *shown: object) -> None:
        if not any(shown) and not body.get("poll") and not body.get("sticker_ids"):
            raise Refusal(HTTPStatus.BAD_REQUEST, 50006, "Cannot send an empty message")


class MessageRoutes:
    """Channels, their messages and threads."""

    def __init__(self, payloads: Payloads, gateway: Gateway, composer: Composer, clock: Callable[[], float]) -> None:
        self.payloads = payloads
        self.world = payloads.world
        self.gateway = gateway
        self.composer = composer
        self.clock = clock
        self._nonces: dict[tuple[int, str], tuple[float, Message]] = {}

    def table(self) -> Routes:
        messages = "/channels/{channel_id}/messages"
        return {
            ("GET", "/channels/{channel_id}"): self.read_channel,
            ("POST", messages): self.create,
            ("GET", messages): self.history,
            ("GET", messages + "/{message_id}"): self.read,
            ("PATCH", messages + "/{message_id}"): self.edit,
            ("DELETE", messages + "/{message_id}"): self.delete,
            ("POST", messages + "/{message_id}/threads"): self.start_thread,
            ("POST", "/channels/{channel_id}/threads"): self.start_thread,
            ("POST", "/channels/{channel_id}/typing"): self.typing,
            ("POST", "/users/@me/channels"): self.open_dm,
        }

    def read_channel(self, call: Call) -> Answer:
        return Answer(self.payloads.channel(self._channel(call)))

    def typing(self, call: Call) -> Answer:
        self._channel(call)
        return Answer()

    def open_dm(self, call: Call) -> Answer:
        user = self.world.users.get(int(call.body["recipient_id"]))
        if user is None:
            raise unknown("User", 10013)
        return Answer(self.payloads.channel(self.world.dm_with(user)))

    def create(self, call: Call) -> Answer:
        channel, body = self._channel(call), call.body or {}
        nonce = body.get("nonce")
        if nonce is not None and body.get("enforce_nonce"):
            at, first = self._nonces.get((channel.channel_id, str(nonce)), (0.0, None))
            if first is not None and self.clock() - at < NONCE_SECONDS:
                if first.deleted:
                    raise unknown("Message", 10008)
                return Answer(self._render(first))
        reply_to = self._reply_to(body, channel)
        kind = MessageKind.REPLY if reply_to else MessageKind.DEFAULT
        message = self.composer.compose(channel, kind, body, call.uploads, reply_to=reply_to)
        message.flags &= ~EPHEMERAL  # only interactions have ephemeral responses
        self.world.add_message(message)
        if nonce is not None:
            self._nonces[channel.channel_id, str(nonce)] = (self.clock(), message)
        self.gateway.message("MESSAGE_CREATE", message)
        return Answer(self._render(message), pinged=pinged(message.content, body.get("allowed_mentions"), reply_to))

    def edit(self, call: Call) -> Answer:
        message = self._message(call)
        if message.author != self.world.bot:
            raise Refusal(HTTPStatus.FORBIDDEN, 50005, "Cannot edit a message authored by another user")
        notified = self.composer.edit(message, call.body or {}, call.uploads)
        self.gateway.message("MESSAGE_UPDATE", message)
        return Answer(self._render(message), pinged=notified)

    def delete(self, call: Call) -> Answer:
        message = self._message(call)
        if message.author != self.world.bot:
            raise Refusal(HTTPStatus.FORBIDDEN, 50013, "Missing Permissions")
        message.deleted = True
        self.gateway.message_deleted(message)
        return Answer()

    def read(self, call: Call) -> Answer:
        return Answer(self._render(self._message(call)))

    def history(self, call: Call) -> Answer:
        """Answer newest first: before, after and limit; ``around`` nobody needs yet."""
        if "around" in call.query:
            raise NotImplementedByStandIn("with around")
        limit = int(call.query.get("limit", 50))
        before, after = int(call.query.get("before", 1 << 63)), int(call.query.get("after", 0))
        found = [m for m in self.world.history(self._channel(call)) if after < m.message_id < before]
        page = found[-limit:] if "after" in call.query else found[:limit]
        return Answer([self._render(message) for message in page])

    def start_thread(self, call: Call) -> Answer:
        parent = self._channel(call)
        starter = self._message(call) if "message_id" in call.path else None
        thread = self.world.add_thread(parent, call.body["name"], thread_id=starter.message_id if starter else None)
        self.gateway.thread_created(thread)
        # A thread from a message opens with a second message about it, one without is announced in the parent.
        where, kind = (thread, MessageKind.THREAD_STARTER) if starter else (parent, MessageKind.THREAD_CREATED)
        notice = Message(self.world.new_id(), where, self.world.bot, kind, thread.name, reply_to=starter)
        self.world.add_message(notice)
        self.gateway.message("MESSAGE_CREATE", notice)
        return Answer(self.payloads.channel(thread), HTTPStatus.CREATED)

    def _render(self, message: Message) -> Json:
        intent = bool(self.gateway.privileged_intents & MESSAGE_CONTENT)
        return self.payloads.message(message, content_intent=intent)

    def _channel(self, call: Call) -> Channel:
        channel = self.world.channels.get(call.number("channel_id"))
        if channel is None:
            raise unknown("Channel", 10003)
        return channel

    def _message(self, call: Call) -> Message:
        channel = self._channel(call)
        message = self.world.messages.get(call.number("message_id"))
        if message is None or message.deleted or message.ephemeral or message.channel != channel:
            raise unknown("Message", 10008)
        return message

    def _reply_to(self, body: Json, channel: Channel) -> Message | None:
        reference = body.get("message_reference")
        if not reference:
            return None
        message = self.world.messages.get(int(reference["message_id"]))
        if message and not message.deleted and not message.ephemeral and message.channel == channel:
            return message
        if reference.get("fail_if_not_exists", True):
            raise invalid_form("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
        return None
