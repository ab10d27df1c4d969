"""The surface as a whole: every command within Discord's limits, unique, described; the intents that it needs."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands

from bot.app import EXTENSIONS, Parley, intents
from bot.sandbox.standin import StandIn
from bot.services import open_services
from tests.cogs.conftest import settings_for

ROOT = Path(__file__).parent.parent
TREE_CHARS = 8000


@pytest.fixture
async def bot(standin: StandIn, tmp_path: Path) -> AsyncIterator[Parley]:
    async with open_services(settings_for(tmp_path, standin)) as services:
        made = Parley(services)
        for extension in EXTENSIONS:
            await made.load_extension(extension)
        yield made


def leaves(bot: Parley) -> Iterator[app_commands.Command[Any, ..., Any]]:
    for command in bot.tree.walk_commands():
        if isinstance(command, app_commands.Command):
            yield command


async def test_every_command_keeps_discords_limits(bot: Parley) -> None:
    names = [command.qualified_name for command in bot.tree.walk_commands()]
    assert len(names) == len(set(names))
    for command in leaves(bot):
        assert 1 <= len(command.description) <= 100, command.qualified_name
        assert not command.description.endswith("."), command.qualified_name
        assert len(command.parameters) <= 25
        for parameter in command.parameters:
            description = str(parameter.description)
            assert 1 <= len(description) <= 100, f"{command.qualified_name} {parameter.name}"
            assert description != "…", f"{command.qualified_name} {parameter.name} is not described"
            assert len(parameter.choices) <= 25


async def test_every_command_tree_keeps_discords_limit_of_characters(bot: Parley) -> None:
    def chars(node: dict[str, Any]) -> int:
        own = len(node.get("name", "")) + len(node.get("description") or "")
        own += sum(len(str(c["name"])) + len(str(c["value"])) for c in node.get("choices") or [])
        return own + sum(chars(option) for option in node.get("options") or [])

    commands = [command.to_dict(bot.tree) for command in bot.tree.get_commands()]
    assert len(commands) <= 100
    for command in commands:
        assert chars(command) <= TREE_CHARS, command["name"]


async def test_every_command_says_where_it_can_be_used(bot: Parley) -> None:
    for command in bot.tree.get_commands():
        contexts = command.to_dict(bot.tree)
        assert contexts.get("contexts") is not None or contexts.get("dm_permission") is False, command.name


async def test_admin_commands_are_guarded_twice(bot: Parley) -> None:
    for command in bot.tree.get_commands():
        if command.name in ("channel",):
            assert command.default_permissions == discord.Permissions(manage_guild=True)
            assert isinstance(command, app_commands.Group)
            assert all(leaf.checks for leaf in command.commands if isinstance(leaf, app_commands.Command))


async def test_every_cog_is_an_extension(bot: Parley) -> None:
    assert {f"cogs.{path.stem}" for path in ROOT.glob("cogs/*.py") if path.stem != "__init__"} == set(EXTENSIONS)


def test_no_privileged_intent_is_asked_for_by_default() -> None:
    assert {name for name, on in intents(message_content=False) if on} == {"guilds", "guild_messages", "dm_messages"}
    privileged = intents(message_content=True).value & ~intents(message_content=False).value
    assert privileged == discord.Intents(message_content=True).value


async def test_nobody_is_mentioned_by_default_and_little_is_kept_in_memory(bot: Parley) -> None:
    assert bot.allowed_mentions is not None
    assert dict(bot.allowed_mentions.to_dict()) == {"parse": []}
    assert bot._connection.max_messages is None
    assert not bot._connection.member_cache_flags.joined
