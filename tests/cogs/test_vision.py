"""Pictures are seen: by command, by menu, and in conversations while they are among the latest turns."""

import re
from base64 import b64decode
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest
from simcord.builders import ChannelHandle

from bot.app import Parley
from bot.core.conversation import Question
from bot.core.limits import MEDIA_BYTES, PICTURES
from bot.sandbox.standin import Refuse, Say
from cogs.image import DESCRIBE
from cogs.menus import ASK_ABOUT
from cogs.ui.questions import question_of_message
from tests.cogs.conftest import World
from tests.cogs.test_files import shown, spent
from tests.pictures import WEB_PAGE, a_picture, animated, pixel_flood

RED = a_picture(size=(40, 30), colour="red")
BLUE = a_picture("JPEG", (20, 10), colour="blue")


def parts(message: dict[str, Any]) -> tuple[str, list[bytes]]:
    """A message's words and the bytes of its pictures."""
    content = message["content"]
    if isinstance(content, str):
        return content, []
    text, *images = content
    assert text["type"] == "text"
    urls = [image["image_url"]["url"] for image in images]
    return text["text"], [b64decode(url.partition("base64,")[2]) for url in urls]


def pictures_sent(messages: list[dict[str, Any]]) -> list[list[bytes]]:
    return [parts(message)[1] for message in messages if message["role"] == "user"]


async def ask(world: World, text: str = "what is this?", *pictures: bytes) -> None:
    files = [(f"p{number}.png", content) for number, content in enumerate(pictures)]
    await world.asker.send(world.channel, f"{world.mention} {text}", attachments=files)


async def claimed(world: World, *pictures: bytes) -> Question:
    """Let a question with pictures arrive and be claimed by a process that is killed before it reads them."""
    bot = world.env.bot
    assert isinstance(bot, Parley)
    await bot.remove_cog("Triggers")
    files = [("p.png", content) for content in pictures]
    message = await world.asker.send(world.channel, f"{world.mention} see", attachments=files)
    received = await bot.get_partial_messageable(world.channel.id, guild_id=world.guild.id).fetch_message(message.id)
    assert bot.user is not None
    question = replace(question_of_message(received, own_id=bot.user.id), unread_files=True)
    assert await world.services.store.claim(question)
    return question


