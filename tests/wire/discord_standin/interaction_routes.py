"""Routes of interactions and of the webhook that answers them, with their two clocks."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from tests.wire.discord_standin.gateway import Gateway
from tests.wire.discord_standin.journal import NOBODY, Json
from tests.wire.discord_standin.message_routes import Composer, unknown
from tests.wire.discord_standin.payloads import Payloads
from tests.wire.discord_standin.pings import pinged
from tests.wire.discord_standin.rest import Answer, Call, NotImplementedByStandIn, Refusal, Routes
from tests.wire.discord_standin.world import EPHEMERAL, LOADING, Interaction, Message, MessageKind

ACKNOWLEDGE_SECONDS = 3.0
TOKEN_SECONDS = 15 * 60.0

# Interaction callback types.
MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, AUTOCOMPLETE, MODAL = 4, 5, 6, 7, 8, 9
COMPONENT = 3  # the interaction type of a click


class InteractionRoutes:
    """The first response by callback, everything after it by webhook."""

    def __init__(self, payloads: Payloads, gateway: Gateway, composer: Composer, clock: Callable[[], float]) -> None:
        self.payloads = payloads
        self.world = payloads.world
        self.gateway = gateway
        self.composer = composer
        self.clock = clock

    def table(self) -> Routes:
        webhook = "/webhooks/{webhook_id}/{webhook_token}"
        return {
            ("POST", "/interactions/{interaction_id}/{interaction_token}/callback"): self.callback,
            ("POST", webhook): self.follow_up,
            ("GET", webhook + "/messages/@original"): self.read,
            ("PATCH", webhook + "/messages/@original"): self.edit,
            ("DELETE", webhook + "/messages/@original"): self.delete,
            ("GET", webhook + "/messages/{message_id}"): self.read,
            ("PATCH", webhook + "/messages/{message_id}"): self.edit,
            ("DELETE", webhook + "/messages/{message_id}"): self.delete,
        }

    def callback(self, call: Call) -> Answer:
        interaction = self.world.interactions.get(call.path["interaction_token"])
        known = interaction is not None and interaction.interaction_id == call.number("interaction_id")
        if interaction is None or not known:
            raise unknown("interaction", 10062)
        if interaction.acked_at is not None:
            message = "Interaction has already been acknowledged."
            raise Refusal(HTTPStatus.BAD_REQUEST, 40060, message)
        if self.clock() - interaction.created_at > ACKNOWLEDGE_SECONDS:
            raise unknown("interaction", 10062)
        notified = self._respond(interaction, call)
        interaction.acked_at = self.clock()
        if call.query.get("with_response") in {"1", "true"}:
            return Answer(self.payloads.callback(interaction), pinged=notified)
        return Answer(pinged=notified)

    def _respond(self, interaction: Interaction, call: Call) -> frozenset[str]:
        callback_type, body = call.body["type"], call.body.get("data") or {}
        notified = NOBODY
        if callback_type in {MESSAGE, DEFERRED_MESSAGE}:
            notified = self._first_message(interaction, callback_type, body, call)
        elif callback_type in {DEFERRED_UPDATE, UPDATE} and interaction.kind == COMPONENT and interaction.message:
            if callback_type == UPDATE:
                notified = self._change(interaction.message, body, call)
            interaction.original = interaction.message
        elif callback_type in {AUTOCOMPLETE, MODAL}:
            interaction.callback = body
        else:
            raise NotImplementedByStandIn(f"with callback type {callback_type} for interaction type {interaction.kind}")
        interaction.callback_type = callback_type
        return notified

    def _first_message(self, interaction: Interaction, callback_type: int, body: Json, call: Call) -> frozenset[str]:
        kind = MessageKind.CHAT_INPUT_COMMAND if interaction.kind != COMPONENT else MessageKind.REPLY
        if callback_type == MESSAGE:
            message = self._compose(interaction, kind, body, call)
        else:
            flags = LOADING | ((body.get("flags") or 0) & EPHEMERAL)
            message = Message(
                self.world.new_id(), interaction.channel, self.world.bot, kind, flags=flags, interaction=interaction
            )
        if interaction.kind == COMPONENT:
            message.reply_to = interaction.message
        interaction.original = message
        self._show(message)
        return pinged(message.content, body.get("allowed_mentions"), None)

    def follow_up(self, call: Call) -> Answer:
        interaction, body = self._interaction(call), call.body or {}
        original = interaction.original
        if original and original.loading:  # the first follow-up takes the place of "is thinking"
            notified = self._change(original, body, call)
            return Answer(self.payloads.message(original, content_intent=True), pinged=notified)
        message = self._compose(interaction, MessageKind.REPLY, body, call)
        message.reply_to = original
        interaction.followups.append(message)
        self._show(message)
        notified = pinged(message.content, body.get("allowed_mentions"), None)
        if call.query.get("wait") in {"1", "true"}:
            return Answer(self.payloads.message(message, content_intent=True), pinged=notified)
        return Answer(pinged=notified)

    def read(self, call: Call) -> Answer:
        return Answer(self.payloads.message(self._message(call), content_intent=True))

    def edit(self, call: Call) -> Answer:
        message = self._message(call)
        notified = self._change(message, call.body or {}, call)
        return Answer(self.payloads.message(message, content_intent=True), pinged=notified)

    def delete(self, call: Call) -> Answer:
        message = self._message(call)
        message.deleted = True
        self.gateway.message_deleted(message)
        return Answer()

    def _compose(self, interaction: Interaction, kind: MessageKind, body: Json, call: Call) -> Message:
        return self.composer.compose(interaction.channel, kind, body, call.uploads, interaction=interaction)

    def _show(self, message: Message) -> None:
        self.world.add_message(message)
        self.gateway.message("MESSAGE_CREATE", message)

    def _change(self, message: Message, body: Json, call: Call) -> frozenset[str]:
        notified = self.composer.edit(message, body, call.uploads)
        message.flags &= ~LOADING
        self.gateway.message("MESSAGE_UPDATE", message)
        return notified

    def _interaction(self, call: Call) -> Interaction:
        interaction = self.world.interactions.get(call.path["webhook_token"])
        if interaction is None or call.number("webhook_id") != self.world.bot.user_id or interaction.acked_at is None:
            raise unknown("Webhook", 10015)
        if self.clock() - interaction.created_at > TOKEN_SECONDS:
            raise Refusal(HTTPStatus.UNAUTHORIZED, 50027, "Invalid Webhook Token")
        return interaction

    def _message(self, call: Call) -> Message:
        interaction = self._interaction(call)
        mine = [interaction.original, *interaction.followups]
        if "message_id" in call.path:
            message = next((m for m in mine if m and m.message_id == call.number("message_id")), None)
        else:
            message = interaction.original
        if message is None or message.deleted:
            raise unknown("Message", 10008)
        return message
