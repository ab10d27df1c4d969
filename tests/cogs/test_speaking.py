"""/audio speak, the menu and the button: heard as a voice message or a file, paid once, kept when refused."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import discord
import pytest
from simcord.builders import ChannelHandle
from simcord.results import ResponseMessage

from bot.app import Parley
from bot.core.sound.formats import ENDINGS, Recording, format_of
from bot.reading.encoding import encode
from bot.sandbox.standin import Cut, Drip, Html, Raw, Refuse, Say, spoken
from bot.services import Services
from cogs.ui import speaking
from tests.cogs.conftest import World

TEXT = "The tide comes in at nine."


def shown(result: Any) -> str:
    assert result.response is not None
    content: str = result.response.content
    return content


def sounds(world: World) -> list[discord.Message]:
    """The bot's messages with a file, oldest first."""
    return [message for message in world.answers() if message.attachments]


async def heard(world: World, message: discord.Message | ResponseMessage) -> list[str]:
    [attachment] = message.attachments
    return [said.text for said in world.standin.spoken.understand(await attachment.read()) or ()]


def asked_for(world: World) -> list[dict[str, Any]]:
    return [r.body for r in world.standin.requests if r.path == "/v1/audio/speech" and isinstance(r.body, dict)]


async def ledger(world: World) -> list[tuple[str, int, int | None]]:
    rows = await world.services.store._database.run(
        "SELECT model, reserved_micro_usd, settled_micro_usd FROM usage_ledger ORDER BY usage_id", {}
    )
    return [(row["model"], row["reserved_micro_usd"], row["settled_micro_usd"]) for row in rows]


async def test_a_text_becomes_a_voice_message_below_the_line_of_text(world: World) -> None:
    result = await world.asker.slash(world.channel, "audio speak", text=TEXT)
    assert shown(result).startswith(f"> {TEXT}\n\n🔊 alloy · 0:0")
    assert not result.ephemeral
    line, voice = world.answers()
    assert not line.attachments
    assert voice.flags.voice
    assert voice.content == ""
    assert await heard(world, voice) == [TEXT]
    [body] = asked_for(world)
    assert body == {"model": "gpt-4o-mini-tts", "input": TEXT, "voice": "alloy", "response_format": "opus"}
    [(model, reserved, settled)] = await ledger(world)
    assert model == "gpt-4o-mini-tts"
    assert settled is not None
    assert 0 < settled < reserved
    assert not world.pinged()


@pytest.mark.parametrize("file_format", ENDINGS)
async def test_every_format_arrives_as_a_file_that_can_be_played(world: World, file_format: str) -> None:
    await world.asker.slash(world.channel, "audio speak", text=TEXT, format=file_format)
    [message] = sounds(world)
    assert not message.flags.voice
    assert message.content.startswith(f"> {TEXT}")
    [attachment] = message.attachments
    assert attachment.filename == f"speech.{ENDINGS[file_format]}"
    wanted = "wav" if file_format == "pcm" else file_format
    assert format_of(await attachment.read(), asked=file_format) == wanted
    assert await heard(world, message) == [TEXT]


async def test_every_option_is_sent(world: World) -> None:
    options = {"voice": "cedar", "speed": 1.5, "instructions": "Whisper.", "format": "mp3", "model": "gpt-4o-mini-tts"}
    await world.asker.slash(world.channel, "audio speak", text=TEXT, **options)
    [body] = asked_for(world)
    options["response_format"] = options.pop("format")
    assert body == {"input": TEXT, **options}


async def test_what_a_model_does_not_take_is_mapped_and_told(world: World) -> None:
    options = {"model": "tts-1", "voice": "marin", "instructions": "Whisper."}
    result = await world.asker.slash(world.channel, "audio speak", text=TEXT, **options)
    [body] = asked_for(world)
    assert "instructions" not in body
    assert body["voice"] == "nova"
    assert "tts-1 takes no instructions" in shown(result)
    assert "tts-1 has no voice marin: this is nova" in shown(result)
    [(_, reserved, settled)] = await ledger(world)
    assert reserved == settled == len(TEXT) * 15


async def test_a_server_that_refuses_an_option_is_asked_without_it(world: World) -> None:
    options = {"model": "standin-voice", "instructions": "Whisper.", "speed": 2.0, "format": "wav"}
    result = await world.asker.slash(world.channel, "audio speak", text=TEXT * 4, **options)
    plain = await world.asker.slash(world.channel, "audio speak", text=TEXT * 4, model="standin-voice", format="wav")
    assert "takes no instructions" in shown(result)
    fast, slow = sounds(world)
    assert await heard(world, fast) == [TEXT * 4]
    assert fast.attachments[0].size < slow.attachments[0].size * 0.6  # made faster here
    assert shown(plain)
    assert world.standin.billed == 2