class TestConversation:
    async def test_a_picture_on_a_mention_is_seen_by_its_pixels(self, world: World) -> None:
        await ask(world, "what is this?", RED)
        assert "a PNG of 40 x 30 pixels, mostly red" in world.answers()[-1].content
        (messages,) = world.sent_to_model()
        text, pictures = parts(messages[-1])
        assert pictures == [RED]
        assert text.split("\n")[1:] == [
            f'Context: attached picture 1 of 1, "p0.png" (PNG, {len(RED)} bytes, 40 x 30 pixels)',
            "",
            "what is this?",
        ]
        assert "detail" not in str(messages[-1]["content"][1]["image_url"].keys()), "what nobody set is not sent"

    async def test_the_words_about_it_stay_and_the_picture_goes_after_three_questions(self, world: World) -> None:
        await ask(world, "one", RED)
        for text in ("two", "three", "four"):
            await ask(world, text)
        first, second, third, fourth = world.sent_to_model()
        assert pictures_sent(first) == [[RED]]
        assert pictures_sent(second) == [[RED], []]
        assert pictures_sent(third) == [[RED], [], []]
        assert pictures_sent(fourth) == [[], [], [], []]
        assert second[: len(first)] == first
        assert third[: len(second)] == second, "the prefix stays while the picture is sent"
        assert parts(fourth[1])[0] == parts(first[1])[0], "its description is the same, byte for byte"

    async def test_no_more_than_four_are_sent_the_newest_first(self, world: World) -> None:
        await ask(world, "one", RED, RED, BLUE)
        await ask(world, "two", BLUE, BLUE)
        assert pictures_sent(world.sent_to_model()[1]) == [[RED, RED], [BLUE, BLUE]]

    async def test_an_earlier_one_is_fetched_again_by_its_message(self, world: World) -> None:
        await ask(world, "one", RED)
        await world.env.restart_bot(Parley(world.services))
        world.services.pictures._kept.clear()
        await ask(world, "two")
        assert pictures_sent(world.sent_to_model()[1]) == [[RED], []]
        assert any(re.search(r"/messages/\d+$", e.path) for e in world.env.http_requests if e.method == "GET")

    async def test_one_that_was_deleted_is_described_only(self, world: World) -> None:
        world.standin.script(Say("Mine."))
        theirs = await world.other.send(world.channel, f"{world.mention} look", attachments=[("a.png", RED)])
        await world.asker.send(world.channel, f"{world.mention} what is that?", reply_to=theirs)
        assert pictures_sent(world.sent_to_model()[1]) == [[RED], [RED]]
        await world.other.delete(theirs)
        await ask(world, "and now?")
        assert pictures_sent(world.sent_to_model()[2]) == [[], []], "their question went with its message"
        assert "of the message that this replies to" in parts(world.sent_to_model()[2][1])[0]

    async def test_no_link_and_no_picture_is_kept(self, world: World) -> None:
        await ask(world, "see", RED)
        database = world.services.store._database
        for (table,) in await database.run("SELECT name FROM sqlite_master WHERE type = 'table'", {}):
            rows = str([tuple(row) for row in await database.run(f"SELECT * FROM {table}", {})])
            assert "cdn." not in rows
            assert "PNG\\r" not in rows

    async def test_a_reply_brings_the_pictures_of_the_message_it_replies_to(self, world: World) -> None:
        theirs = await world.other.send(
            world.channel, f"{world.mention} ?", attachments=[("a.png", RED), ("b.png", animated("PNG"))]
        )
        await world.asker.send(
            world.channel, f"{world.mention} colour?", reply_to=theirs, attachments=[("c.jpg", BLUE)]
        )
        text, pictures = parts(world.sent_to_model()[-1][-1])
        assert pictures == [BLUE, RED]
        assert '"a.png" (PNG' in text
        assert "of the message that this replies to)" in text
        assert "could not look at `b.png`" in world.answers()[-1].content

    async def test_a_direct_message_without_words(self, world: World) -> None:
        stored = world.env.backend.store_attachments(1, [("a.jpg", BLUE)])
        await world.asker.send_dm("", attachments=stored)
        assert pictures_sent(world.sent_to_model()[0]) == [[BLUE]]

    async def test_by_command_it_goes_along_once(self, world: World) -> None:
        await world.asker.slash(world.channel, "chat", message="What is it?", attachment=("a.png", RED))
        await world.asker.slash(world.channel, "chat", message="And now?")
        first, second = world.sent_to_model()
        assert pictures_sent(first) == [[RED]]
        assert pictures_sent(second) == [[], []]
        assert "attached picture 1 of 1" in parts(second[1])[0]

    async def test_words_and_pictures_are_mixed(self, world: World) -> None:
        files = [("plan.txt", b"a plan"), ("p.png", RED)]
        await world.asker.send(world.channel, f"{world.mention} see", attachments=files)
        text, pictures = parts(world.sent_to_model()[0][-1])
        assert pictures == [RED]
        assert "> a plan\nContext: attached picture 2 of 2" in text

    @pytest.mark.settings(message_content_intent=True)
    async def test_a_picture_with_words_in_a_channel_where_everything_is_answered(self, world: World) -> None:
        await world.moderator.slash(world.channel, "channel configure", mode="auto")
        await world.asker.send(world.channel, "look at this", attachments=[("p.png", RED)])
        assert pictures_sent(world.sent_to_model()[0]) == [[RED]]
        await world.asker.send(world.channel, "", attachments=[("p.png", RED)])
        assert len(world.sent_to_model()) == 1, "a picture alone is not a question there"

    async def test_regenerate_looks_again(self, world: World) -> None:
        await ask(world, "what is this?", RED)
        await world.asker.click(world.answers()[-1], label="Regenerate")
        first, second = world.sent_to_model()
        assert pictures_sent(second) == pictures_sent(first) == [[RED]]

    async def test_regenerate_says_what_it_cannot_see_any_more(self, world: World) -> None:
        await world.asker.slash(world.channel, "chat", message="What is it?", attachment=("a.png", RED))
        await world.asker.click(world.answers()[-1], label="Regenerate")
        assert pictures_sent(world.sent_to_model()[1]) == [[]]
        assert "could not look at `a.png`" in world.answers()[-1].content

    async def test_a_failed_question_is_tried_again_with_its_picture(self, world: World) -> None:
        world.standin.script(Refuse(401, "invalid_api_key"))
        await ask(world, "see", RED)
        await world.asker.click(world.answers()[-1], label="Try again")
        assert pictures_sent(world.sent_to_model()[-1]) == [[RED]]

    async def test_after_a_restart_the_pictures_of_a_question_are_fetched_again(self, world: World) -> None:
        await claimed(world, RED)
        await world.env.restart_bot(Parley(world.services))
        assert pictures_sent(world.sent_to_model()[0]) == [[RED]]

    async def test_an_edit_keeps_the_picture(self, world: World) -> None:
        await ask(world, "one", RED)
        question = [m for m in world.channel.history() if m.author.id == world.asker.id][-1]
        await world.asker.edit(question, content=f"{world.mention} uno")
        await ask(world, "two")
        (_, second) = world.sent_to_model()
        assert parts(second[1])[0].endswith("uno")
        assert pictures_sent(second) == [[RED], []]

    async def test_a_branch_sees_what_was_said_before_it(self, world: World) -> None:
        await ask(world, "one", RED)
        await world.asker.click(world.answers()[-1], label="Branch")
        (made,) = [channel for channel in world.env.backend.channels.values() if channel.is_thread]
        thread = ChannelHandle(world.env, world.guild, made)
        await world.asker.send(thread, f"{world.mention} two")
        assert pictures_sent(world.sent_to_model()[-1])[0] == [RED]


