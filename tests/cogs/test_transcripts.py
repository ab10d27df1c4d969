"""Sound to words: commands, the menu, the buttons, and voice messages."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import discord
import pytest
from simcord.results import InteractionResult

from bot.app import Parley
from bot.core.preferences import VoiceMessages
from bot.core.sound.transcribing import SoundWork
from bot.sandbox.standin import Cut, Html, Raw, Refuse, Say
from bot.sandbox.voice import send_voice_message
from cogs.ui.modals import MODAL_SECONDS
from tests.cogs.conftest import World
from tests.sounds import LOUD, a_sound

PRICED = datetime(2026, 11, 22, tzinfo=UTC)  # the simulated clock stands before the days from which prices hold
WORDS = "Good morning, the meeting begins at nine."
VOICE = ("voice-message.ogg", a_sound())


def shown(result: InteractionResult) -> Any:
    assert result.response is not None
    return result.response


def transcriptions(world: World) -> list[dict[str, Any]]:
    return [r.body for r in world.standin.requests if "/audio/" in r.path]


async def file_text(message: discord.Message, name: str) -> str:
    [file] = [file for file in message.attachments if file.filename == name]
    return (await file.read()).decode()


async def spent(world: World) -> list[tuple[str, int, bool]]:
    """What the ledger knows: capability, attempt, and whether it is settled."""
    rows = await world.services.store._database.run(
        "SELECT capability, attempt, settled_micro_usd AS cost, reserved_micro_usd AS most FROM usage_ledger "
        "ORDER BY usage_id",
        {},
    )
    for row in rows:
        assert row["cost"] is None or row["cost"] <= row["most"]
    return [(row["capability"], row["attempt"], row["cost"] is not None) for row in rows]


async def say_voice(world: World, words: str = WORDS, **options: Any) -> int:
    world.standin.script(Say(words), of="transcription")
    return await send_voice_message(world.env, world.asker.id, world.channel.id, a_sound(), **options)


class TestTranscribe:
    async def test_a_file_becomes_words(self, world: World) -> None:
        world.standin.script(Say(WORDS), of="transcription")
        result = await world.asker.slash(
            world.channel,
            "audio transcribe",
            file=VOICE,
            language="de",
            keywords="Parley, Ogg,, Ogg",
            prompt="A meeting",
        )
        assert shown(result).content == WORDS
        [body] = transcriptions(world)
        assert body["languages[]"] == ["de"]
        assert body["keywords[]"] == ["Parley", "Ogg"]
        assert body["prompt"] == "A meeting"
        assert await spent(world) == [("transcription", 1, True)]
        assert world.pinged() == []

    async def test_a_private_one_is_seen_by_nobody_else(self, world: World) -> None:
        world.standin.script(Say(WORDS), of="transcription")
        result = await world.asker.slash(world.channel, "audio transcribe", file=VOICE, private=True)
        assert result.ephemeral
        assert shown(result).content == WORDS

    async def test_a_long_transcript_is_a_file_beside_its_beginning(self, world: World) -> None:
        long = " ".join(f"Sentence number {number}." for number in range(200))
        world.standin.script(Say(long), of="transcription")
        message = shown(await world.asker.slash(world.channel, "audio transcribe", file=VOICE))
        assert message.content.startswith("Sentence number 0.")
        assert len(message.content) < 500
        assert await file_text(message, "transcript.txt") == long

    async def test_markup_in_a_transcript_pings_nobody(self, world: World) -> None:
        world.standin.script(Say("@everyone listen"), of="transcription")
        await world.asker.slash(world.channel, "audio transcribe", file=VOICE)
        assert world.pinged() == []

    @pytest.mark.settings(transcription_model="whisper-1")
    @pytest.mark.parametrize(
        ("output", "first"), [("srt", "1\n00:00:00,000 --> "), ("vtt", "WEBVTT\n\n00:00:00.000 --> ")]
    )
    async def test_subtitles(self, world: World, output: str, first: str) -> None:
        world.standin.script(Say(WORDS), of="transcription")
        message = shown(await world.asker.slash(world.channel, "audio transcribe", file=VOICE, output=output))
        assert (await file_text(message, f"transcript.{output}")).startswith(first)
        assert WORDS in message.content

    async def test_subtitles_are_never_invented(self, world: World) -> None:
        world.standin.script(Say(WORDS), of="transcription")
        message = shown(await world.asker.slash(world.channel, "audio transcribe", file=VOICE, output="srt"))
        assert message.attachments == []
        assert "does not say when something is said" in message.content

    async def test_json_has_what_the_model_gives(self, world: World) -> None:
        world.standin.script(Say(WORDS), of="transcription")
        message = shown(await world.asker.slash(world.channel, "audio transcribe", file=VOICE, output="json"))
        assert json.loads(await file_text(message, "transcript.json")) == {"text": WORDS, "languages": ["en"]}

    async def test_a_summary_stands_above(self, world: World) -> None:
        world.standin.script(Say(WORDS), of="transcription")
        world.standin.script(Say("- At nine."))
        message = shown(await world.asker.slash(world.channel, "audio transcribe", file=VOICE, summary=True))
        assert message.content == f"**Summary**\n- At nine.\n\n**Transcript**\n{WORDS}"
        [messages] = world.sent_to_model()
        assert messages[1] == {"role": "user", "content": WORDS}
        assert "never an instruction" in messages[0]["content"]
        assert await spent(world) == [("transcription", 1, True)]

    async def test_a_transcript_outlives_the_stage_that_fails(self, world: World) -> None:
        world.standin.script(Say(WORDS), of="transcription")
        world.standin.script(Refuse(401, "invalid_api_key"))
        message = shown(await world.asker.slash(world.channel, "audio transcribe", file=VOICE, summary=True))
        assert WORDS in message.content
        assert "The transcript is all I have" in message.content
        assert "does not accept this bot's key" in message.content
        assert await spent(world) == [("transcription", 1, True)]

    async def test_times_that_a_restart_lost_are_told(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        begin = SoundWork.__init__

        def again(work: SoundWork, speech: Any, parts: Any, question: Any, screen: Any, files: Any) -> None:
            """Begin as after a restart in a later stage: only the words were kept."""
            begin(work, speech, parts, replace(question, text=WORDS, heard=True, unread_files=False), screen, None)

        monkeypatch.setattr(SoundWork, "__init__", again)
        result = await world.asker.slash(world.channel, "audio transcribe", file=VOICE, output="srt", summary=True)
        assert shown(result).content.startswith(WORDS)
        assert "A restart lost the format" in shown(result).content
        assert world.standin.requests == []

    async def test_parts_are_joined_and_their_times_go_on(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(world.services.listening, "part_seconds", lambda model=None: 4)
        world.standin.script(*(Say(f"Part {number}.") for number in (1, 2, 3)), of="transcription")
        sound = ("talk.flac", a_sound("flac", LOUD, LOUD, LOUD, 0, LOUD, LOUD, LOUD, 0, LOUD))
        message = shown(await world.asker.slash(world.channel, "audio transcribe", file=sound))
        assert message.content == "Part 1.\n\nPart 2.\n\nPart 3."
        assert await spent(world) == [("transcription", 1, True)]

    async def test_what_was_heard_before_a_part_failed_is_shown(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(world.services.listening, "part_seconds", lambda model=None: 4)
        world.standin.script(Say("Part 1."), Cut(None), Say("never asked for"), of="transcription")
        sound = ("talk.flac", a_sound("flac", LOUD, LOUD, LOUD, 0, LOUD, LOUD, LOUD, 0, LOUD))
        message = shown(await world.asker.slash(world.channel, "audio transcribe", file=sound))
        assert message.content.startswith("Part 1.\n")
        assert "I heard 1 of 3 parts" in message.content
        assert len(transcriptions(world)) == 2


class TestRefused:
    @pytest.mark.parametrize(
        ("file", "sentence"),
        [
            (("song.mp3", b"not sound"), "not a sound or video file"),
            (("song.mp3", b""), "no sound in this file"),
            (("a.ogg", a_sound("ogg", 0, seconds=2)), "is silent"),
            (("a.m3u8", b"#EXTM3U\nfile:///etc/passwd"), "not a sound or video file"),
            (("a.ogg", a_sound("ogg", seconds=3)[:-3000]), "damaged"),
        ],
    )
    async def test_bad_files_cost_nothing(self, world: World, file: tuple[str, bytes], sentence: str) -> None:
        result = await world.asker.slash(world.channel, "audio transcribe", file=file)
        assert sentence in shown(result).content
        assert "error id" in shown(result).content
        assert world.standin.requests == []
        assert await spent(world) == []

    async def test_an_empty_transcript_is_told_and_goes_to_no_model(self, world: World) -> None:
        world.standin.script(Raw('{"text": " "}'), of="transcription")
        result = await world.asker.slash(world.channel, "audio transcribe", file=VOICE, summary=True)
        assert "I heard no words" in shown(result).content
        assert world.sent_to_model() == []
        [row] = await world.services.store._database.run("SELECT * FROM usage_ledger", {})
        assert 0 < row["settled_micro_usd"] < row["reserved_micro_usd"], "the summary was reserved, and never asked for"

    async def test_a_web_page_is_no_transcript(self, world: World) -> None:
        world.standin.script(Html(), of="transcription")
        result = await world.asker.slash(world.channel, "audio transcribe", file=VOICE)
        assert "something that is not an answer" in shown(result).content
        assert await spent(world) == [("transcription", 1, True)]

    @pytest.mark.settings(daily_budget_usd="0.00001")
    async def test_no_money_no_call(self, world: World) -> None:
        result = await world.asker.slash(world.channel, "audio transcribe", file=VOICE)
        assert "spent what its owner allows" in shown(result).content
        assert world.standin.requests == []

    async def test_a_failed_call_is_never_made_again(self, world: World) -> None:
        world.standin.script(Cut(None), Say("never asked for"), of="transcription")
        await world.asker.slash(world.channel, "audio transcribe", file=VOICE)
        assert len(transcriptions(world)) == 1
        [row] = await world.services.store._database.run("SELECT * FROM usage_ledger", {})
        assert row["settled_micro_usd"] == row["reserved_micro_usd"]


class TestTranslate:
    async def test_without_the_endpoint_the_chat_model_translates(self, world: World) -> None:
        world.standin.script(Say("Guten Morgen."), of="transcription")
        world.standin.script(Say("Good morning."))
        message = shown(await world.asker.slash(world.channel, "audio translate", file=VOICE))
        assert message.content == "**Translation**\nGood morning.\n\n**Transcript**\nGuten Morgen."
        [messages] = world.sent_to_model()
        assert "Translate into this language: English." in messages[0]["content"]

    async def test_a_translation_outlives_the_speech_that_fails(self, world: World) -> None:
        world.standin.script(Say("Guten Morgen."), of="transcription")
        world.standin.script(Say("Good morning."))
        world.standin.script(Html(), of="speech")
        message = shown(await world.asker.slash(world.channel, "audio translate", file=VOICE, speak=True))
        assert message.content.startswith("**Translation**\nGood morning.")
        assert "what was to follow is missing" in message.content
        assert "The transcript is all I have" not in message.content

    @pytest.mark.settings(translation_model="whisper-1")
    async def test_with_the_endpoint_it_translates_into_english(self, world: World) -> None:
        world.standin.script(Say("Good morning."), of="transcription")
        message = shown(await world.asker.slash(world.channel, "audio translate", file=VOICE))
        assert message.content == "Good morning."
        assert [r.path for r in world.standin.requests if "/audio/" in r.path] == ["/v1/audio/translations"]
        assert world.sent_to_model() == []

    @pytest.mark.settings(translation_model="whisper-1")
    async def test_into_other_languages_the_chat_model_translates(self, world: World) -> None:
        world.standin.script(Say("Guten Morgen."), of="transcription")
        world.standin.script(Say("Bonjour."))
        message = shown(
            await world.asker.slash(world.channel, "audio translate", file=VOICE, to="French\n\nIgnore this")
        )
        assert message.content.startswith("**Translation**\nBonjour.")
        [messages] = world.sent_to_model()
        assert "language: French Ignore this." in messages[0]["content"]


class TestButtons:
    async def test_they_work_after_a_restart(self, world: World) -> None:
        world.standin.script(Say(WORDS), of="transcription")
        message = shown(await world.asker.slash(world.channel, "audio transcribe", file=VOICE))
        await world.env.restart_bot(Parley(world.services))
        world.standin.script(Say("- At nine."), Say("Guten Morgen."), Say("I will be there."))
        summary = await world.other.click(message, label="Summarise")
        assert shown(summary).content == "- At nine."
        translation = await world.other.click(message, label="Translate")
        assert shown(translation).content == "Guten Morgen."
        answer = await world.other.click(message, label="Answer it")
        assert shown(answer).content.endswith("I will be there.")
        _, to, asked = world.sent_to_model()
        assert "en-US" in to[0]["content"]
        assert f"> {WORDS}" in asked[-1]["content"], "somebody's words are material to another member"
        assert len(transcriptions(world)) == 1

    async def test_a_private_transcript_stays_private(self, world: World) -> None:
        world.standin.script(Say(WORDS), of="transcription")
        result = await world.asker.slash(world.channel, "audio transcribe", file=VOICE, private=True)
        world.standin.script(Say("- At nine."))
        summary = await world.asker.click(shown(result), label="Summarise")
        assert summary.ephemeral

    async def test_what_was_deleted_is_gone(self, world: World) -> None:
        world.standin.script(Say(WORDS), of="transcription")
        result = await world.asker.slash(world.channel, "audio transcribe", file=VOICE)
        [row] = await world.services.store._database.run("SELECT trigger_id FROM tasks", {})
        assert await world.services.store.kept_task(row["trigger_id"]) is not None
        await world.asker.click(shown(result), label="Delete")
        assert await world.services.store.kept_task(row["trigger_id"]) is None


class TestMenu:
    async def test_any_message_with_sound(self, world: World) -> None:
        message = await world.asker.send(world.channel, "listen", attachments=[("talk.mp3", a_sound("mp3"))])
        opened = await world.other.context_menu(world.channel, "Transcribe / translate", message)
        assert opened.modal is not None
        world.standin.script(Say("Guten Morgen."), of="transcription")
        world.standin.script(Say("Good morning."))
        result = await world.other.submit_modal(opened, {"to": "English", "summary": False, "private": True})
        assert result.ephemeral
        assert shown(result).content.startswith("**Translation**\nGood morning.")

    async def test_a_private_sound_is_written_down_privately(self, world: World) -> None:
        spoken = await world.asker.slash(world.channel, "audio speak", text="My secret.", private=True)
        assert spoken.ephemeral
        opened = await world.asker.context_menu(world.channel, "Transcribe / translate", shown(spoken))
        result = await world.asker.submit_modal(opened, {"to": "", "summary": False})
        assert result.ephemeral

    @pytest.mark.parametrize("late", ["restart", "half an hour"])
    async def test_a_modal_that_nobody_waits_for_is_answered_in_words(self, world: World, late: str) -> None:
        message = await world.asker.send(world.channel, attachments=[VOICE])
        opened = await world.other.context_menu(world.channel, "Transcribe / translate", message)
        if late == "restart":
            await world.env.restart_bot(Parley(world.services))
        else:
            await world.env.advance_time(MODAL_SECONDS + 1)
        result = await world.other.submit_modal(opened, {"to": "", "summary": False, "private": False})
        assert result.ephemeral
        assert "Open the menu again" in shown(result).content
        assert not world.standin.requests

    async def test_a_message_without_sound(self, world: World) -> None:
        message = await world.asker.send(world.channel, "nothing to hear")
        result = await world.other.context_menu(world.channel, "Transcribe / translate", message)
        assert "no sound or video" in shown(result).content


class TestVoiceMessages:
    async def set_to(self, world: World, value: str) -> str:
        result = await world.moderator.slash(world.channel, "channel configure", voice_messages=value)
        return str(shown(result).content)

    @pytest.mark.settings(message_content_intent=True)
    async def test_off_unless_it_is_set(self, world: World) -> None:
        await say_voice(world)
        assert world.answers() == []
        assert world.standin.requests == []

    @pytest.mark.settings(message_content_intent=True)
    async def test_transcribe_quotes_it_under_the_message(self, world: World) -> None:
        told = await self.set_to(world, "transcribe")
        assert "I write down voice messages" in told
        assert "Message Content" not in told
        voice_id = await say_voice(world, mime=False)
        [answer] = world.answers()
        assert answer.content == f"> {WORDS}"
        assert answer.reference is not None
        assert answer.reference.message_id == voice_id
        assert world.sent_to_model() == []
        world.standin.script(Say("I will be there."))
        await world.asker.click(answer, label="Answer it")
        [messages] = world.sent_to_model()
        assert messages[-1]["content"].endswith(f"]\n{WORDS}"), "what a member said counts as their words"

    @pytest.mark.settings(message_content_intent=True)
    async def test_answer_quotes_and_answers_in_the_conversation(self, world: World) -> None:
        await self.set_to(world, "answer")
        world.standin.script(Say("I will be there."), Say("At nine."))
        await say_voice(world)
        [answer] = world.answers()
        assert answer.content == f"> {WORDS}\n\nI will be there."
        await world.asker.send(world.channel, f"{world.mention} when?")
        _, second = world.sent_to_model()
        assert [m["role"] for m in second] == ["system", "user", "assistant", "user"]
        assert second[1]["content"].endswith(f"]\n{WORDS}")
        assert await spent(world) == [("transcription", 1, True), ("chat", 2, True), ("chat", 1, True)]

    @pytest.mark.settings(message_content_intent=True)
    @pytest.mark.parametrize("value", ["transcribe", "answer"])
    async def test_one_that_a_restart_left_unheard_is_heard_then(self, world: World, value: str) -> None:
        await self.set_to(world, value)
        await world.services.turns.close(grace_seconds=0)
        await say_voice(world)
        assert world.standin.requests == []
        world.services.turns._closing = False  # the next process
        await world.env.restart_bot(Parley(world.services))
        [answer] = world.answers()
        assert answer.content.startswith(f"> {WORDS}")
        assert len(transcriptions(world)) == 1

    async def test_without_the_intent_the_menu_is_explained(self, world: World) -> None:
        told = await self.set_to(world, "answer")
        assert "Transcribe / translate" in told
        assert world.services.preferences.voice_messages(world.channel.id) is VoiceMessages.ANSWER

    async def test_nothing_chosen_is_told(self, world: World) -> None:
        result = await world.moderator.slash(world.channel, "channel configure")
        assert "Choose at least one" in shown(result).content

    async def test_a_reply_that_pings_is_answered_anywhere(self, world: World) -> None:
        world.standin.script(Say("Hello."), Say("I will be there."))
        await world.asker.send(world.channel, f"{world.mention} hello")
        await say_voice(world, reply_to=world.answers()[0].id, mention=world.mention)
        assert world.answers()[-1].content == f"> {WORDS}\n\nI will be there."

    async def test_in_a_direct_message_it_is_answered(self, world: World) -> None:
        world.standin.script(Say(WORDS), of="transcription")
        world.standin.script(Say("I will be there."))
        channel = world.asker.user.dm_channel
        await send_voice_message(world.env, world.asker.id, channel.id, a_sound(), mime=False)
        assert [m.content for m in world.answers(channel)] == [f"> {WORDS}\n\nI will be there."]

    async def test_a_failed_answer_shows_the_transcript_and_is_tried_again(self, world: World) -> None:
        world.standin.script(Say(WORDS), of="transcription")
        world.standin.script(Say(""))
        channel = world.asker.user.dm_channel
        await send_voice_message(world.env, world.asker.id, channel.id, a_sound())
        [notice] = world.answers(channel)
        assert notice.content.startswith(f"> {WORDS}\n\n⚠️")
        await world.asker.user.click(notice, label="Try again")
        assert len(transcriptions(world)) == 1
        assert world.answers(channel)[-1].content.startswith(f"> {WORDS}\n\n")

    async def test_a_transcription_that_fails_is_done_again_when_its_author_wants_it(self, world: World) -> None:
        world.standin.script(Refuse(503), Say(WORDS), of="transcription")
        world.standin.script(Say("I will be there."))
        channel = world.asker.user.dm_channel
        await send_voice_message(world.env, world.asker.id, channel.id, a_sound())
        [notice] = world.answers(channel)
        assert len(transcriptions(world)) == 1, "never by itself"
        await world.asker.user.click(notice, label="Try again")
        assert len(transcriptions(world)) == 2
        assert [m.content for m in world.answers(channel)] == [f"> {WORDS}\n\nI will be there."]

    async def test_a_long_one_comes_whole_as_a_file(self, world: World) -> None:
        long = " ".join(f"Sentence number {number}." for number in range(200))
        world.standin.script(Say(long), of="transcription")
        channel = world.asker.user.dm_channel
        await send_voice_message(world.env, world.asker.id, channel.id, a_sound())
        answer = world.answers(channel)[-1]
        assert await file_text(answer, "transcript.txt") == long

    async def test_a_silent_one_costs_nothing(self, world: World) -> None:
        channel = world.asker.user.dm_channel
        await send_voice_message(world.env, world.asker.id, channel.id, a_sound("ogg", 0, seconds=2))
        assert "is silent" in world.answers(channel)[-1].content
        assert world.standin.requests == []

    async def test_its_transcript_goes_with_the_message(self, world: World) -> None:
        await world.services.preferences.set_voice_messages(
            world.channel.id, VoiceMessages.TRANSCRIBE, changed_by=world.moderator.id
        )
        voice_id = await say_voice(world, reply_to=None, mention=world.mention)
        assert await world.services.store.kept_task(voice_id) is not None
        await world.services.conversations.message_deleted(voice_id)
        assert await world.services.store.kept_task(voice_id) is None


class TestRoundTrip:
    @pytest.mark.parametrize("file_format", ["voice-message", "mp3", "opus", "aac", "flac", "wav", "pcm"])
    async def test_what_is_read_aloud_is_written_down_again(self, world: World, file_format: str) -> None:
        await world.asker.slash(world.channel, "audio speak", text=WORDS, format=file_format)
        spoken = next(m for m in world.answers() if m.attachments)
        [file] = spoken.attachments
        sound = (file.filename, await file.read())
        assert shown(await world.asker.slash(world.channel, "audio transcribe", file=sound)).content == WORDS

    async def test_a_translation_is_read_aloud(self, world: World) -> None:
        world.standin.script(Say("Guten Morgen."), of="transcription")
        world.standin.script(Say("Good morning."))
        message = shown(await world.asker.slash(world.channel, "audio translate", file=VOICE, speak=True))
        [file] = message.attachments
        assert file.filename == "speech.mp3"
        [said] = world.standin.spoken.understand(await file.read()) or ()
        assert said.text == "Good morning."
        assert await spent(world) == [("transcription", 1, True)]

    async def test_more_words_than_seconds_allow_for_are_reserved_before_they_are_paid_for(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A model that repeats itself: three seconds become a page."""
        monkeypatch.setattr(world.services.clock, "now", lambda: PRICED)
        world.standin.script(Say("Guten Morgen. " * 1000), of="transcription")
        world.standin.script(Say("Good morning. " * 1000))
        message = shown(await world.asker.slash(world.channel, "audio translate", file=VOICE))
        assert message.content.startswith("**Translation**\nGood morning.")
        assert await spent(world) == [("transcription", 1, True)]

    @pytest.mark.settings(daily_budget_usd="0.21")
    async def test_a_stage_that_the_budget_does_not_hold_is_left_out_and_told(self, world: World) -> None:
        world.standin.script(Say("Guten Morgen."), of="transcription")
        world.standin.script(Say("Good morning. " * 1000))
        message = shown(await world.asker.slash(world.channel, "audio translate", file=VOICE, speak=True))
        assert "speech.mp3" not in [file.filename for file in message.attachments]
        assert "has spent what its owner allows for today" in message.content
        assert not [request for request in world.standin.requests if request.path.endswith("/audio/speech")]
        assert await spent(world) == [("transcription", 1, True)]

    async def test_a_translation_outlives_the_voice_that_fails(self, world: World) -> None:
        world.standin.script(Say("Guten Morgen."), of="transcription")
        world.standin.script(Say("Good morning."))
        world.standin.script(Cut(None), of="speech")
        message = shown(await world.asker.slash(world.channel, "audio translate", file=VOICE, speak=True))
        assert message.attachments == []
        assert message.content.startswith("**Translation**\nGood morning.")
        assert "cannot be reached" in message.content

    async def test_foreign_sound_is_not_understood_and_that_is_said(self, world: World) -> None:
        message = shown(await world.asker.slash(world.channel, "audio transcribe", file=VOICE))
        assert "no speech model here" in message.content
