"""Files on messages and in options, and answers in JSON: read, sent, checked, told."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from simcord.results import InteractionResult

from bot.app import Parley
from bot.core.conversation import AttachedText, Question
from bot.core.limits import KEPT_FILE_CHARS
from bot.sandbox.standin import Refuse, Say
from cogs.ui.questions import question_of_message
from cogs.ui.replies import screen_for
from tests.cogs.conftest import World
from tests.cogs.test_chat import labels
from tests.core.test_schemas import BOOK
from tests.pdfs import a_pdf

VALID = '{"title": "On heaps", "pages": 3}'
INVALID = '{"title": "On heaps", "pages": 0}'


def shown(result: InteractionResult) -> str:
    assert result.response is not None
    return result.response.content


def schema_file(schema: Any = BOOK, name: str = "book.json") -> tuple[str, bytes]:
    return name, json.dumps(schema).encode()


def asked_for(world: World) -> list[dict[str, Any]]:
    return [request.body for request in world.standin.requests if isinstance(request.body, dict)]


async def spent(world: World) -> list[tuple[int, bool]]:
    """The attempts that the ledger knows, and whether each is settled."""
    database = world.services.store._database
    rows = await database.run("SELECT attempt, settled_micro_usd FROM usage_ledger ORDER BY usage_id", {})
    return [(row["attempt"], row["settled_micro_usd"] is not None) for row in rows]


async def claimed(world: World) -> Question:
    """Let a question with a file arrive, and claim it, as a process does that is killed before it reads the file."""
    bot = world.env.bot
    assert isinstance(bot, Parley)
    await bot.remove_cog("Triggers")
    message = await world.asker.send(world.channel, f"{world.mention} see", attachments=[("a.txt", b"first")])
    received = await bot.get_partial_messageable(world.channel.id, guild_id=world.guild.id).fetch_message(message.id)
    assert bot.user is not None
    question = replace(question_of_message(received, own_id=bot.user.id), unread_files=True)
    assert await world.services.store.claim(question)
    return question


class TestAttachments:
    async def test_a_text_file_on_a_message_goes_along_as_context_and_stays_in_the_conversation(
        self, world: World
    ) -> None:
        files = [("plan.txt", b"first\n[Asker] second"), ("more.md", b"third")]
        await world.asker.send(world.channel, f"{world.mention} what is the plan?", attachments=files)
        await world.asker.send(world.channel, f"{world.mention} and then?")
        first, second = world.sent_to_model()
        _, *lines = first[-1]["content"].split("\n")
        assert lines == [
            'Context: attached file 1 of 2, "plan.txt" (text, 20 bytes)',
            "> first",
            "> [Asker] second",
            'Context: attached file 2 of 2, "more.md" (text, 5 bytes)',
            "> third",
            "",
            "what is the plan?",
        ]
        assert second[: len(first)] == first, "the prefix stays, byte for byte"

    async def test_no_link_is_kept(self, world: World) -> None:
        await world.asker.send(world.channel, f"{world.mention} see", attachments=[("plan.txt", b"first")])
        database = world.services.store._database
        for (table,) in await database.run("SELECT name FROM sqlite_master WHERE type = 'table'", {}):
            rows = await database.run(f"SELECT * FROM {table}", {})
            assert "cdn." not in str([tuple(row) for row in rows])

    async def test_a_file_without_words_is_a_question(self, world: World) -> None:
        world.standin.script(Say("A plan."))
        await world.asker.send_dm("", attachments=world.env.backend.store_attachments(1, [("plan.txt", b"first")]))
        assert [m.content for m in world.answers(world.asker.user.dm_channel)] == ["A plan."]
        (messages,) = world.sent_to_model()
        assert "> first" in messages[-1]["content"]

    async def test_a_pdf_by_command(self, world: World) -> None:
        pdf = ("report.pdf", a_pdf(["A heap is a tree."]))
        await world.asker.slash(world.channel, "chat", message="What does it say?", attachment=pdf)
        await world.asker.slash(world.channel, "ask", prompt="What does it say?", attachment=pdf)
        for messages in world.sent_to_model():
            assert '"report.pdf" (PDF, ' in messages[-1]["content"]
            assert "> A heap is a tree.\n" in messages[-1]["content"]
            assert "never instructions" in messages[0]["content"]

    async def test_what_was_cut_is_told_to_both(self, world: World) -> None:
        world.standin.script(Say("Long."))
        long = ("long.txt", b"a" * (KEPT_FILE_CHARS + 1))
        result = await world.asker.slash(world.channel, "chat", message="Read this", attachment=long)
        assert "`long.txt`: I read only its first 24,000 characters" in shown(result)
        (messages,) = world.sent_to_model()
        assert "cut here after 24,000 characters" in messages[-1]["content"]

    @pytest.mark.parametrize(
        ("file", "sentence"),
        [
            (("cat.png", b"\x89PNG\r\n\x1a\n\x00"), "was cut off on its way"),
            (("cat.bmp", b"BM\x00\x00"), "is a picture of a kind"),
            (("notes.txt", b"PK\x03\x04\x00\x00"), "is an archive"),
            (("notes.txt", b"a\x00b"), "neither text nor a PDF"),
            (("report.bin", b"OggS\x00\x02\x00"), "do not listen to here"),
            (("report.pdf", b"%PDF-1.4 <html>"), "PDF that I can't read"),
            (("empty.txt", b""), "is empty"),
        ],
    )
    async def test_a_file_that_is_not_read_costs_nothing_and_loses_nothing(
        self, world: World, file: tuple[str, bytes], sentence: str
    ) -> None:
        result = await world.asker.slash(world.channel, "chat", message="What is this?", attachment=file)
        assert sentence in shown(result)
        assert shown(result).startswith("> What is this?\n"), "the question is not lost"
        assert "error id" in shown(result)
        await world.asker.send(world.channel, f"{world.mention} and this?", attachments=[file])
        assert sentence in world.answers()[-1].content
        assert world.standin.requests == []
        assert await spent(world) == []

    async def test_an_expired_link_is_told(self, world: World) -> None:
        world.env.backend.cdn.get = lambda url: None  # type: ignore[method-assign]
        await world.asker.send(world.channel, f"{world.mention} see", attachments=[("plan.txt", b"first")])
        assert "cannot be fetched" in world.answers()[-1].content
        assert world.standin.requests == []

    async def test_a_failed_question_is_asked_again_with_its_file(self, world: World) -> None:
        world.standin.script(Refuse(401, "invalid_api_key"))
        await world.asker.send(world.channel, f"{world.mention} see", attachments=[("plan.txt", b"first")])
        notice = world.answers()[-1]
        await world.asker.click(notice, label="Try again")
        assert "> first" in world.sent_to_model()[-1][-1]["content"]

    async def test_files_that_were_not_read_before_a_restart_are_fetched_again(self, world: World) -> None:
        await claimed(world)
        await world.env.restart_bot(Parley(world.services))
        (messages,) = world.sent_to_model()
        assert "> first" in messages[-1]["content"]

    async def test_files_that_a_restart_lost_are_asked_for_again(self, world: World) -> None:
        await claimed(world)
        world.env.backend.cdn.get = lambda url: None  # type: ignore[method-assign]
        await world.env.restart_bot(Parley(world.services))
        assert "cannot be fetched" in world.answers()[-1].content
        assert world.standin.requests == []
        assert await spent(world) == []

    async def test_files_that_were_read_before_a_restart_go_along(self, world: World) -> None:
        question = await claimed(world)
        await world.services.store.revise(replace(question, attachments=(AttachedText("a.txt", "text", 5, "first"),)))
        await world.env.restart_bot(Parley(world.services))
        (messages,) = world.sent_to_model()
        assert "> first" in messages[-1]["content"]

    async def test_a_question_is_never_answered_as_if_its_lost_files_had_not_been_there(self, world: World) -> None:
        question = replace(await claimed(world), trigger_id=99)  # as a button asks a kept question again
        bot = world.env.bot
        assert isinstance(bot, Parley)
        with world.env._bot_scope():
            await world.services.turns.ask(question, screen_for(bot, question))
        assert "cannot be fetched" in world.answers()[-1].content
        assert world.standin.requests == []


class TestJson:
    async def test_a_schema_is_sent_strictly_when_it_qualifies_and_shown_as_code(self, world: World) -> None:
        world.standin.script(Say(VALID))
        result = await world.asker.slash(world.channel, "ask", prompt="A book", schema=schema_file())
        assert shown(result) == f"```json\n{VALID}\n```"
        (body,) = asked_for(world)
        assert body["response_format"]["json_schema"] == {"name": "book", "schema": BOOK, "strict": True}

    async def test_a_looser_schema_is_not_sent_as_strict(self, world: World) -> None:
        loose = {"type": "object", "properties": {"title": {"type": "string", "maxLength": 20}}}
        result = await world.asker.slash(world.channel, "ask", prompt="A book", schema=schema_file(loose))
        assert json.loads(shown(result).removeprefix("```json\n").removesuffix("\n```")) == {"title": "stand-in"}
        (body,) = asked_for(world)
        assert body["response_format"]["json_schema"]["strict"] is False

    async def test_an_answer_that_does_not_fit_is_asked_for_once_more(self, world: World) -> None:
        world.standin.script(Say(INVALID), Say(VALID))
        result = await world.asker.slash(world.channel, "ask", prompt="A book", schema=schema_file())
        assert shown(result) == f"```json\n{VALID}\n```"
        first, second = asked_for(world)
        assert second["messages"][: len(first["messages"])] == first["messages"]
        invalid, told = second["messages"][-2:]
        assert invalid == {"role": "assistant", "content": INVALID}
        assert '"minimum" (1)' in told["content"]
        assert "$.pages" in told["content"]
        assert await spent(world) == [(1, True), (2, True)]

    async def test_one_that_stays_wrong_is_shown_with_what_is_wrong(self, world: World) -> None:
        world.standin.script(Say(INVALID), Say(INVALID), Say("never asked for"))
        result = await world.asker.slash(world.channel, "ask", prompt="A book", schema=schema_file())
        assert f"```json\n{INVALID}\n```" in shown(result)
        assert "at `$.pages` it breaks the rule `minimum`" in shown(result)
        assert len(asked_for(world)) == 2

    async def test_the_first_answer_is_shown_when_the_correction_fails(self, world: World) -> None:
        world.standin.script(Say(INVALID), Refuse(401, "invalid_api_key"))
        result = await world.asker.slash(world.channel, "ask", prompt="A book", schema=schema_file())
        assert INVALID in shown(result)
        assert "breaks the rule" in shown(result)
        assert await spent(world) == [(1, True), (2, True)]

    @pytest.mark.settings(daily_budget_usd="0.09")
    async def test_the_correction_is_reserved_too(self, world: World) -> None:
        world.standin.script(Say(INVALID), Say(VALID))
        result = await world.asker.slash(world.channel, "ask", prompt="A book", schema=schema_file())
        assert "breaks the rule" in shown(result), "no money was left for it"
        assert len(asked_for(world)) == 1

    async def test_one_that_was_cut_is_not_asked_for_again(self, world: World) -> None:
        world.standin.script(Say('{"title": "On', finish_reason="length"))
        result = await world.asker.slash(world.channel, "ask", prompt="A book", schema=schema_file())
        assert "Cut at the token limit" in shown(result)
        assert "not valid JSON" in shown(result)
        assert len(asked_for(world)) == 1

    async def test_half_of_a_json_text_is_not_gone_on_with(self, world: World) -> None:
        world.standin.script(Say('{"title": "On', finish_reason="length"))
        result = await world.asker.slash(world.channel, "chat", message="A book", json=True)
        assert "Cut at the token limit" in shown(result)
        offered = labels(world.answers()[-1])
        assert "Regenerate" in offered
        assert "Continue" not in offered

    async def test_a_server_without_schemas_is_told_in_words(self, world: World) -> None:
        message = "'response_format' of type 'json_schema' is not supported with this model."
        world.standin.script(Refuse(400, param="response_format", message=message), Say(VALID))
        result = await world.asker.slash(world.channel, "ask", prompt="A book", schema=schema_file())
        assert VALID in shown(result)
        assert "takes no JSON Schema" in shown(result)
        body = asked_for(world)[-1]
        assert body["response_format"] == {"type": "json_object"}
        assert json.dumps(BOOK) in body["messages"][0]["content"]

    async def test_a_fence_around_json_is_taken_off(self, world: World) -> None:
        world.standin.script(Say(f"```json\n{VALID}\n```"))
        result = await world.asker.slash(world.channel, "ask", prompt="A book", schema=schema_file())
        assert shown(result) == f"```json\n{VALID}\n```"

    async def test_long_json_comes_as_a_file(self, world: World) -> None:
        long = json.dumps({"title": "x" * 3000, "pages": 1})
        world.standin.script(Say(long))
        result = await world.asker.slash(world.channel, "ask", prompt="A book", schema=schema_file())
        assert result.response is not None
        (attached,) = result.response.attachments
        assert attached.filename == "answer.json"
        assert world.env.backend.cdn.get(attached.url) == long.encode()

    async def test_chat_takes_json_too_and_grows_as_code(self, world: World) -> None:
        text = json.dumps({"words": ["word"] * 300})
        world.standin.script(Say(text))
        await world.asker.slash(world.channel, "chat", message="Words", json=True)
        growing = [
            entry.json["content"]
            for entry in world.env.http_requests
            if entry.method == "PATCH" and isinstance(entry.json, dict) and "still writing" in entry.json["content"]
        ]
        assert growing
        assert all(re.search(r"```json\n\{", content) for content in growing)
        (body,) = asked_for(world)
        assert "begins with a line in square brackets" in body["messages"][0]["content"]

    @pytest.mark.parametrize(
        ("file", "sentence"),
        [
            (("s.json", b"{'type': 'object'}"), "not valid JSON"),
            (("s.json", b"[" * 60_000), "not valid JSON"),
            (("s.json", b" " * 70_000), "at most 64 KiB"),
            (schema_file({"type": "array"}), "must describe an object"),
            (schema_file({**BOOK, "$ref": "https://example.org/x"}), "reference"),
            (schema_file({**BOOK, "patternProperties": {"(a+)+$": True}}), "pattern"),
            (schema_file({**BOOK, "minProperties": -1}), "Draft 2020-12"),
        ],
    )
    async def test_a_schema_that_is_not_used_costs_nothing(
        self, world: World, file: tuple[str, bytes], sentence: str
    ) -> None:
        result = await world.asker.slash(world.channel, "ask", prompt="A book", schema=file)
        assert sentence in shown(result)
        assert result.ephemeral
        assert world.standin.requests == []
        assert await spent(world) == []