class TestBadPictures:
    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (pixel_flood(), "too many pixels"),
            (animated("GIF"), "moves"),
            (a_picture("JPEG", mode="CMYK"), "print colours"),
            (a_picture("AVIF"), "HEIC or AVIF"),
            (a_picture("JPEG", (300, 200))[:-300], "was cut off"),
        ],
    )
    async def test_they_cost_nothing(self, world: World, content: bytes, sentence: str) -> None:
        await ask(world, "see", content)
        assert sentence in world.answers()[-1].content
        result = await world.asker.slash(world.channel, "image describe", image=("p.png", content))
        assert sentence in shown(result)
        assert "error id" in shown(result)
        assert world.standin.requests == []
        assert await spent(world) == []

    async def test_a_web_page_in_place_of_a_picture(self, world: World) -> None:
        result = await world.asker.slash(world.channel, "ask", prompt="?", attachment=("p.png", WEB_PAGE))
        assert "stand-in" in shown(result), "for a question it is a text like any other"

    async def test_too_many(self, world: World) -> None:
        await ask(world, "see", *[RED] * (PICTURES + 1))
        assert "attach up to 4 pictures" in world.answers()[-1].content

    async def test_what_the_server_says_of_pictures_is_told(self, world: World) -> None:
        world.standin.script(Refuse(400, code="invalid_image_format", message="You uploaded an unsupported image."))
        await ask(world, "see", RED)
        assert "did not take the picture" in world.answers()[-1].content

    async def test_a_model_without_vision_is_told_from_one_that_sees(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.standin.script(Say("Blind."))
        catalogue = world.services.catalogue
        blind = replace(catalogue.entry("gpt-6-luna"), sees_pictures=False)
        rows = [(pattern, name, blind if name == "gpt-6-luna" else row) for pattern, name, row in catalogue._rows]
        monkeypatch.setattr(catalogue, "_rows", rows)
        await ask(world, "see", RED)
        assert "does not see pictures" in world.answers()[-1].content
        assert pictures_sent(world.sent_to_model()[0]) == [[]]
        result = await world.asker.slash(world.channel, "image describe", image=("p.png", RED))
        assert "`gpt-6-luna` does not see pictures" in shown(result)
        assert len(world.sent_to_model()) == 1


class TestDescribe:
    async def test_it_is_private_and_forgotten(self, world: World) -> None:
        result = await world.asker.slash(world.channel, "image describe", image=("p.png", RED))
        assert result.ephemeral
        assert "a PNG of 40 x 30 pixels, mostly red" in shown(result)
        (messages,) = world.sent_to_model()
        text, pictures = parts(messages[-1])
        assert text.endswith("\nDescribe this picture.")
        assert pictures == [RED]
        await ask(world, "hello")
        assert pictures_sent(world.sent_to_model()[1]) == [[]]

    async def test_with_a_question_detail_and_a_cap_in_public(self, world: World) -> None:
        options = {"question": "Which colour?", "detail": "high", "max_tokens": 20, "private": False}
        result = await world.asker.slash(world.channel, "image describe", image=("p.png", RED), **options)
        assert not result.ephemeral
        assert shown(result).startswith("> Which colour?\n")
        (body,) = [r.body for r in world.standin.requests if isinstance(r.body, dict)]
        assert body["messages"][-1]["content"][1]["image_url"]["detail"] == "high"
        assert body["max_completion_tokens"] == 20

    async def test_alt_text_is_asked_for_in_its_own_words(self, world: World) -> None:
        await world.asker.slash(world.channel, "image describe", image=("p.png", RED), alt_text=True)
        (messages,) = world.sent_to_model()
        assert messages[0]["content"].startswith("You write alt texts")
        assert parts(messages[-1])[0].endswith("Write an alt text for this picture.")

    async def test_the_menu_looks_at_every_picture_of_a_message(self, world: World) -> None:
        theirs = await world.other.send(
            world.channel, "mine", attachments=[("a.png", RED), ("notes.txt", b"x"), ("b.jpg", BLUE)]
        )
        result = await world.asker.context_menu(world.channel, DESCRIBE, theirs)
        assert result.ephemeral
        assert "1. a PNG of 40 x 30 pixels, mostly red" in shown(result)
        assert "2. a JPEG of 20 x 10 pixels, mostly blue" in shown(result)

    async def test_the_menu_says_which_ones_when_there_are_many(self, world: World) -> None:
        theirs = await world.other.send(world.channel, "", attachments=[("a.png", RED)] * 6)
        result = await world.asker.context_menu(world.channel, DESCRIBE, theirs)
        assert "first 4 of the 6 pictures" in shown(result)
        assert pictures_sent(world.sent_to_model()[0]) == [[RED] * 4]

    async def test_the_menu_leaves_out_what_it_cannot_look_at(self, world: World) -> None:
        moving = ("moving.gif", animated("GIF"))
        theirs = await world.other.send(world.channel, "", attachments=[("a.png", RED), moving])
        result = await world.asker.context_menu(world.channel, DESCRIBE, theirs)
        assert "a PNG of 40 x 30 pixels" in shown(result)
        assert "I could not look at moving.gif" in shown(result).replace("`", "")
        theirs = await world.other.send(world.channel, "", attachments=[moving])
        result = await world.asker.context_menu(world.channel, DESCRIBE, theirs)
        assert "moves" in shown(result)
        assert len(world.sent_to_model()) == 1

    async def test_the_menu_on_a_message_without_pictures(self, world: World) -> None:
        theirs = await world.other.send(world.channel, "words", attachments=[("notes.txt", b"x")])
        result = await world.asker.context_menu(world.channel, DESCRIBE, theirs)
        assert result.ephemeral
        assert "no picture in this message" in shown(result)
        assert world.standin.requests == []

    async def test_ask_about_this_takes_the_pictures_along(self, world: World) -> None:
        theirs = await world.other.send(world.channel, attachments=[("a.png", RED)])
        opened = await world.asker.context_menu(world.channel, ASK_ABOUT, theirs)
        await world.asker.submit_modal(opened, {"question": "Which colour?"})
        (messages,) = world.sent_to_model()
        assert pictures_sent(messages) == [[RED]]


async def test_room_is_taken_for_earlier_pictures_too_and_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    room, asked = world.services.turns._parts.room, []
    held = room.held

    def noted(size_bytes: int) -> AbstractAsyncContextManager[None]:
        asked.append(size_bytes)
        return held(size_bytes)

    monkeypatch.setattr(room, "held", noted)
    await ask(world, "what is this?", RED)
    await ask(world, "and this?", BLUE)
    assert pictures_sent(world.sent_to_model()[-1]) == [[RED], [BLUE]]
    assert asked == [len(RED), len(BLUE) + len(RED)]
    assert room.free_bytes == MEDIA_BYTES
