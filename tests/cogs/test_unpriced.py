"""Models without a price: a server that takes money for every model is asked for none that a member chose."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.core.catalogue import Capability
from bot.services import open_services
from bot.settings import Settings
from tests.cogs.conftest import World
from tests.cogs.test_chat import shown, until_november


def take_money(world: World, *capabilities: Capability) -> None:
    """Let the stand-in be a server that takes money for every model of these capabilities."""
    parts = world.services.turns._parts
    world.services.turns._parts = replace(parts, policy=replace(parts.policy, priced_only=frozenset(capabilities)))


async def test_what_nobody_knows_the_price_of_cannot_be_chosen(world: World) -> None:
    await until_november(world)
    take_money(world, "chat", "image")
    refused = await world.asker.slash(world.channel, "chat", message="hi", model="gpt-4.1")
    assert refused.ephemeral
    assert "costs is not known" in shown(refused)
    drawn = await world.asker.slash(world.channel, "image generate", prompt="a cat", model="some-painter")
    assert "costs is not known" in shown(drawn)
    assert not world.standin.requests
    await world.asker.slash(world.channel, "chat", message="hi", model="gpt-6-sol")
    await world.asker.slash(world.channel, "chat", message="hi")
    assert len(world.standin.requests) == 2


async def test_another_server_may_have_models_without_a_price(world: World) -> None:
    take_money(world, "image")
    await world.asker.slash(world.channel, "chat", message="hi", model="qwen3:8b")
    assert len(world.standin.requests) == 1


@pytest.mark.settings(allowed_models="gpt-6-luna,gpt-4*")
async def test_the_operator_may_name_a_model_without_a_price(world: World) -> None:
    await until_november(world)
    take_money(world, "chat")
    await world.asker.slash(world.channel, "chat", message="hi", model="gpt-4.1")
    assert len(world.standin.requests) == 1


@pytest.mark.settings(allowed_models="gpt-6*")
async def test_what_is_no_models_name_is_not_repeated(world: World) -> None:
    refused = await world.asker.slash(world.channel, "chat", message="hi", model="`# @everyone look")
    assert refused.ephemeral
    assert "look" not in shown(refused)


async def test_openais_own_server_takes_money_and_others_may_not(tmp_path: Path) -> None:
    settings = Settings(
        openai_api_key=SecretStr("none"),
        database_url=f"sqlite:///{tmp_path / 'parley.db'}",
        speech_base_url="http://localhost:8880/v1",
    )
    async with open_services(settings) as services:
        assert services.turns._parts.policy.priced_only == {"chat", "image", "transcription", "translation"}
