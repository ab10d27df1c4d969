"""What the stand-in has spoken it understands, whatever happened to the sound in between."""

import random

import pytest

from bot.core.sound.formats import ENDINGS, PCM, Recording, format_of
from bot.reading.encoding import encode
from bot.sandbox.standin import spoken
from bot.sandbox.standin.spoken import BASE, DIGITS, Spoken, call_sign, call_signs

TEXT = "The tide comes in at nine. Grüße, 今天天气! 😀"


def spoken_as(file_format: str, pcm: bytes) -> Recording:
    content = encode([Recording(pcm, PCM)], file_format).content
    found = format_of(content, asked=file_format)
    assert found is not None
    return Recording(content, found)


@pytest.fixture(params=["with a synthesiser", "without one"])
def stand_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Spoken:
    if request.param == "without one":
        monkeypatch.setattr(spoken, "SYNTHESISER", "no-such-synthesiser")
    return Spoken()


@pytest.mark.parametrize("file_format", ENDINGS)
def test_words_are_understood_in_every_format_and_joined_as_opus(stand_in: Spoken, file_format: str) -> None:
    recording = spoken_as(file_format, stand_in.say(TEXT))
    (heard,) = stand_in.understand(recording.content) or ()
    assert heard.text == TEXT
    assert heard.at_seconds < 0.2
    more = spoken_as(file_format, stand_in.say("And out again."))
    joined = encode([recording, more, recording], "opus", bit_rate=12_000)
    assert [said.text for said in stand_in.understand(joined.content) or ()] == [TEXT, "And out again.", TEXT]


@pytest.mark.parametrize("speed", [0.25, 1.5, 4.0])
def test_words_are_understood_at_another_speed(stand_in: Spoken, speed: float) -> None:
    recording = spoken_as("mp3", stand_in.say(TEXT))
    changed = encode([recording], "opus", speed=speed)
    assert [said.text for said in stand_in.understand(changed.content) or ()] == [TEXT]


def test_every_number_is_heard_as_itself() -> None:
    numbers = [0, 1, BASE**DIGITS - 1, *random.Random(5).sample(range(BASE**DIGITS), 40)]
    recording = spoken_as("opus", b"".join(call_sign(number) + bytes(9600) for number in numbers))
    assert [number for _, number in call_signs(recording.content)] == numbers


def test_other_sound_is_not_understood_and_no_sound_is_refused() -> None:
    stand_in = Spoken()
    somebody_else = spoken_as("wav", Spoken().say("Not mine."))
    assert stand_in.understand(somebody_else.content) is None
    assert stand_in.understand(spoken_as("wav", bytes(48_000)).content) is None
    with pytest.raises(ValueError, match="no sound file"):
        stand_in.understand(b"not a sound at all")
