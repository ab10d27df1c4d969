"""Pictures while they are made: progress, unfinished ones, Stop. Turns run outside of what SimCord waits for."""

from __future__ import annotations

from datetime import timedelta

import discord
import pytest
from simcord.actors import MemberActor

from bot.core.limits import TURN_SECONDS
from bot.sandbox.standin import Hold, Stall
from tests.cogs.conftest import World
from tests.cogs.growing import env, outside, services, until  # noqa: F401 (fixtures)
from tests.cogs.test_chat import labels
from tests.cogs.test_image import CAT, RED, generate, ledger


def answer(world: World) -> discord.Message | None:
    answers = world.answers()
    return answers[-1] if answers else None


def shows(world: World, words: str) -> bool:
    found = answer(world)
    return found is not None and words in found.content


def files(world: World) -> list[str]:
    found = answer(world)
    return [file.filename for file in found.attachments] if found is not None else []


async def test_an_unfinished_picture_is_shown_and_replaced(world: World) -> None:
    world.standin.script(Hold(1), of="image")
    await generate(world, quality="medium")
    await until(lambda: files(world) == ["unfinished.png"])
    growing = answer(world)
    assert growing is not None
    assert growing.content.startswith(f"> {CAT}\n\n-# 🎨 drawing … ")
    assert labels(growing) == ["Stop"]
    world.standin.release()
    await until(lambda: files(world) == ["picture-1.png"])
    assert not shows(world, "drawing")
    found = answer(world)
    assert found is not None
    assert labels(found) == ["Vary", "Edit", "Again", "Describe", "Delete"]


async def test_the_time_that_goes_by_is_shown(world: World) -> None:
    world.standin.script(Hold(None), of="image")
    await generate(world, quality="low")
    await until(lambda: shows(world, "drawing … 5 s"))
    world.standin.release()
    await until(lambda: files(world) == ["picture-1.png"])


async def test_stop_before_anything_is_finished_is_told_and_takes_the_unfinished_picture_away(world: World) -> None:
    world.standin.script(Stall(1), of="image")
    await generate(world, quality="medium")
    await until(lambda: files(world) == ["unfinished.png"])
    growing = answer(world)
    assert growing is not None
    assert (await world.other.click(growing, label="Stop")).ephemeral
    assert shows(world, "drawing"), "only the asker and moderators can stop it"
    await world.asker.click(growing, label="Stop")
    await until(lambda: shows(world, "Stopped before a picture was finished."))
    assert files(world) == []
    await until(lambda: world.standin.requests[0].aborted)
    (entry,) = await ledger(world)
    assert entry.settled == entry.reserved


async def test_stop_delivers_what_is_finished(world: World) -> None:
    world.standin.script(Stall(None), of="image")
    await generate(world, n=3, model="dall-e-3")
    await until(lambda: shows(world, "· 2 of 3 finished"))
    growing = answer(world)
    assert growing is not None
    await world.asker.click(growing, label="Stop")
    await until(lambda: shows(world, "Stopped: 2 of 3 pictures were finished."))
    assert files(world) == ["picture-1.png", "picture-2.png"]
    (entry,) = await ledger(world)
    assert entry.settled == 150_000, "what was begun may cost all the same"


async def draw(world: World, member: MemberActor) -> None:
    await member.slash(world.channel, "image generate", prompt=CAT, quality="low")


async def test_one_member_has_two_places_and_what_was_not_sent_costs_nothing(world: World) -> None:
    world.standin.script(*[Hold(None)] * 3, of="image")
    for _ in range(3):
        await generate(world, quality="low")
    await world.standin.arrived(2)
    await until(lambda: sum("drawing" in message.content for message in world.answers()) == 3)
    await draw(world, world.other)
    await world.standin.arrived(3)
    third = world.answers()[2]
    await world.asker.click(third, label="Stop")
    await until(lambda: "Stopped before" in world.answers()[2].content)
    assert len(world.standin.requests) == 3
    assert (await ledger(world))[2].settled == 0
    world.standin.release()
    await until(lambda: sum(len(message.attachments) for message in world.answers()) == 3)


async def test_stop_books_only_the_calls_that_were_sent(world: World) -> None:
    world.standin.script(*[Stall(None)] * 2, of="image")
    await generate(world, n=4, model="dall-e-3")
    await world.standin.arrived(2)
    await until(lambda: shows(world, "drawing"))
    await world.asker.click(world.answers()[-1], label="Stop")
    await until(lambda: shows(world, "Stopped before a picture was finished."))
    (entry,) = await ledger(world)
    assert (entry.reserved, entry.settled) == (200_000, 100_000)


async def test_an_edit_that_waits_shows_that_and_can_be_stopped(world: World) -> None:
    world.standin.script(*[Hold(None)] * 2, of="image")
    for _ in range(2):
        await generate(world, quality="low")
    await world.standin.arrived(2)
    await world.asker.slash(world.channel, "image edit", image=RED, prompt="a hat")
    await until(lambda: len(world.answers()) == 3 and labels(world.answers()[2]) == ["Stop"])
    await world.asker.click(world.answers()[2], label="Stop")
    await until(lambda: "Stopped before" in world.answers()[2].content)
    assert len(world.standin.requests) == 2
    world.standin.release()
    await until(lambda: sum(len(message.attachments) for message in world.answers()) == 2)


async def test_no_more_than_four_calls_are_in_flight(world: World) -> None:
    world.standin.script(*[Hold(None)] * 5, of="image")
    for member in (world.asker, world.asker, world.other, world.other, world.moderator):
        await draw(world, member)
    await world.standin.arrived(4)
    await until(lambda: sum("drawing" in message.content for message in world.answers()) == 5)
    assert len(world.standin.requests) == 4
    world.standin.requests[0].released.set()
    await world.standin.arrived(5)
    world.standin.release()
    await until(lambda: sum(len(message.attachments) for message in world.answers()) == 5)


def gone_by(world: World, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let so much time go by on the monotonic clock."""
    now_seconds = world.services.clock.perf_seconds() + seconds
    monkeypatch.setattr(world.services.clock, "perf_seconds", lambda: now_seconds)


@pytest.mark.parametrize("minutes", [-14, 14])
async def test_a_host_whose_clock_is_wrong_makes_pictures_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    monkeypatch.setattr(world.services.clock, "now", lambda: discord.utils.utcnow() + timedelta(minutes=minutes))
    await generate(world, quality="low")
    await until(lambda: files(world) == ["picture-1.png"])
    assert len(world.standin.requests) == 1


async def test_a_picture_whose_turn_never_came_is_not_asked_for_and_costs_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.standin.script(*[Hold(None)] * 2, of="image")
    for _ in range(3):
        await generate(world, quality="low")
    await world.standin.arrived(2)
    await world.asker.slash(world.channel, "image edit", image=RED, prompt="a hat")
    await until(lambda: len(world.answers()) == 4 and all("drawing" in m.content for m in world.answers()))
    gone_by(world, monkeypatch, TURN_SECONDS)
    world.standin.release()
    await until(lambda: all("not your turn in time" in message.content for message in world.answers()[2:]))
    await until(lambda: sum(len(message.attachments) for message in world.answers()) == 2)
    assert len(world.standin.requests) == 2
    entries = await ledger(world)
    assert [entry.settled == 0 for entry in entries] == [False, False, True], "the edit was not even reserved"
