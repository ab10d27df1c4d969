"""/image and the buttons under pictures: what is sent, shown, charged, refused; also after a restart."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import pytest
from PIL import Image
from simcord.results import InteractionResult, ResponseMessage

from bot.app import Parley
from bot.core.pictures import work as picture_work
from bot.sandbox.standin import Cut, Draw, Html, Refuse
from tests.cogs.conftest import World
from tests.cogs.test_chat import labels, shown
from tests.pictures import a_picture, pixel_flood

OVERLAY = """
[[models."gpt-image-2.6-flare".prices]]
effective_from = 2026-01-01
input = 5
image_input = 8
output = 30
"""
CAT = "a cat on a roof"
RED = ("red.png", a_picture(size=(64, 64)))


def response(result: InteractionResult) -> ResponseMessage:
    assert result.response is not None
    return result.response


def pictures(result: InteractionResult) -> list[discord.Attachment]:
    return response(result).attachments


async def opened(attachment: discord.Attachment) -> Image.Image:
    return Image.open(io.BytesIO(await attachment.read()))


def asked(world: World, action: str = "generations") -> list[dict[str, Any]]:
    return [r.body for r in world.standin.requests if r.path.endswith(f"/images/{action}")]


@dataclass(frozen=True)
class Entry:
    capability: str
    model: str
    reserved: int
    settled: int | None
    usage: dict[str, Any]


async def ledger(world: World) -> list[Entry]:
    rows = await world.services.store._database.run("SELECT * FROM usage_ledger ORDER BY usage_id", {})
    return [
        Entry(
            row["capability"],
            row["model"],
            row["reserved_micro_usd"],
            row["settled_micro_usd"],
            json.loads(row["usage"] or "{}"),
        )
        for row in rows
    ]


async def generate(world: World, prompt: str = CAT, **options: Any) -> InteractionResult:
    return await world.asker.slash(world.channel, "image generate", prompt=prompt, **options)


async def restart(world: World) -> None:
    await world.env.restart_bot(Parley(world.services))


class TestGenerate:
    async def test_a_picture_comes_with_its_alt_text_and_its_buttons(self, world: World) -> None:
        result = await generate(world, size="1536x1024", quality="low", format="webp")
        (picture,) = pictures(result)
        assert (picture.filename, picture.description) == ("picture-1.webp", CAT)
        image = await opened(picture)
        assert (image.size, image.format) == ((1536, 1024), "WEBP")
        assert shown(result) == f"> {CAT}"
        assert labels(response(result).message) == ["Vary", "Edit", "Again", "Describe", "Delete"]
        assert not world.pinged()

    async def test_several_pictures_come_in_one_message(self, world: World) -> None:
        result = await generate(world, n=3, quality="low")
        assert len(world.answers()) == 1
        assert [p.description for p in pictures(result)] == [f"{n}/3: {CAT}" for n in (1, 2, 3)]
        assert len({await p.read() for p in pictures(result)}) == 3
        assert len(asked(world)) == 1

    async def test_ten_are_asked_for_and_four_made_which_is_told(self, world: World) -> None:
        result = await generate(world, n=10, quality="low")
        assert len(pictures(result)) == 4
        assert "n 10 → 4" in shown(result)

    async def test_a_model_that_gives_one_at_a_time_is_asked_side_by_side(self, world: World) -> None:
        result = await generate(world, n=3, model="dall-e-3", style="vivid", quality="high")
        assert len({await p.read() for p in pictures(result)}) == 3
        bodies = asked(world)
        assert len(bodies) == 3
        assert bodies[0] == {
            "model": "dall-e-3", "prompt": CAT, "quality": "hd", "style": "vivid", "response_format": "b64_json"
        }  # fmt: skip
        assert shown(result).splitlines()[-1] == "-# \N{INFORMATION SOURCE}️ dall-e-3: quality high → hd"

    async def test_what_the_model_does_not_know_is_mapped_and_told_in_one_line(self, world: World) -> None:
        result = await generate(
            world, size="1792x1024", quality="hd", style="natural", background="transparent", format="jpeg"
        )
        (body,) = asked(world)
        assert (body["size"], body["quality"], body["output_format"]) == ("1792x1024", "high", "png")
        assert body["background"] == "transparent"
        assert "style" not in body
        assert "response_format" not in body
        assert "natural" in body["prompt"]
        (line,) = [line for line in shown(result).splitlines() if line.startswith("-# ")]
        changed = "style natural → prompt, format jpeg → png, quality hd → high"
        assert line == f"-# \N{INFORMATION SOURCE}️ gpt-image-2.6-flare: {changed}"

    async def test_private_and_spoiler(self, world: World) -> None:
        result = await generate(world, private=True, spoiler=True, quality="low")
        assert result.ephemeral
        assert pictures(result)[0].is_spoiler()
        assert shown(result) == ""
        assert world.answers() == []

    async def test_a_model_without_a_price_costs_the_reserve_of_each_call(self, world: World) -> None:
        await generate(world, n=2, model="dall-e-3")
        (entry,) = await ledger(world)
        assert (entry.reserved, entry.settled) == (100_000, 100_000)

    @pytest.mark.settings(daily_budget_usd="0.01")
    async def test_what_does_not_fit_the_budget_is_not_asked_for(self, world: World) -> None:
        result = await generate(world, n=4, quality="high")
        assert "what its owner allows for today" in shown(result)
        assert asked(world) == []

    @pytest.mark.settings(member_requests_per_hour=1)
    async def test_pictures_count_as_questions_of_the_member(self, world: World) -> None:
        await generate(world, quality="low")
        assert "within an hour" in shown(await generate(world, quality="low"))
        refused = await generate(world, quality="low")
        assert refused.ephemeral, "what memory knows is the first response"

    @pytest.mark.settings(allowed_models="gpt-6*")
    async def test_only_allowed_models_can_be_chosen(self, world: World) -> None:
        refused = await generate(world, model="gpt-image-2.6-sunburst")
        assert refused.ephemeral
        assert "does not allow" in shown(refused)
        assert len(pictures(await generate(world, quality="low"))) == 1, "the owner's own model is never refused"


class TestPrices:
    @pytest.fixture
    def setting_changes(self, tmp_path: Path) -> dict[str, Any]:
        # The simulated clock stands before the days from which the shipped prices hold.
        overlay = tmp_path / "overlay.toml"
        overlay.write_text(OVERLAY, encoding="utf-8")
        return {"catalogue_overlay": overlay}

    async def test_models_are_offered_with_their_price(self, world: World) -> None:
        choices = await world.asker.autocomplete(world.channel, "image generate", "model", "2.6", prompt=CAT)
        assert [choice["value"] for choice in choices] == ["gpt-image-2.6-flare", "gpt-image-2.6-sunburst"]
        assert "about $0.02 a picture" in choices[0]["name"]

    async def test_the_worst_case_is_reserved_once_and_settled_from_the_usage(self, world: World) -> None:
        await generate(world, n=2, quality="low")
        (entry,) = await ledger(world)
        assert (entry.capability, entry.model) == ("image", "gpt-image-2.6-flare")
        assert entry.settled is not None
        assert entry.settled == 2 * 196 * 30 + entry.usage["input_tokens"] * 5
        assert entry.reserved >= entry.settled
        assert (entry.usage["pictures"], entry.usage["output_tokens"]) == (2, 392)


class TestFailures:
    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"prompt": "[block] this"}, "content rules"),
            ({"model": "gpt-image-1"}, "no model named `gpt-image-1`"),
            ({"model": "nobody's/model name"}, "no model named `…`"),
        ],
    )
    async def test_one_sentence_and_an_error_id(self, world: World, options: dict[str, Any], sentence: str) -> None:
        result = await generate(world, **options)
        assert sentence in shown(result)
        assert re.search(r"error id: [0-9a-f]{8}", shown(result))
        assert pictures(result) == []

    async def test_an_unverified_organisation(self, world: World) -> None:
        message = "Your organization must be verified to use the model `gpt-image-2.6-flare`."
        world.standin.script(Refuse(403, message=message), of="image")
        assert "verified organizations" in shown(await generate(world))
        (entry,) = await ledger(world)
        assert entry.settled == 0

    async def test_a_size_that_the_server_does_not_take(self, world: World) -> None:
        world.standin.script(Refuse(400, code="invalid_value", param="size", message="Invalid size."), of="image")
        assert "does not take this `size`" in shown(await generate(world, size="1792x1024"))

    async def test_a_web_page_may_have_cost(self, world: World) -> None:
        world.standin.script(Html(), of="image")
        result = await generate(world)
        assert "not an answer" in shown(result)
        (entry,) = await ledger(world)
        assert entry.settled == entry.reserved > 0
        again = await world.asker.click(response(result).message, label="Try again")
        assert again.acknowledged
        assert len(world.answers()[-1].attachments) == 1

    async def test_two_of_three_are_shown_said_and_paid_for(self, world: World) -> None:
        world.standin.script(Refuse(500), of="image")
        result = await generate(world, n=3, model="dall-e-3")
        assert len(pictures(result)) == 2
        assert "Only 2 of 3 pictures came." in shown(result)
        (entry,) = await ledger(world)
        assert (entry.reserved, entry.settled) == (150_000, 100_000)

    async def test_a_lost_answer_among_three_counts_in_full(self, world: World) -> None:
        world.standin.script(Cut(None), of="image")
        result = await generate(world, n=3, model="dall-e-3")
        assert len(pictures(result)) == 2
        assert [entry.settled for entry in await ledger(world)] == [150_000]

    async def test_pictures_behind_addresses_are_uploaded(self, world: World) -> None:
        world.standin.script(Draw(as_urls=True), of="image")
        result = await generate(world, n=2, model="dall-e-2")
        assert len(pictures(result)) == 2
        assert "127.0.0.1" not in shown(result)

    async def test_a_picture_that_is_too_large_is_made_smaller_and_never_thrown_away(self, world: World) -> None:
        world.standin.script(Draw(size_bytes=26 * 1024 * 1024), of="image")
        result = await generate(world, quality="low")
        (picture,) = pictures(result)
        assert picture.filename == "picture-1.webp"
        assert picture.size < 10 * 1024 * 1024
        assert (await opened(picture)).size == (1024, 1024)
        assert "a smaller WEBP" in shown(result)

    async def test_what_cannot_be_made_smaller_is_told(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(picture_work, "UPLOAD_BYTES", 64 * 1024 + 500)
        result = await generate(world, quality="low")
        assert "larger than Discord takes" in shown(result)
        (entry,) = await ledger(world)
        assert entry.settled == entry.reserved

    async def test_a_private_picture_that_came_too_late_is_shown_at_the_next_command(self, world: World) -> None:
        world.env.inject_error("*", "/webhooks/*", status=401, code=50027, message="Invalid token", times=None)
        result = await generate(world, private=True, quality="low")
        assert pictures(result) == []
        world.env.backend.faults.clear()
        assert world.answers() == []
        later = await world.asker.slash(world.channel, "models")
        kept = [file for message in later.followups for file in message.attachments]
        assert [file.description for file in kept] == [CAT]
        assert all(message.ephemeral for message in later.followups)
        assert len(asked(world)) == 1


class TestVariation:
    async def test_a_model_without_that_endpoint_edits_with_words(self, world: World) -> None:
        result = await world.asker.slash(world.channel, "image variation", image=RED, n=2)
        assert len(pictures(result)) == 2
        (body,) = asked(world, "edits")
        assert "Make a variation" in body["prompt"]
        assert pictures(result)[0].description == "1/2: A variation of a picture"
        assert labels(response(result).message) == ["Edit", "Describe", "Delete"]

    async def test_change_says_what_to_alter(self, world: World) -> None:
        await world.asker.slash(world.channel, "image variation", image=RED, change="make it blue")
        (body,) = asked(world, "edits")
        assert body["prompt"].endswith("with this change: make it blue")

    async def test_the_endpoint_gets_a_square_png_of_whatever_was_uploaded(self, world: World) -> None:
        tall = ("tall.jpg", a_picture("JPEG", (300, 500)))
        result = await world.asker.slash(world.channel, "image variation", image=tall, model="dall-e-2", size="auto")
        assert len(pictures(result)) == 1
        (body,) = asked(world, "variations")
        sent = Image.open(io.BytesIO(body["image"].content))
        assert sent.format == "PNG"
        assert sent.width == sent.height
        assert len(body["image"].content) < 4_000_000

    async def test_a_model_that_cannot_edit_is_said_before_anything_is_paid(self, world: World) -> None:
        result = await world.asker.slash(world.channel, "image variation", image=RED, model="dall-e-3")
        assert "cannot change any" in shown(result)
        assert world.standin.requests == []


class TestEdit:
    async def test_three_pictures_and_a_mask(self, world: World) -> None:
        mask = ("mask.png", a_picture(size=(64, 64), mode="RGBA", colour=(0, 0, 0, 0)))
        result = await world.asker.slash(
            world.channel, "image edit", image=RED, prompt="a hat", mask=mask, image2=RED, image3=RED, quality="low"
        )
        assert len(pictures(result)) == 1
        (body,) = asked(world, "edits")
        assert len(body["image[]"]) == 3
        assert body["mask"].content == mask[1]
        assert labels(response(result).message) == ["Vary", "Edit", "Describe", "Delete"]
        (entry,) = await ledger(world)
        assert entry.usage["input_image_tokens"] == 3300
        assert entry.settled is not None
        assert entry.settled <= entry.reserved

    @pytest.mark.parametrize(
        ("files", "words"),
        [
            ({"image": ("flood.png", pixel_flood())}, "megapixels"),
            ({"image": ("page.png", b"<!DOCTYPE html><html></html>")}, "1"),
            ({"image": RED, "mask": ("mask.png", a_picture(size=(32, 32), mode="RGBA"))}, "64"),
            ({"image": RED, "image2": ("cut.png", RED[1][:40])}, "2"),
        ],
    )
    async def test_bad_files_are_refused_before_anything_is_paid(
        self, world: World, files: dict[str, Any], words: str
    ) -> None:
        result = await world.asker.slash(world.channel, "image edit", prompt="a hat", **files)
        assert words in shown(result)
        assert "error id" in shown(result)
        assert world.standin.requests == []
        assert await ledger(world) == []


class TestButtons:
    async def test_vary_after_a_restart(self, world: World) -> None:
        result = await generate(world, quality="low")
        original = await pictures(result)[0].read()
        await restart(world)
        varied = await world.other.click(world.answers()[0], label="Vary")
        assert len(pictures(varied)) == 1
        (body,) = asked(world, "edits")
        assert body["image"].content == original
        assert body["quality"] == "low"
        assert len(await ledger(world)) == 2, "each press is paid for by itself"

    async def test_one_of_several_is_varied_after_a_restart(self, world: World) -> None:
        result = await generate(world, n=3, quality="low")
        second = await pictures(result)[1].read()
        await restart(world)
        varied = await world.asker.select(world.answers()[0], ["1"])
        assert len(pictures(varied)) == 1
        (body,) = asked(world, "edits")
        assert body["image"].content == second

    async def test_edit_asks_what_and_in_which(self, world: World) -> None:
        result = await generate(world, n=2, quality="low", private=True)
        second = await pictures(result)[1].read()
        await restart(world)
        form = await world.asker.click(response(result).message, label="Edit")
        assert form.modal is not None
        await restart(world)
        edited = await world.asker.submit_modal(form, {"prompt": "a hat", "which": ["1"]})
        assert edited.ephemeral, "what came of a private picture is private"
        assert [picture.description for picture in pictures(edited)] == ["a hat"]
        (body,) = asked(world, "edits")
        assert body["image"].content == second

    async def test_again_asks_with_the_same_options_for_whoever_pressed(self, world: World) -> None:
        result = await generate(world, quality="low", size="1024x1536", spoiler=True)
        await restart(world)
        again = await world.other.click(response(result).message, label="Again")
        assert pictures(again)[0].is_spoiler()
        first, second = asked(world)
        assert first == second

    async def test_describe_shows_the_model_the_picture_of_the_message(self, world: World) -> None:
        result = await generate(world, n=2, quality="low")
        sent = [await picture.read() for picture in pictures(result)]
        await restart(world)
        described = await world.other.click(response(result).message, label="Describe")
        assert described.ephemeral
        (messages,) = world.sent_to_model()
        urls = [part["image_url"]["url"] for part in messages[-1]["content"] if part["type"] == "image_url"]
        assert [base64.b64decode(url.partition(",")[2]) for url in urls] == sent

    async def test_delete_is_for_the_asker_and_moderators(self, world: World) -> None:
        first, second = await generate(world, quality="low"), await generate(world, quality="low")
        await restart(world)
        refused = await world.other.click(response(first).message, label="Delete")
        assert "Only the person who asked" in refused.followups[0].content
        assert len(world.answers()) == 2
        await world.asker.click(response(first).message, label="Delete")
        message = response(second).message
        await world.moderator.click(message, label="Delete")
        assert world.answers() == []
        assert await world.services.store.kept_task(second._interaction.id) is None

    async def test_what_is_not_kept_any_more_is_said(self, world: World) -> None:
        result = await generate(world, quality="low")
        await world.services.store.forget_task(result._interaction.id)
        for label in ("Vary", "Edit", "Again"):
            told = await world.asker.click(response(result).message, label=label)
            assert told.ephemeral
            assert "no longer keep" in shown(told)
        assert len(asked(world)) == 1

    @pytest.mark.settings(member_requests_per_hour=1)
    async def test_each_press_meets_the_limit_of_whoever_presses(self, world: World) -> None:
        result = await generate(world, quality="low")
        assert "within an hour" in shown(await world.asker.click(response(result).message, label="Vary"))
        assert len(pictures(await world.other.click(response(result).message, label="Vary"))) == 1


async def test_the_commands_can_be_installed_by_members_and_used_anywhere(world: World) -> None:
    bot = world.env.bot
    assert isinstance(bot, Parley)
    (payload,) = [command.to_dict(bot.tree) for command in bot.tree.get_commands() if command.name == "image"]
    assert sorted(payload["integration_types"]) == [0, 1]
    assert sorted(payload["contexts"]) == [0, 1, 2]


async def test_nothing_of_a_finished_task_but_its_words_stays_behind(world: World) -> None:
    await generate(world, quality="low")
    database = world.services.store._database
    for table in ("outbox", "outbox_files", "pending"):
        assert await database.run(f"SELECT * FROM {table}", {}) == []
    (row,) = await database.run("SELECT * FROM tasks", {})
    assert row["text"] == CAT
