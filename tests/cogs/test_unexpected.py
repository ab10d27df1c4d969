"""Whatever goes wrong, and wherever: the member gets one sentence with an error id, and the log has that id."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from bot.app import Parley
from bot.sandbox.standin import Refuse
from cogs.menus import ASK_ABOUT
from tests.cogs.conftest import World
from tests.cogs.test_chat import shown

SECRET = "what-a-member-wrote"


def broken(*_arguments: Any, **_options: Any) -> Any:
    raise RuntimeError(SECRET)


def broken_in(monkeypatch: pytest.MonkeyPatch, world: World, layer: str) -> None:
    """Let a layer raise what nobody expects."""
    if layer == "claim":
        monkeypatch.setattr(world.services.store, "claim", broken)
    elif layer == "fail":
        world.standin.script(Refuse(400))
        monkeypatch.setattr(world.services.store, "fail", broken)
    else:
        for name in ("cogs.triggers", "cogs.chat", "cogs.ui.acting", "cogs.ui.asking"):
            module = sys.modules[name]  # the one that was loaded as an extension
            if hasattr(module, layer):
                monkeypatch.setattr(module, layer, broken)


def told_once(told: list[str], caplog: pytest.LogCaptureFixture) -> None:
    [notice] = told
    [error_id] = re.findall(r"error id: (\S+)", notice)
    logged = [record for record in caplog.records if getattr(record, "error_id", None) == error_id]
    assert logged, "the log has the error id that the member was told"
    assert SECRET not in notice


def new_answers(world: World, before: int) -> list[str]:
    return [message.content for message in world.answers()[before:]]


@pytest.mark.parametrize("layer", ["claim", "fail", "question_of_message", "files_of_message", "screen_for"])
async def test_by_mention(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, layer: str
) -> None:
    broken_in(monkeypatch, world, layer)
    message = await world.asker.send(world.channel, f"{world.mention} hello")
    told_once(new_answers(world, 0), caplog)
    assert isinstance(world.env.bot, Parley)
    channel = world.env.bot.get_partial_messageable(world.channel.id, guild_id=world.guild.id)
    for listener in world.env.bot.extra_events["on_message"]:
        await listener(await channel.fetch_message(message.id))
    assert len(world.answers()) == 1, "a message that comes again is not told again"
    assert not world.env.errors


@pytest.mark.parametrize("layer", ["claim", "fail", "question_of_interaction", "screen_for"])
async def test_by_command(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, layer: str
) -> None:
    broken_in(monkeypatch, world, layer)
    result = await world.asker.slash(world.channel, "chat", message="hello")
    told_once([*new_answers(world, 0), *(m.content for m in result.followups)], caplog)
    assert world.env.errors
    world.env._errors.clear()  # the fixture would raise what SimCord saw on its way to the boundary


@pytest.mark.parametrize("layer", ["claim", "fail", "may_read_history"])
async def test_by_button(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, layer: str
) -> None:
    await world.asker.send(world.channel, f"{world.mention} hello")
    [answer] = world.answers()
    broken_in(monkeypatch, world, layer)
    result = await world.asker.click(answer, label="Regenerate")
    told_once([m.content for m in result.followups], caplog)
    assert not world.env.errors


@pytest.mark.parametrize("layer", ["claim", "fail"])
async def test_by_modal(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, layer: str
) -> None:
    theirs = await world.other.send(world.channel, "Heaps are overrated.")
    opened = await world.asker.context_menu(world.channel, ASK_ABOUT, theirs)
    broken_in(monkeypatch, world, layer)
    result = await world.asker.submit_modal(opened, {"question": "Is that so?"})
    told_once([shown(result)], caplog)
    assert not world.env.errors