async def test_a_private_text_is_a_file_that_only_its_asker_sees(world: World) -> None:
    result = await world.asker.slash(world.channel, "audio speak", text=TEXT, private=True)
    assert result.ephemeral
    assert result.response is not None
    assert [a.filename for a in result.response.attachments] == ["speech.ogg"]
    assert not sounds(world)


def a_quiet_channel(world: World) -> ChannelHandle:
    no_voice = discord.PermissionOverwrite(send_voice_messages=False)
    return world.guild.create_text_channel("no-voice", overwrites={world.guild.default_role: no_voice})


async def test_without_the_permission_it_is_a_file_and_says_so(world: World) -> None:
    channel = a_quiet_channel(world)
    result = await world.asker.slash(channel, "audio speak", text=TEXT)
    assert "Voice messages are not allowed here" in shown(result)
    [message] = world.answers(channel)
    assert not message.flags.voice
    assert await heard(world, message) == [TEXT]


@pytest.mark.parametrize("code", [50173, 50013])
async def test_where_discord_refuses_a_voice_message_it_goes_as_a_file(world: World, code: int) -> None:
    world.env.inject_error("POST", "/channels/*/messages", status=403, code=code, message="No.")
    await world.asker.slash(world.channel, "audio speak", text=TEXT)
    _, file = world.answers()
    assert not file.flags.voice
    assert await heard(world, file) == [TEXT]
    assert world.standin.billed == 1


async def test_what_discord_does_not_take_at_all_comes_to_its_asker_alone(world: World) -> None:
    world.env.inject_error("POST", "/channels/*/messages", status=403, code=50013, message="No.", times=2)
    await world.asker.slash(world.channel, "audio speak", text=TEXT)
    assert not sounds(world)
    result = await world.asker.slash(world.channel, "help")
    [kept] = [message for message in result.followups if message.attachments]  # brought by the next command
    assert kept.flags.ephemeral
    assert await heard(world, kept) == [TEXT]
    assert world.standin.billed == 1


async def test_it_speaks_in_direct_messages(world: World) -> None:
    await world.asker.user.slash("audio speak", text=TEXT)
    voice = [message for message in world.answers(world.asker.user.dm_channel) if message.attachments]
    assert [message.flags.voice for message in voice] == [True]


@pytest.mark.parametrize("options", [{}, {"text": TEXT, "file": ("a.txt", b"More.")}])
async def test_either_a_text_or_a_file(world: World, options: dict[str, Any]) -> None:
    result = await world.asker.slash(world.channel, "audio speak", **options)
    assert result.ephemeral
    assert "one of the two" in shown(result)
    assert not world.standin.requests


