"""Routes about the app itself: who it is, where the gateway is, which commands it has."""

from __future__ import annotations

import hashlib

from tests.wire.discord_standin.gateway import Gateway
from tests.wire.discord_standin.journal import Json
from tests.wire.discord_standin.message_routes import unknown
from tests.wire.discord_standin.payloads import MESSAGE_CONTENT, Payloads
from tests.wire.discord_standin.rest import Answer, Call, NotImplementedByStandIn, Routes

CHAT_INPUT = 1
GUILD_INSTALL = 0


class AppRoutes:
    """Login, gateway and commands."""

    def __init__(self, payloads: Payloads, gateway: Gateway) -> None:
        self.payloads = payloads
        self.world = payloads.world
        self.gateway = gateway

    def table(self) -> Routes:
        return {
            ("GET", "/users/@me"): self.read_me,
            ("GET", "/oauth2/applications/@me"): self.read_application,
            ("GET", "/gateway"): lambda _: Answer({"url": self.gateway.url}),
            ("GET", "/gateway/bot"): self.read_gateway,
            ("GET", "/applications/{application_id}/commands"): self.read_commands,
            ("PUT", "/applications/{application_id}/commands"): self.replace_commands,
        }

    def read_me(self, _: Call) -> Answer:
        return Answer(self.payloads.user(self.world.bot) | {"verified": True, "mfa_enabled": False, "locale": "en-US"})

    def read_application(self, _: Call) -> Answer:
        return Answer(self._application())

    def read_gateway(self, _: Call) -> Answer:
        used = len(self.gateway.identifies)
        left = self.gateway.identifies_left - used
        limit = {"total": 1000, "remaining": left, "reset_after": 86_400_000, "max_concurrency": 1}
        return Answer({"url": self.gateway.url, "shards": 1, "session_start_limit": limit})

    def read_commands(self, call: Call) -> Answer:
        self._own(call)
        return Answer(self.world.commands)

    def replace_commands(self, call: Call) -> Answer:
        """Keep the whole list; a command that stays keeps its id."""
        self._own(call)
        ids = {(command["name"], command["type"]): command["id"] for command in self.world.commands}
        self.world.commands = [self._synced(command, ids) for command in call.body]
        return Answer(self.world.commands)

    def _application(self) -> Json:
        world = self.world
        readable = self.gateway.privileged_intents & MESSAGE_CONTENT
        limited = 1 << 19 if readable else 0  # GATEWAY_MESSAGE_CONTENT_LIMITED
        return {
            "id": str(world.bot.user_id),
            "name": world.bot.name,
            "description": "",
            "icon": None,
            "bot_public": False,
            "bot_require_code_grant": False,
            "owner": self.payloads.user(world.owner),
            "team": None,
            "type": None,
            "summary": "",
            "verify_key": hashlib.sha256(b"stand-in").hexdigest(),
            "flags": limited,
            "flags_new": str(limited),
            "redirect_uris": [],
            "interactions_endpoint_url": None,
            "role_connections_verification_url": None,
            "approximate_guild_count": 1,
            "approximate_user_install_count": 0,
            "approximate_user_authorization_count": 0,
            "explicit_content_filter": 0,
            "eligible_oauth2_scopes": [],
            "hook": True,
            "integration_types_config": {"0": {}},
        }

    def _synced(self, command: Json, ids: dict[tuple[str, int], str]) -> Json:
        kind = command.get("type") or CHAT_INPUT
        wanted = command.get("default_member_permissions")
        return {
            "description": "",
            "dm_permission": True,
            "nsfw": False,
            "contexts": None,
            "integration_types": [GUILD_INSTALL],
            **{key: value for key, value in command.items() if value is not None},
            "type": kind,
            "id": ids.get((command["name"], kind)) or str(self.world.new_id()),
            "application_id": str(self.world.bot.user_id),
            "version": str(self.world.new_id()),
            "default_member_permissions": None if wanted is None else str(wanted),
        }

    def _own(self, call: Call) -> None:
        if call.number("application_id") != self.world.bot.user_id:
            raise unknown("Application", 10002)
        if call.query.get("with_localizations") in {"1", "true"}:
            raise NotImplementedByStandIn("with localizations")
