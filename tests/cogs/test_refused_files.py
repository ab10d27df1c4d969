"""Pictures that Discord refuses: made smaller, or kept with a sentence in their place; never a growing message."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bot.core.errors.delivery import MayNotAttach, ReplyBlocked, ReplyTooLarge
from tests.cogs.conftest import World
from tests.cogs.test_chat import labels, shown
from tests.cogs.test_image import CAT, generate, ledger, pictures, response

GONE: dict[str, Any] = {"status": 401, "code": 50027, "message": "Invalid token"}


def refuse_edits(monkeypatch: pytest.MonkeyPatch, refusal: Exception, *, suffix: str = "") -> None:
    """Let Discord refuse every finished picture in an interaction's response whose name ends so."""
    edit_message = discord.Webhook.edit_message

    async def edit(self: discord.Webhook, message_id: int, **given: Any) -> Any:
        files = given.get("attachments") or []
        if any(file.filename.startswith("picture") and file.filename.endswith(suffix) for file in files):
            raise refusal
        return await edit_message(self, message_id, **given)

    monkeypatch.setattr(discord.Webhook, "edit_message", edit)


def refuse_followups(monkeypatch: pytest.MonkeyPatch, *, suffix: str = "") -> None:
    send = discord.Webhook.send

    async def refusing(self: discord.Webhook, *args: Any, **given: Any) -> Any:
        if any(file.filename.endswith(suffix) for file in given.get("files") or []):
            raise ReplyTooLarge("40005")
        return await send(self, *args, **given)

    monkeypatch.setattr(discord.Webhook, "send", refusing)


def followed(result: Any) -> list[tuple[str, int]]:
    return [(message.content, len(message.attachments)) for message in result.followups]


async def test_a_picture_that_is_too_large_for_the_place_is_made_smaller(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_edits(monkeypatch, ReplyTooLarge("40005"), suffix=".png")
    result = await generate(world, quality="low")
    assert [picture.filename for picture in pictures(result)] == ["picture-1.webp"]
    assert "made smaller as webp: 1" in shown(result)
    assert labels(response(result).message)[0] == "Vary"
    assert [entry.settled == entry.reserved for entry in await ledger(world)] == [True]
    assert followed(await world.asker.slash(world.channel, "models")) == []


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (ReplyTooLarge("40005"), "larger than Discord takes here"),
        (MayNotAttach("50013"), "may not attach files here"),
        (ReplyBlocked("200000"), "AutoMod"),
    ],
)
async def test_a_refused_picture_is_kept_and_a_sentence_takes_its_place(
    world: World, monkeypatch: pytest.MonkeyPatch, refusal: Exception, words: str, private: bool
) -> None:
    with monkeypatch.context() as patched:
        refuse_edits(patched, refusal)
        result = await generate(world, quality="low", private=private)
    assert words in shown(result)
    assert "your next command" in shown(result)
    assert "drawing" not in shown(result)
    assert labels(response(result).message) == []
    assert followed(result) == [], "the command itself does not bring it"
    later = await world.asker.slash(world.channel, "models")
    [message] = later.followups
    assert message.content.startswith("This was ready earlier")
    assert [file.description for file in message.attachments] == [CAT]
    assert message.ephemeral


async def test_nothing_private_follows_a_response_that_still_thinks(world: World) -> None:
    world.env.inject_error("PATCH", "/webhooks/*", **GONE, times=None)
    world.env.inject_error("PATCH", "/channels/*", status=403, code=50001, message="Missing Access", times=None)
    result = await generate(world, quality="low")
    world.env.backend.faults.clear()
    assert followed(result) == []
    assert followed(await world.asker.slash(world.channel, "models"))[0][1] == 1


async def test_a_kept_picture_that_is_too_large_is_made_smaller(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.env.inject_error("PATCH", "/webhooks/*", **GONE, times=None)
    await generate(world, private=True, quality="low")
    world.env.backend.faults.clear()
    refuse_followups(monkeypatch, suffix=".png")
    [message] = (await world.asker.slash(world.channel, "models")).followups
    assert [file.filename for file in message.attachments] == ["picture-1.webp"]


async def test_a_kept_picture_that_is_too_large_however_small_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.env.inject_error("PATCH", "/webhooks/*", **GONE, times=None)
    await generate(world, private=True, quality="low")
    world.env.backend.faults.clear()
    refuse_followups(monkeypatch)
    [(content, files)] = followed(await world.asker.slash(world.channel, "models"))
    assert content.startswith("I kept a file for you")
    assert files == 0
    assert followed(await world.asker.slash(world.channel, "models")) == []
