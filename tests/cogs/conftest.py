"""The real bot under SimCord, its provider behind the stand-in on loopback, its store in a real file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord
from simcord.actors import MemberActor
from simcord.builders import ChannelHandle, GuildHandle

from bot.app import Parley, intents
from bot.sandbox.files import fetch_simulated
from bot.sandbox.standin import StandIn
from bot.services import Services, open_services
from bot.settings import Settings


@dataclass
class World:
    """A server with a channel and three members; the moderator may manage messages and the server."""

    env: simcord.Env
    services: Services
    standin: StandIn
    guild: GuildHandle
    channel: ChannelHandle
    asker: MemberActor
    other: MemberActor
    moderator: MemberActor

    def answers(self, channel: ChannelHandle | None = None) -> list[discord.Message]:
        """Every message of the bot in a channel, oldest first."""
        bot_id = self.env.bot.user.id if self.env.bot.user else 0
        return [m for m in (channel or self.channel).history() if m.author.id == bot_id]

    @property
    def mention(self) -> str:
        return self.env.bot.user.mention if self.env.bot.user else ""

    def thread(self, name: str, *, owner_id: int | None = None) -> ChannelHandle:
        """Open a public thread in the channel."""
        made = self.env.backend.create_thread(self.channel.id, name, owner_id=owner_id or self.asker.id)
        return ChannelHandle(self.env, self.guild, made)

    def sent_to_model(self) -> list[list[dict[str, Any]]]:
        """The messages of every chat completion that was asked for."""
        return [
            request.body["messages"]
            for request in self.standin.requests
            if isinstance(request.body, dict) and request.path.endswith("/chat/completions")
        ]

    def pinged(self) -> list[Any]:
        """Requests of the bot that would have notified somebody."""
        allowed = {"parse": [], "replied_user": False}
        return [
            entry
            for entry in self.env.http_requests
            if entry.method in ("POST", "PATCH")
            and isinstance(entry.json, dict)
            and "content" in entry.json
            and {**allowed, **entry.json.get("allowed_mentions", {"parse": ["everyone"]})} != allowed
        ]


def settings_for(folder: Path, standin: StandIn, **changes: Any) -> Settings:
    given = {
        "openai_base_url": standin.base_url,
        "openai_api_key": "sk-stand-in",
        "daily_budget_usd": "5",
        "database_url": f"sqlite:///{folder / 'parley.db'}",
        **changes,
    }
    return Settings(**given)


@pytest.fixture
def setting_changes(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings that differ from the usual, given by ``@pytest.mark.parametrize(..., indirect=True)`` or a marker."""
    marker = request.node.get_closest_marker("settings")
    return dict(marker.kwargs) if marker else {}


@pytest.fixture
async def services(standin: StandIn, tmp_path: Path, setting_changes: dict[str, Any]) -> AsyncIterator[Services]:
    settings = settings_for(tmp_path, standin, **setting_changes)
    async with open_services(settings, fetch_file=fetch_simulated) as opened:
        yield opened


@pytest.fixture
async def env(services: Services) -> AsyncIterator[simcord.Env]:
    bot = Parley(services)
    approved = intents(message_content=services.message_content)
    running = simcord.Env(bot, approved_intents=approved, settle_timeout=20.0)
    await running.start()
    try:
        yield running
    finally:
        await running.shutdown()
    running.raise_errors()


@pytest.fixture
async def world(env: simcord.Env, services: Services, standin: StandIn) -> World:
    guild = env.create_guild("Library")
    channel = guild.create_text_channel("reading-room")
    staff = guild.create_role("Staff", permissions=discord.Permissions(manage_messages=True, manage_guild=True))
    return World(
        env=env,
        services=services,
        standin=standin,
        guild=guild,
        channel=channel,
        asker=guild.add_member(env.create_user("asker", global_name="Asker")),
        other=guild.add_member(env.create_user("other", global_name="Other")),
        moderator=guild.add_member(env.create_user("moderator", global_name="Moderator"), roles=[staff]),
    )