LONG = "\n\n".join(f"Paragraph {number}. " + "The lighthouse keeper counts the ships. " * 18 for number in range(6))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Speak with tones: a synthesiser takes minutes for what these tests read."""
    monkeypatch.setattr(spoken, "SYNTHESISER", "no-such-synthesiser")


@pytest.mark.usefixtures("quick")
async def test_a_file_is_read_in_parts_and_joined(world: World) -> None:
    result = await world.asker.slash(
        world.channel, "audio speak", file=("story.txt", LONG.encode()), format="mp3", speed=4.0, private=True
    )
    bodies = asked_for(world)
    assert len(bodies) == 2
    assert all(len(body["input"]) <= 4096 for body in bodies)
    assert result.response is not None
    said = await heard(world, result.response)
    assert " ".join(" ".join(said).split()) == " ".join(LONG.split())
    [(_, reserved, settled)] = await ledger(world)
    assert settled is not None
    assert 0 < settled < reserved
    progress = [str(e.json.get("content")) for e in world.env.http_requests if e.method == "PATCH" and e.json]
    assert any("0 of 2 parts" in content for content in progress)


@pytest.mark.usefixtures("quick")
async def test_what_fails_after_the_first_part_is_told_and_the_first_part_is_heard(world: World) -> None:
    world.standin.script(Drip(0), Refuse(500, message="no"), of="speech")
    result = await world.asker.slash(world.channel, "audio speak", file=("story.txt", LONG.encode()), speed=4.0)
    assert "Read up to here: 1 of 2 parts" in shown(result)
    [voice] = sounds(world)
    [said] = await heard(world, voice)
    assert LONG.startswith(said[:60])
    [(_, reserved, settled)] = await ledger(world)
    assert settled is not None
    assert 0 < settled < reserved


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("lost", [Cut(None, "close"), Raw(b"OggS but no sound at all")])
async def test_when_the_first_part_is_lost_only_that_one_is_booked(world: World, lost: Cut | Raw) -> None:
    world.standin.script(lost, of="speech")
    result = await world.asker.slash(world.channel, "audio speak", file=("story.txt", LONG.encode()))
    assert "error id" in shown(result)
    assert len(asked_for(world)) == 1
    [(_, reserved, settled)] = await ledger(world)
    assert settled is not None
    assert 0 < settled < reserved


@pytest.mark.usefixtures("quick")
async def test_a_part_that_is_no_sound_does_not_cost_the_parts_before_it(world: World) -> None:
    world.standin.script(Drip(0), Raw(b"OggS but no sound at all"), of="speech")
    result = await world.asker.slash(world.channel, "audio speak", file=("story.txt", LONG.encode()), speed=4.0)
    assert "Read up to here: 1 of 2 parts" in shown(result)
    [voice] = sounds(world)
    assert LONG.startswith((await heard(world, voice))[0][:60])


async def test_a_file_that_is_too_long_costs_nothing(world: World) -> None:
    long_file = ("book.txt", b"A word and a word. " * 1200)
    result = await world.asker.slash(world.channel, "audio speak", file=long_file)
    assert "up to 20,000 characters" in shown(result)
    assert not world.standin.requests


async def test_what_is_no_text_is_refused_before_paying(world: World) -> None:
    result = await world.asker.slash(world.channel, "audio speak", file=("a.txt", b"PK\x03\x04 and more"))
    assert "archive" in shown(result)
    assert not world.standin.requests


async def test_a_result_that_discord_would_not_take_becomes_smaller(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaking, "speech_task", lambda _, task: replace(task, limit_bytes=60_000))
    result = await world.asker.slash(world.channel, "audio speak", text=TEXT * 3, format="wav")
    assert "smaller Ogg Opus file" in shown(result)
    [message] = sounds(world)
    assert message.attachments[0].size <= 60_000
    assert await heard(world, message) == [TEXT * 3]


@pytest.mark.parametrize(
    "answer",
    [Html(200), Raw(b""), Raw(b'{"error": "no"}'), Raw(b"OggS but no sound at all"), Raw(b"RIFF\x04\0\0\0WAVE")],
    ids=["a web page", "nothing", "an error in JSON", "half a mark", "a file without sound"],
)
async def test_a_server_that_sends_no_sound_is_told_and_not_asked_again(world: World, answer: Html | Raw) -> None:
    world.standin.script(answer, of="speech")
    result = await world.asker.slash(world.channel, "audio speak", text=TEXT)
    assert "error id" in shown(result)
    assert "not an answer" in shown(result) or "empty answer" in shown(result)
    assert not sounds(world)
    assert len(asked_for(world)) == 1


async def test_a_server_that_sends_another_format_is_understood(world: World) -> None:
    wav = encode([Recording(world.standin.spoken.say(TEXT), "pcm")], "wav").content
    world.standin.script(Raw(wav, content_type="text/plain"), of="speech")
    await world.asker.slash(world.channel, "audio speak", text=TEXT, format="mp3")
    [message] = sounds(world)
    assert format_of(await message.attachments[0].read(), asked="mp3") == "mp3"
    assert await heard(world, message) == [TEXT]


async def test_a_lost_connection_is_not_tried_again(world: World) -> None:
    world.standin.script(Cut(None, "close"), of="speech")
    result = await world.asker.slash(world.channel, "audio speak", text=TEXT)
    assert "error id" in shown(result)
    assert len(asked_for(world)) == 1
    [(_, reserved, settled)] = await ledger(world)
    assert settled == reserved


@pytest.mark.settings(daily_budget_usd="0.00001")
async def test_what_the_budget_does_not_allow_is_not_asked_for(world: World) -> None:
    result = await world.asker.slash(world.channel, "audio speak", text=TEXT)
    assert "spent what its owner allows" in shown(result)
    assert not world.standin.requests


@pytest.mark.settings(speech_model="gpt-audio-1.5")
async def test_a_chat_model_reads_and_is_paid_as_it_says(world: World) -> None:
    result = await world.asker.slash(world.channel, "audio speak", text=TEXT, voice="verse", speed=2.0)
    assert "gpt-audio-1.5 has no voice verse: this is echo" in shown(result)
    [voice] = sounds(world)
    assert voice.flags.voice
    assert await heard(world, voice) == [TEXT]
    [request] = world.standin.requests
    assert request.body["messages"][-1] == {"role": "user", "content": TEXT}
    assert request.usage is not None
    details = request.usage["completion_tokens_details"]
    cost = request.usage["prompt_tokens"] * 2.5 + details["text_tokens"] * 10 + details["audio_tokens"] * 64
    [(_, reserved, settled)] = await ledger(world)
    assert settled is not None
    assert cost <= settled < cost + 1
    assert settled < reserved


@pytest.mark.settings(speech_model="gpt-audio-1.5")
async def test_a_chat_model_that_does_not_tell_its_usage_is_booked_in_full(world: World) -> None:
    wav = encode([Recording(world.standin.spoken.say(TEXT), "pcm")], "wav").content
    audio = {"data": base64.b64encode(wav).decode(), "transcript": TEXT}
    answer = {"choices": [{"message": {"role": "assistant", "audio": audio}, "finish_reason": "stop"}]}
    world.standin.script(Raw(json.dumps(answer)))
    await world.asker.slash(world.channel, "audio speak", text=TEXT)
    assert sounds(world)
    [(_, reserved, settled)] = await ledger(world)
    assert settled == reserved


@pytest.mark.settings(speech_model="gpt-audio-1.5")
async def test_a_chat_model_that_says_something_else_is_told_on(world: World) -> None:
    world.standin.script(Say("Of course! I would love to talk about something else entirely."))
    result = await world.asker.slash(world.channel, "audio speak", text=TEXT)
    assert "did not say the text word for word" in shown(result)


class TestAfterTheEnd:
    """From 2027-01-06 on."""

    @pytest.fixture
    def openais(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the stand-in be taken for OpenAI: models of other servers do not end."""
        monkeypatch.setattr("bot.endpoints.is_openai", lambda _: True)

    @pytest.fixture
    def later(self, openais: None, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(services.clock, "now", lambda: datetime(2027, 1, 6, 0, 1, tzinfo=UTC))

    @pytest.mark.usefixtures("later")
    async def test_the_fallback_reads_and_says_so(self, world: World) -> None:
        result = await world.asker.slash(world.channel, "audio speak", text=TEXT)
        assert "gpt-4o-mini-tts has been shut down: read by gpt-audio-1.5." in shown(result)
        assert await heard(world, sounds(world)[0]) == [TEXT]
        assert not asked_for(world)

    async def test_a_server_of_ones_own_goes_on(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(world.services.clock, "now", lambda: datetime(2027, 1, 6, 0, 1, tzinfo=UTC))
        result = await world.asker.slash(world.channel, "audio speak", text=TEXT)
        assert "shut down" not in shown(result)
        assert asked_for(world)


async def test_models_are_offered_with_price_and_end(world: World) -> None:
    choices = await world.asker.autocomplete(world.channel, "audio speak", "model", "tts")
    assert {"name": "tts-1 · $15 per 1M characters · until 2027-01-06", "value": "tts-1"} in [
        {"name": choice["name"], "value": choice["value"]} for choice in choices
    ]


class TestReadAloud:
    ANSWER = "# Tides\nThey come **in** at `nine`.\n```py\nprint(9)\n```\nSee [the table](https://example.org/t)."
    WORDS = "Tides\nThey come in at nine.\nSee the table."

    async def test_the_button_reads_the_stored_answer_without_marks(self, world: World) -> None:
        world.standin.script(Say(self.ANSWER))
        await world.asker.send(world.channel, f"{world.mention} when?")
        [answer] = world.answers()
        await world.other.click(answer, label="Read aloud")
        [voice] = sounds(world)
        assert voice.flags.voice
        assert await heard(world, voice) == [self.WORDS]

    async def test_the_button_works_after_a_restart(self, world: World) -> None:
        world.standin.script(Say(self.ANSWER))
        await world.asker.send(world.channel, f"{world.mention} when?")
        await world.env.restart_bot(Parley(world.services))
        await world.asker.click(world.answers()[0], label="Read aloud")
        assert await heard(world, sounds(world)[0]) == [self.WORDS]

    async def test_a_private_answer_is_read_privately(self, world: World) -> None:
        world.standin.script(Say("A secret."))
        asked = await world.asker.slash(world.channel, "chat", message="psst", private=True)
        assert asked.response is not None
        result = await world.asker.click(asked.response, label="Read aloud")
        assert result.ephemeral
        assert result.response is not None
        assert await heard(world, result.response) == ["A secret."]
        assert not sounds(world)

    async def test_the_menu_reads_a_message(self, world: World) -> None:
        theirs = await world.other.send(world.channel, "**Hello** <:wave:123456789012345678> everybody")
        await world.asker.context_menu(world.channel, "Read aloud", theirs)
        assert await heard(world, sounds(world)[0]) == ["Hello wave everybody"]

    async def test_a_message_without_words_is_told(self, world: World) -> None:
        picture = await world.other.send(world.channel, attachments=[("cat.png", b"\x89PNG\r\n\x1a\n")])
        result = await world.asker.context_menu(world.channel, "Read aloud", picture)
        assert result.ephemeral
        assert "no words" in shown(result)


async def test_delete_takes_the_voice_message_and_the_text_away(world: World) -> None:
    await world.asker.slash(world.channel, "audio speak", text=TEXT)
    line, _ = world.answers()
    await world.asker.click(line, label="Delete")
    assert not world.answers()
    rows = await world.services.store._database.run("SELECT text FROM tasks", {})
    assert not rows
