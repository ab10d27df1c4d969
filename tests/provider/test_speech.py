"""Our speech model against the stand-in: both contracts, every failure, one request each."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from openai import AsyncOpenAI

from bot.core.errors.provider import (
    ContentRefused,
    EmptyAnswer,
    EndpointMissing,
    InvalidReply,
    KeyRejected,
    ModelNotFound,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
)
from bot.core.limits import MEDIA_SIDE_BY_SIDE
from bot.core.sound.cards import ANY_SPEECH_MODEL, SpeechCard
from bot.core.sound.formats import ENDINGS
from bot.core.sound.ports import SpeechRequest
from bot.provider.speech import OpenAISpeech
from bot.sandbox.standin import Behaviour, Cut, Hold, Html, Raw, Refuse, Say, StandIn
from tests.clock import FakeClock
from tests.contract import assert_fits

TEXT = "The tide comes in at nine."
BY_SPEECH = SpeechRequest(
    model="gpt-4o-mini-tts", card=ANY_SPEECH_MODEL, text=TEXT, voice="coral", file_format="opus", max_tokens=900
)
BY_CHAT = replace(BY_SPEECH, model="gpt-audio-1.5", card=SpeechCard(contract="chat"))


@pytest.fixture
async def speech(standin: StandIn) -> AsyncIterator[OpenAISpeech]:
    model = OpenAISpeech(base_url=standin.base_url, api_key=standin.key, clock=FakeClock())
    yield model
    await model.aclose()


@pytest.mark.parametrize("request_", [BY_SPEECH, BY_CHAT], ids=["speech", "chat"])
@pytest.mark.parametrize("file_format", ENDINGS)
async def test_every_format_by_either_contract(
    standin: StandIn, speech: OpenAISpeech, request_: SpeechRequest, file_format: str
) -> None:
    answer = await speech.speak(replace(request_, file_format=file_format))
    assert answer.recording.file_format == file_format
    if file_format != "pcm":
        assert [said.text for said in standin.spoken.understand(answer.recording.content) or ()] == [TEXT]
    assert answer.request_id == "req_standin_1"
    assert (answer.said, answer.usage is None) == ((TEXT, False) if request_ is BY_CHAT else (None, True))


async def test_nothing_that_nobody_set_is_sent(standin: StandIn, speech: OpenAISpeech) -> None:
    await speech.speak(BY_SPEECH)
    await speech.speak(BY_CHAT)
    by_speech, by_chat = (request.body for request in standin.requests)
    assert by_speech.keys() == {"model", "input", "voice", "response_format"}
    assert by_chat.keys() == {"model", "messages", "modalities", "audio", "max_completion_tokens"}
    assert by_chat["audio"] == {"voice": "coral", "format": "opus"}


async def test_the_manner_of_a_chat_model_stands_in_its_instructions(standin: StandIn, speech: OpenAISpeech) -> None:
    await speech.speak(replace(BY_CHAT, instructions="Whisper."))
    [request] = standin.requests
    system, user = request.body["messages"]
    assert system["content"].endswith("Whisper.")
    assert "Say exactly the words" in system["content"]
    assert user == {"role": "user", "content": TEXT}


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (Refuse(401, message="no", code="invalid_api_key"), KeyRejected),
        (Refuse(429, message="slow", headers={"retry-after": "3"}), RateLimited),
        (Refuse(429, message="no", code="insufficient_quota"), QuotaExhausted),
        (Refuse(404, message="no such path"), EndpointMissing),
        (Refuse(404, message="gone", code="model_not_found"), ModelNotFound),
        (Refuse(400, message="no", code="content_policy_violation"), ContentRefused),
        (Refuse(400, message="no", code="invalid_value", param="voice"), RequestRefused),
        (Refuse(500, message="down"), ProviderUnavailable),
        (Html(502), ProviderUnavailable),
        (Html(200), InvalidReply),
        (Raw(b""), EmptyAnswer),
        (Raw(b'{"error": "no"}'), InvalidReply),
        (Raw(b"plain words"), InvalidReply),
        (Cut(None, "close"), ProviderUnavailable),
        (Cut(None, "reset"), ProviderUnavailable),
    ],
)
async def test_every_failure_is_told_apart_and_nothing_is_sent_twice(
    standin: StandIn, speech: OpenAISpeech, behaviour: Behaviour, expected: type[ProviderError]
) -> None:
    standin.script(behaviour, of="speech")
    with pytest.raises(ProviderError) as raised:
        await speech.speak(BY_SPEECH)
    assert type(raised.value) is expected
    assert len(standin.requests) == 1
    unsure = isinstance(behaviour, Cut) or expected in (InvalidReply, EmptyAnswer, ContentRefused)
    assert raised.value.may_be_billed == unsure


@pytest.mark.parametrize("file_format", ["pcm", "mp3"])
async def test_a_web_page_is_no_sound_in_any_format(standin: StandIn, speech: OpenAISpeech, file_format: str) -> None:
    standin.script(Html(200), of="speech")
    with pytest.raises(InvalidReply):
        await speech.speak(replace(BY_SPEECH, file_format=file_format))


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (Say("I'd rather not.", refusal="I'd rather not."), ContentRefused),
        (Say(content_none=True), EmptyAnswer),
        (Say("x", no_choices=True), InvalidReply),
        (Cut(0, "bad_json"), InvalidReply),
        (Html(200), InvalidReply),
        (Raw(b'{"choices": [{"message": {"audio": {"data": "no base64!"}}}]}'), InvalidReply),
        (Raw(b'{"choices": [{"message": {"audio": {"data": "aGVsbG8="}}}]}'), InvalidReply),
        (Raw(b'{"choices": [{"message": {"audio": {"data": 7}}}]}'), InvalidReply),
    ],
)
async def test_a_chat_answer_without_sound_is_told_apart(
    standin: StandIn, speech: OpenAISpeech, behaviour: Behaviour, expected: type[ProviderError]
) -> None:
    standin.script(behaviour)
    with pytest.raises(expected):
        await speech.speak(BY_CHAT)
    assert len(standin.requests) == 1


async def test_what_takes_too_long_is_given_up(standin: StandIn) -> None:
    model = OpenAISpeech(base_url=standin.base_url, api_key=standin.key, clock=FakeClock(), total_seconds=0.2)
    standin.script(Hold(None), of="speech")
    with pytest.raises(ProviderTimeout) as raised:
        await model.speak(BY_SPEECH)
    assert raised.value.may_be_billed
    await model.aclose()


async def test_the_breaker_opens_for_everybody(standin: StandIn, speech: OpenAISpeech) -> None:
    standin.script(*[Refuse(500, message="down")] * 5, of="speech")
    for _ in range(6):
        with pytest.raises(ProviderUnavailable):
            await speech.speak(BY_SPEECH)
    assert len(standin.requests) == 5


async def test_no_more_calls_than_there_are_places(standin: StandIn) -> None:
    model = OpenAISpeech(base_url=standin.base_url, api_key=standin.key, clock=FakeClock())
    standin.script(*[Hold(None)] * MEDIA_SIDE_BY_SIDE, of="speech")
    asked = [asyncio.create_task(model.speak(BY_SPEECH)) for _ in range(MEDIA_SIDE_BY_SIDE + 1)]
    await standin.arrived(MEDIA_SIDE_BY_SIDE)
    assert model._calls._places.locked()
    standin.release()
    await asyncio.gather(*asked)
    assert len(standin.requests) == MEDIA_SIDE_BY_SIDE + 1
    await model.aclose()


async def test_the_stand_ins_answer_is_a_completion_by_the_spec(standin: StandIn) -> None:
    async with AsyncOpenAI(api_key=standin.key, base_url=standin.base_url, max_retries=0) as client:
        answer = await client.chat.completions.create(
            model="gpt-audio-1.5",
            messages=[{"role": "user", "content": TEXT}],
            modalities=["text", "audio"],
            audio={"voice": "alloy", "format": "mp3"},
        )
    assert answer.choices[0].message.audio is not None
    assert answer.choices[0].message.audio.transcript == TEXT
    assert_fits("CreateChatCompletionResponse", answer.model_dump(mode="json", exclude_unset=True))


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"voice": "nobody"}, "voice"),
        ({"input": "x" * 4097}, "input"),
        ({"input": ""}, "input"),
        ({"speed": 5}, "speed"),
        ({"response_format": "ogg"}, "response_format"),
        ({"model": "tts-1", "instructions": "Whisper."}, "instructions"),
        ({"extra": 1}, "extra"),
        ({"model": "gpt-6-luna"}, "model"),
    ],
)
async def test_the_stand_in_refuses_what_the_api_refuses(change: dict[str, object], param: str) -> None:
    async with StandIn() as server, aiohttp.ClientSession() as session:
        body = {"model": "gpt-4o-mini-tts", "input": TEXT, "voice": "alloy", **change}
        headers = {"Authorization": f"Bearer {server.key}"}
        async with session.post(f"{server.base_url}/audio/speech", json=body, headers=headers) as response:
            assert response.status in (400, 404)
            assert (await response.json())["error"]["param"] == param
        assert server.billed == 0
