"""The sandbox's server: who is answered where, what stays from run to run, and what its page may do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import discord
import pytest

import bot.app
from bot.sandbox.sandbox import File, Sandbox, open_sandbox
from bot.sandbox.standin import Hold, Say, StandIn
from bot.settings import Settings
from tests.sandbox import extension
from tests.sandbox.conftest import answers, until

SIMCORD_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def prompt(standin: StandIn, number: int) -> str:
    """Return everything that came along with a question."""
    body: Any = standin.requests[number].body
    return "\n".join(message["content"] for message in body["messages"])


async def test_every_message_in_the_lounge_is_answered(sandbox: Sandbox) -> None:
    member = sandbox.world.person("member")
    await sandbox.send(member, sandbox.world.lounge, "hello", [])
    await until(lambda: answers(sandbox, sandbox.world.lounge))
    question, answer = sandbox.world.lounge.channel.history()
    assert question.content == "hello"
    assert answer.reference is not None
    assert answer.reference.message_id == question.id


async def test_elsewhere_only_a_typed_name_is_answered(sandbox: Sandbox, standin: StandIn) -> None:
    moderator = sandbox.world.person("moderator")
    place = sandbox.world.place("help", moderator)
    await sandbox.send(moderator, place, "is anybody here?", [])
    await sandbox.send(moderator, place, "@parley are you there, and @Member?", [])
    await until(lambda: answers(sandbox, place))
    assert len(standin.requests) == 1
    assert "are you there, and @Member?" in prompt(standin, 0)


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("@Parley hello", "{bot} hello"),
        ("hello, @parley!", "hello, {bot}!"),
        ("@Parleys", "@Parleys"),
        ("mail@parley", "mail@parley"),
        ("nothing", "nothing"),
    ],
)
async def test_a_typed_name_becomes_a_mention(sandbox: Sandbox, typed: str, sent: str) -> None:
    assert sandbox.page.with_mentions(typed) == sent.format(bot=sandbox.world.mention)


async def test_a_direct_message_with_a_file_arrives(sandbox: Sandbox) -> None:
    owner = sandbox.world.person("owner")
    place = sandbox.world.place("direct", owner)
    await sandbox.send(owner, place, "what is this?", [File("notes.txt", b"words")])
    await until(lambda: answers(sandbox, place))
    assert [file.filename for file in place.channel.history()[0].attachments] == ["notes.txt"]


async def test_ids_come_from_moments_and_so_stay_the_same(sandbox: Sandbox) -> None:
    world = sandbox.world
    places = [*world.channels, *world.direct_messages]
    moments = [*[person.user.id for person in world.people], *[place.channel.id for place in places]]
    minutes = [(discord.utils.snowflake_time(made) - SIMCORD_EPOCH) / timedelta(minutes=1) for made in moments]
    assert minutes == [1, 2, 3, 20, 21, 22, 30, 31, 32]


async def test_a_restart_shows_what_was_said_and_the_bot_remembers_it(settings: Settings, standin: StandIn) -> None:
    standin.script(Say("A long-lived answer."))
    async with open_sandbox(settings) as first:
        lounge = first.world.lounge
        await first.send(first.world.person("moderator"), lounge, "the first question", [])
        await until(lambda: answers(first, lounge))
    restarted_at = datetime.now(UTC)
    async with open_sandbox(settings) as second:
        assert second._env.now() >= restarted_at
        lounge = second.world.lounge
        shown = [(message.author.display_name, message.content) for message in lounge.channel.history()]
        assert shown == [("Moderator", "the first question"), ("Parley", "A long-lived answer.")]
        await second.send(second.world.person("member"), lounge, "the second question", [])
        await until(lambda: len(answers(second, lounge)) == 2)
    assert "the first question" in prompt(standin, 1)
    assert "A long-lived answer." in prompt(standin, 1)


async def test_a_question_that_was_cut_off_is_shown_and_answered_after_a_restart(
    settings: Settings, standin: StandIn
) -> None:
    standin.script(Hold(after_deltas=2), Say("Late, but here."))
    async with open_sandbox(settings) as first:
        await first.send(first.world.person("member"), first.world.lounge, "are you slow?", [])
        await standin.arrived(1)
    async with open_sandbox(settings) as second:
        lounge = second.world.lounge
        await until(lambda: answers(second, lounge))
        shown = [(message.author.display_name, message.content) for message in lounge.channel.history()]
    assert shown == [("Member", "are you slow?"), ("Parley", "Late, but here.")]


async def test_a_new_server_says_once_what_to_try(settings: Settings) -> None:
    for times in (1, 0):
        async with open_sandbox(settings, welcome=True) as opened:
            said = [message.content for message in opened.world.lounge.channel.history()]
            assert len([words for words in said if "Three things to try" in words]) == times


async def test_commands_are_there_again_after_a_restart(settings: Settings) -> None:
    for _ in range(2):
        async with open_sandbox(settings) as opened:
            owner = opened.world.person("owner").actor
            assert {"ask", "chat"} <= set(owner.available_commands(opened.world.lounge.channel))


async def test_a_mistake_in_the_bot_is_told_and_ends_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bot.app, "EXTENSIONS", (*bot.app.EXTENSIONS, extension.__name__))
    async with open_sandbox(settings) as opened:
        member, lounge = opened.world.person("member"), opened.world.lounge
        with caplog.at_level(logging.ERROR):
            await opened.send(member, lounge, extension.MISTAKE, [])
            await until(lambda: answers(opened, lounge))
            await until(lambda: any("the bot raised an error" in record.message for record in caplog.records))
        await opened.send(member, lounge, "and now?", [])
        await until(lambda: len(answers(opened, lounge)) == 2)


# SimCord's page, spoken to as its script does


class Page:
    """One browser tab."""

    def __init__(self, session: aiohttp.ClientSession, url: str, opened: dict[str, Any]) -> None:
        self._session = session
        self._url = url
        self._sequence = 0
        self.opened = opened

    async def act(self, kind: str, **what: Any) -> dict[str, Any]:
        """Do something as somebody who still looks at what the page showed first."""
        self._sequence += 1
        body = {
            "protocol_version": 3,
            "sequence": self._sequence,
            "request_id": f"request-{self._sequence}",
            "generation": self.opened["context"]["generation"],
            "bot_generation": self.opened["botGeneration"],
            "published_revision": self.opened["publishedRevision"],
            "kind": kind,
            **what,
        }
        async with self._session.post(f"{self._url}/api/action", json=body) as response:
            result: dict[str, Any] = await response.json()
            return result


@asynccontextmanager
async def tab(sandbox: Sandbox) -> AsyncIterator[Page]:
    url, capability = (await sandbox.page.open(sandbox.world.lounge, sandbox.world.people[0])).split("/#")
    async with aiohttp.ClientSession(headers={"X-Simcord-Capability": capability}) as session:
        async with session.post(f"{url}/api/pages", json={}) as response:
            opened = await response.json()
        session.headers["X-Simcord-Context"] = opened["context"]["id"]
        yield Page(session, url, opened)


async def test_what_was_clicked_on_an_older_text_still_counts(sandbox: Sandbox) -> None:
    async with tab(sandbox) as page:
        await sandbox.page.refresh()
        result = await page.act("send_message", content="said while the text grew")
    assert not result["rejected"], result["diagnostics"]
    assert "said while the text grew" in [message.content for message in sandbox.world.lounge.channel.history()]


async def test_everything_at_once_happens_one_after_another(sandbox: Sandbox) -> None:
    member, lounge = sandbox.world.person("member"), sandbox.world.lounge
    async with tab(sandbox) as page:
        result, *_ = await asyncio.gather(
            page.act("send_message", content="from the page"),
            sandbox.page.refresh(),
            sandbox.send(member, lounge, "from the lobby", []),
            sandbox.page.refresh(),
        )
        assert not result["rejected"], result["diagnostics"]
    await until(lambda: len(answers(sandbox, lounge)) == 2)


async def test_a_page_that_was_ended_from_within_can_be_opened_again(sandbox: Sandbox) -> None:
    async with tab(sandbox) as page:
        assert not (await page.act("close"))["rejected"]
        await sandbox.page.refresh()
    async with tab(sandbox) as page:
        assert page.opened["status"] == "current"
