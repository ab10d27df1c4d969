"""The lobby: who may use it, and what its forms do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
import yarl

import bot.app
from bot.sandbox.lobby import Lobby
from bot.sandbox.problem import PortInUse
from bot.sandbox.sandbox import File, Sandbox, open_sandbox
from bot.settings import Settings
from tests.pictures import a_picture
from tests.sandbox import extension
from tests.sandbox.conftest import answers, until
from tests.sounds import a_sound

PERSON_AND_PLACE = {"person": "member", "place": "lounge"}


@asynccontextmanager
async def lobby_with(sandbox: Sandbox) -> AsyncIterator[tuple[Lobby, aiohttp.ClientSession]]:
    async with Lobby(port=0, answered_by="A test answers.") as lobby, aiohttp.ClientSession(lobby.url) as session:
        lobby.enter(sandbox)
        yield lobby, session


@pytest.fixture
async def session(sandbox: Sandbox) -> AsyncIterator[aiohttp.ClientSession]:
    async with lobby_with(sandbox) as (_, opened):
        yield opened


async def shown(session: aiohttp.ClientSession) -> str:
    async with session.get("") as response:
        assert response.status == 200
        return await response.text()


async def test_it_says_what_it_is_and_where_to_begin(session: aiohttp.ClientSession) -> None:
    page = await shown(session)
    for words in (
        "A test answers.",
        "Talk in #lounge",
        "#help",
        "Direct messages",
        "Owner",
        "Moderator",
        "Member",
        "/ask",
    ):
        assert words in page
    assert "Ask AI about this" in page


async def test_nothing_is_loaded_from_elsewhere(session: aiohttp.ClientSession) -> None:
    async with session.get("") as response:
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "http" not in await response.text()
    async with session.get("lobby.css") as response:
        assert response.content_type == "text/css"
        assert "http" not in await response.text()


@pytest.mark.parametrize("path", ["/", "/send", "/wrong-key/", "/wrong-key/send"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_without_the_key_there_is_nothing(
    sandbox: Sandbox, session: aiohttp.ClientSession, method: str, path: str
) -> None:
    async with lobby_with(sandbox) as (lobby, _):
        url = yarl.URL(lobby.url).with_path(path)
        async with session.request(method, url, data=PERSON_AND_PLACE) as response:
            assert response.status == 404
            assert "address" in await response.text()


async def test_another_name_does_not_lead_here(session: aiohttp.ClientSession) -> None:
    async with session.get("", headers={"Host": "evil.example"}) as response:
        assert response.status == 403
        assert "Parley" not in await response.text()


async def test_a_choice_opens_the_chat_of_that_place(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    for place in ("lounge", "help", "thread", "direct"):
        async with session.post("open", data={"person": "member", "place": place}) as response:  # follows the redirect
            assert response.status == 200
            assert "SimCord" in await response.text()
    assert 'value="member" checked' in await shown(session)


@pytest.mark.parametrize("wrong", [{"person": "nobody"}, {"place": "nowhere"}])
async def test_a_form_that_was_tampered_with_is_refused(session: aiohttp.ClientSession, wrong: dict[str, str]) -> None:
    async with session.post("open", data={**PERSON_AND_PLACE, **wrong}) as response:
        assert response.status == 400


async def test_a_voice_message_is_sent_and_answered(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData({**PERSON_AND_PLACE, "text": "", "voice": "on"})
    form.add_field("files", a_sound(), filename="recording.ogg")
    async with session.post("send", data=form) as response:
        assert "Sent to #lounge as Member." in await response.text()
    voice = sandbox.world.lounge.channel.history()[0]
    assert voice.flags.voice
    [file] = voice.attachments
    assert file.is_voice_message()
    await until(lambda: answers(sandbox, sandbox.world.lounge))
    [answer] = answers(sandbox, sandbox.world.lounge)
    assert answer.content.startswith("> This is the stand-in")


async def test_a_voice_message_has_no_words(session: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData({**PERSON_AND_PLACE, "text": "and words", "voice": "on"})
    form.add_field("files", a_sound(), filename="recording.ogg")
    async with session.post("send", data=form) as response:
        assert "one sound file without words" in await response.text()


async def test_a_message_with_files_is_sent(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData({**PERSON_AND_PLACE, "text": "two files"})
    form.add_field("files", b"one", filename="one.txt")
    form.add_field("files", b"two", filename="two.txt")
    async with session.post("send", data=form) as response:
        assert "Sent to #lounge as Member." in await response.text()
    message = sandbox.world.lounge.channel.history()[0]
    assert (message.author.display_name, message.content) == ("Member", "two files")
    assert [file.filename for file in message.attachments] == ["one.txt", "two.txt"]


async def test_a_picture_that_is_sent_is_looked_at(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData({**PERSON_AND_PLACE, "text": "what is this?"})
    form.add_field("files", a_picture(size=(40, 30)), filename="a.png", content_type="image/png")
    async with session.post("send", data=form) as response:
        assert response.status == 200
    await until(lambda: answers(sandbox, sandbox.world.lounge))
    assert "a PNG of 40 x 30 pixels, mostly red" in answers(sandbox, sandbox.world.lounge)[-1].content


@pytest.mark.parametrize(
    ("text", "files", "told"),
    [("", 0, "write something"), ("too many", 11, "up to 10 files"), ("x" * 2001, 0, "Discord refused it")],
)
async def test_what_discord_would_not_take_is_told(
    sandbox: Sandbox, session: aiohttp.ClientSession, text: str, files: int, told: str
) -> None:
    form = aiohttp.FormData({**PERSON_AND_PLACE, "text": text})
    for number in range(files):
        form.add_field("files", b"content", filename=f"{number}.txt")
    async with session.post("send", data=form) as response:
        assert told in await response.text()
    assert not sandbox.world.lounge.channel.history()


async def test_a_message_menu_is_used(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot.app, "EXTENSIONS", (*bot.app.EXTENSIONS, extension.__name__))
    async with open_sandbox(settings) as sandbox, lobby_with(sandbox) as (_, session):
        member, help_ = sandbox.world.person("member"), sandbox.world.place("help", sandbox.world.person("member"))
        await sandbox.send(member, help_, "eleven more", [])
        assert "Member: eleven more" in await shown(session)
        message = help_.channel.history()[0]
        form = {"person": "member", "menu": "Count letters", "message": str(message.id)}
        async with session.post("menu", data=form) as response:
            assert "The answer is in #help." in await response.text()
        await until(lambda: [answer.content for answer in answers(sandbox, help_)] == ["11 letters"])
        async with session.post("menu", data={**form, "message": "1"}) as response:
            assert "no longer there" in await response.text()


async def test_a_message_menu_is_used_in_direct_messages_by_whoever_sees_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.app, "EXTENSIONS", (*bot.app.EXTENSIONS, extension.__name__))
    async with open_sandbox(settings) as sandbox, lobby_with(sandbox) as (_, session):
        member = sandbox.world.person("member")
        direct = sandbox.world.place("direct", member)
        await sandbox.send(member, direct, "eleven more", [])
        await until(lambda: answers(sandbox, direct))
        assert "Direct messages of Member · Member: eleven more" in await shown(session)
        form = {"person": "owner", "menu": "Count letters", "message": str(direct.channel.history()[0].id)}
        async with session.post("menu", data=form) as response:
            assert "Only Member sees that message" in await response.text()
        async with session.post("menu", data={**form, "person": "member"}) as response:
            assert "The answer is in Direct messages." in await response.text()
        await until(lambda: answers(sandbox, direct)[-1].content == "11 letters")


async def test_messages_without_words_are_told_apart_and_the_newest_comes_first(sandbox: Sandbox) -> None:
    member, lounge, help_ = sandbox.world.person("member"), sandbox.world.lounge, sandbox.world.channels[1]
    await sandbox.send_voice(member, help_, File("a.ogg", a_sound()))
    await sandbox.send(member, help_, "", [File("boat.png", a_picture(size=(40, 30)))])
    await sandbox.send(member, lounge, "", [File("notes.txt", b"words")])
    await sandbox.send(member, help_, "two\nlines", [])
    said = [target.excerpt for target in sandbox.menu_targets() if "Member: " in target.excerpt]
    assert said == [
        "Member: two lines",
        "Member: (file: notes.txt)",
        "Member: (picture: boat.png)",
        "Member: (voice message)",
    ]


async def test_a_reset_waits_for_the_next_sandbox(settings: Settings) -> None:
    async with Lobby(port=0, answered_by="") as lobby, aiohttp.ClientSession(lobby.url) as session:

        async def reset() -> str:
            async with session.post("reset") as response:
                return await response.text()

        async with open_sandbox(settings) as first:
            lobby.enter(first)
            resetting = asyncio.create_task(reset())
            await lobby.reset_wanted.wait()
        async with open_sandbox(settings) as second:
            lobby.enter(second)
            assert "Everything was forgotten." in await resetting


async def test_a_busy_port_is_one_sentence() -> None:
    async with Lobby(port=0, answered_by="") as first:
        port = yarl.URL(first.url).port or 0
        with pytest.raises(PortInUse, match=f"port {port} cannot be used"):
            await Lobby(port=port, answered_by="").__aenter__()
