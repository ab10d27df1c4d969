"""Transcriptions against the stand-in: the real SDK over a real socket, every request held to OpenAI's contract."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

import pytest

from bot.core.catalogue import Catalogue
from bot.core.errors.provider import (
    EndpointMissing,
    InvalidReply,
    KeyRejected,
    ModelNotFound,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaExhausted,
    RequestRefused,
)
from bot.core.ports.files import Sound
from bot.core.ports.money import MediaUsage
from bot.core.sound.transcripts import Output, Segment, Transcript, TranscriptRequest, as_json, joined, subtitles
from bot.provider.transcription import OpenAITranscriptModel
from bot.sandbox.standin import Behaviour, Cut, Html, Raw, Refuse, Say, StandIn
from bot.sandbox.standin.behaviours import Stall
from bot.sandbox.standin.bodies import Upload
from tests.clock import FakeClock
from tests.provider.conftest import CATALOGUE
from tests.sounds import a_sound

MakeModel: TypeAlias = Callable[..., OpenAITranscriptModel]


@pytest.fixture
async def make_model(standin: StandIn, clock: FakeClock) -> AsyncIterator[MakeModel]:
    async with AsyncExitStack() as stack:

        def make(
            *, api_key: str | None = None, base_url: str | None = None, seconds: float = 30
        ) -> OpenAITranscriptModel:
            model = OpenAITranscriptModel(
                base_url=base_url or standin.base_url,
                api_key=standin.key,
                catalogue=Catalogue.parse(CATALOGUE),
                clock=clock,
                total_seconds=seconds,
            )
            stack.push_async_callback(model.aclose)
            return model

        yield make


@pytest.fixture
def model(make_model: MakeModel) -> OpenAITranscriptModel:
    return make_model()


def asked(model: str = "gpt-transcribe", *, start: float = 0, ending: str = "ogg", **options: Any) -> TranscriptRequest:
    sound = Sound(f"sound-1.{ending}", "audio/ogg", 1.0, a_sound(), start)
    return TranscriptRequest(model, sound, **options)


def sent(standin: StandIn) -> dict[str, Any]:
    return {name: value for name, value in standin.requests[-1].body.items() if name != "file"}


class TestRequests:
    async def test_the_current_model_takes_lists(self, standin: StandIn, model: OpenAITranscriptModel) -> None:
        standin.script(Say("Good morning."), of="transcription")
        found = await model.transcribe(asked(language="de", keywords=("Parley", "Ogg"), prompt="A greeting."))
        assert found.text == "Good morning."
        assert found.languages == ("de",)
        assert found.usage is not None
        assert found.usage.seconds == pytest.approx(1, abs=0.1)
        assert found.ignored_options == ()
        assert sent(standin) == {
            "model": "gpt-transcribe",
            "languages[]": ["de"],
            "keywords[]": ["Parley", "Ogg"],
            "prompt": "A greeting.",
            "response_format": "json",
        }
        upload = standin.requests[-1].body["file"]
        assert isinstance(upload, Upload)
        assert (upload.file_name, upload.content_type, upload.content) == ("sound-1.ogg", "audio/ogg", a_sound())

    async def test_nothing_is_sent_that_nobody_set(self, standin: StandIn, model: OpenAITranscriptModel) -> None:
        await model.transcribe(asked())
        assert sent(standin) == {"model": "gpt-transcribe", "response_format": "json"}

    async def test_whisper_takes_one_language_and_gives_times(
        self, standin: StandIn, model: OpenAITranscriptModel
    ) -> None:
        standin.script(Say("one two three four five six seven eight nine"), of="transcription")
        request = asked("whisper-1", start=60, language="en", keywords=("Parley",), prompt="Numbers.", timestamps=True)
        found = await model.transcribe(request)
        assert sent(standin) == {
            "model": "whisper-1",
            "language": "en",
            "prompt": "Numbers., Parley",
            "response_format": "verbose_json",
        }
        assert [s.text for s in found.segments] == ["one two three four five six seven eight", "nine"]
        assert found.segments[0].start_seconds == 60, "times are those of the whole file"
        assert 60 < found.segments[1].end_seconds < 61.2

    async def test_translations_have_an_endpoint_of_their_own(
        self, standin: StandIn, model: OpenAITranscriptModel
    ) -> None:
        standin.script(Say("Good morning."), of="transcription")
        found = await model.transcribe(asked("whisper-1", language="de", to_english=True))
        assert found.text == "Good morning."
        assert standin.requests[-1].path == "/v1/audio/translations"
        assert sent(standin) == {"model": "whisper-1", "response_format": "json"}
        assert found.ignored_options == ("language",)

    async def test_tokens_are_counted_where_they_are_returned(
        self, standin: StandIn, model: OpenAITranscriptModel
    ) -> None:
        standin.script(Say("Good morning."), of="transcription")
        found = await model.transcribe(asked("gpt-4o-mini-transcribe"))
        assert found.usage is not None
        assert (found.usage.input_tokens, found.usage.input_audio_tokens, found.usage.output_tokens) == (10, 10, 2)

    async def test_an_option_that_is_refused_is_left_out_and_told(
        self, standin: StandIn, model: OpenAITranscriptModel
    ) -> None:
        found = await model.transcribe(asked("standin-classic-transcribe", language="de"))
        assert found.ignored_options == ("language",)
        assert "stand-in" in found.text, "bare text, whatever was asked for"
        assert len(standin.requests) == 2
        assert standin.billed == 1

    async def test_options_are_left_out_one_by_one(self, standin: StandIn, model: OpenAITranscriptModel) -> None:
        refused = Refuse(400, "unsupported_parameter", param="prompt")
        standin.script(refused, Refuse(400, "unsupported_parameter", param="response_format"), of="transcription")
        found = await model.transcribe(asked(prompt="x"))
        assert found.ignored_options == ("prompt",)
        assert sent(standin) == {"model": "gpt-transcribe"}

    async def test_the_stand_in_judges_by_the_name(self, standin: StandIn, model: OpenAITranscriptModel) -> None:
        with pytest.raises(RequestRefused):
            await model.transcribe(asked(ending="opus"))


class TestFailures:
    @pytest.mark.parametrize(
        ("behaviour", "error"),
        [
            (Refuse(401, "invalid_api_key"), KeyRejected),
            (Refuse(429, "insufficient_quota"), QuotaExhausted),
            (Refuse(404, body='{"detail": "Not Found"}'), EndpointMissing),
            (Refuse(405), EndpointMissing),
            (Refuse(400, "invalid_value", param="file"), RequestRefused),
            (Refuse(503, "server_is_overloaded"), ProviderUnavailable),
            (Cut(None), ProviderUnavailable),
            (Html(), InvalidReply),
            (Raw("{", content_type="application/json"), InvalidReply),
            (Raw('{"error": {"message": "no"}}'), InvalidReply),
            (Raw('{"text": null}'), InvalidReply),
            (Raw("[]"), InvalidReply),
            (Raw("[" * 200_000), InvalidReply),
        ],
    )
    async def test_every_failure_has_its_error_and_is_never_tried_again(
        self, standin: StandIn, model: OpenAITranscriptModel, behaviour: Behaviour, error: type[Exception]
    ) -> None:
        standin.script(behaviour, Say("never asked for"), of="transcription")
        with pytest.raises(error):
            await model.transcribe(asked())
        assert len(standin.requests) == 1

    async def test_an_answer_that_was_lost_may_have_been_billed(
        self, standin: StandIn, model: OpenAITranscriptModel
    ) -> None:
        standin.script(Cut(None), of="transcription")
        with pytest.raises(ProviderUnavailable) as lost:
            await model.transcribe(asked())
        assert lost.value.may_be_billed
        assert standin.billed == 1

    async def test_a_server_that_cannot_be_reached_was_not_asked(self, make_model: MakeModel) -> None:
        with pytest.raises(ProviderUnavailable) as unreachable:
            await make_model(base_url="http://127.0.0.1:9/v1").transcribe(asked())
        assert not unreachable.value.may_be_billed

    async def test_a_deadline(self, standin: StandIn, make_model: MakeModel) -> None:
        standin.script(Stall(), of="transcription")
        with pytest.raises(ProviderTimeout):
            await make_model(seconds=0.3).transcribe(asked())
        standin.release()

    async def test_an_unknown_model(self, model: OpenAITranscriptModel) -> None:
        with pytest.raises(ModelNotFound):
            await model.transcribe(asked("whisper-9"))

    async def test_a_broken_server_is_left_alone(self, standin: StandIn, model: OpenAITranscriptModel) -> None:
        standin.script(*[Refuse(500) for _ in range(5)], of="transcription")
        for _ in range(7):
            with pytest.raises(ProviderUnavailable):
                await model.transcribe(asked())
        assert len(standin.requests) == 5

    @pytest.mark.parametrize(
        "body",
        [
            {"text": " Hello. "},
            {"text": "Hello.", "usage": None, "languages": None, "segments": None},
            {"text": "Hello.", "usage": {"type": "duration", "seconds": -1}, "segments": [None, {"start": "a"}, {}]},
            {"text": "Hello.", "usage": {"type": "tokens"}, "languages": ["en", None, {"code": 3}]},
            "Hello.",
        ],
    )
    async def test_what_servers_leave_out(self, standin: StandIn, model: OpenAITranscriptModel, body: Any) -> None:
        standin.script(Raw(json.dumps(body)), of="transcription")
        found = await model.transcribe(asked())
        assert found.text == "Hello."
        assert found.segments == ()

    @pytest.mark.parametrize("said", ["1984", "true", "null", "2.5"])
    async def test_bare_words_that_are_json_too(
        self, standin: StandIn, model: OpenAITranscriptModel, said: str
    ) -> None:
        standin.script(Raw(said, content_type="text/plain"), of="transcription")
        assert (await model.transcribe(asked())).text == said


class TestSubtitles:
    SEGMENTS = (Segment(0, 1.5, "Good morning."), Segment(3661.0004, 3662, "an arrow --> here\n\nand a line"))

    def test_srt(self) -> None:
        assert subtitles(self.SEGMENTS, Output.SRT) == (
            "1\n00:00:00,000 --> 00:00:01,500\nGood morning.\n\n"
            "2\n01:01:01,000 --> 01:01:02,000\nan arrow → here and a line\n"
        )

    def test_vtt(self) -> None:
        text = subtitles(self.SEGMENTS[:1], Output.VTT)
        assert text == "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nGood morning.\n"

    def test_parts_are_joined_and_nothing_is_said_twice(self) -> None:
        one = Transcript("First.", (Segment(0, 1, "First."),), ("en",), MediaUsage(seconds=1), ("language",))
        two = Transcript("Second.", (Segment(0, 1, "Second."),), ("en", "de"), None, ("language",)).after(60)
        both = joined([one, Transcript(" "), two])
        assert both.text == "First.\n\nSecond."
        assert [s.start_seconds for s in both.segments] == [0, 60]
        assert both.languages == ("en", "de")
        assert both.ignored_options == ("language",)
        assert '"start": 60' in as_json(both)
