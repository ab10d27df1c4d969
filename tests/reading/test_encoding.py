"""Sound files are made of what servers send: joined, in every format, with length and waveform."""

import math
import struct

import pytest

from bot.core.errors.provider import InvalidReply
from bot.core.sound.formats import ENDINGS, PCM, PCM_RATE, Recording, format_of
from bot.reading.encoding import Encoder, encode


def tone(seconds: float, *, amplitude: int = 12_000) -> Recording:
    count = round(seconds * PCM_RATE)
    wave = (round(amplitude * math.sin(2 * math.pi * 440 * place / PCM_RATE)) for place in range(count))
    return Recording(b"".join(struct.pack("<h", value) for value in wave), PCM)


def silence(seconds: float) -> Recording:
    return Recording(bytes(2 * round(seconds * PCM_RATE)), PCM)


@pytest.mark.parametrize("file_format", ENDINGS)
async def test_parts_are_joined_in_every_format(file_format: str) -> None:
    encoded = await Encoder().encode([tone(1.0), silence(0.5), tone(1.5)], file_format)
    assert encoded.seconds == pytest.approx(3.0, abs=0.1)
    found = format_of(encoded.content, asked="nothing")
    assert found == ("wav" if file_format == PCM else file_format)
    again = encode([Recording(encoded.content, found or "")] * 2, "opus")
    assert again.seconds == pytest.approx(6.0, abs=0.3)


def test_a_waveform_is_256_amplitudes_that_follow_the_sound() -> None:
    waveform = encode([silence(1.0), tone(1.0), tone(1.0, amplitude=3000), silence(1.0)], "opus").waveform
    assert len(waveform) == 256
    quarters = [waveform[start + 4 : start + 60] for start in range(0, 256, 64)]
    assert max(quarters[0]) == max(quarters[3]) == 0
    assert min(quarters[1]) > 240
    assert all(50 < amplitude < 80 for amplitude in quarters[2])


def test_noise_is_not_blown_up() -> None:
    assert max(encode([tone(1.0, amplitude=3)], "opus").waveform) < 20


def test_a_very_short_sound_has_a_waveform_too() -> None:
    encoded = encode([tone(0.005)], "opus")
    assert len(encoded.waveform) == 256
    assert encoded.seconds == pytest.approx(0.005, abs=0.001)


@pytest.mark.parametrize("speed", [0.25, 0.8, 2.0, 4.0])
def test_another_speed_is_another_length(speed: float) -> None:
    assert encode([tone(2.0)], "wav", speed=speed).seconds == pytest.approx(2.0 / speed, rel=0.05)


def test_what_is_as_it_should_be_stays_byte_for_byte() -> None:
    for file_format in ("mp3", "opus", "aac", "flac", "wav"):
        content = encode([tone(1.0)], file_format).content
        assert encode([Recording(content, file_format)], file_format).content == content


def test_a_smaller_file_is_smaller() -> None:
    sound = [tone(20.0)]
    assert len(encode(sound, "opus", bit_rate=12_000).content) < len(encode(sound, "opus").content)


@pytest.mark.parametrize(
    ("content", "file_format"),
    [
        (b"OggS nothing of the kind", "opus"),
        (b"fLaC", "flac"),
        (b"RIFF\x24\0\0\0WAVE", "wav"),
        (b"ID3" + bytes(200), "mp3"),
        (b"\xff\xf1" + bytes(200), "aac"),
        (b"", PCM),
    ],
)
def test_what_cannot_be_decoded_is_told(content: bytes, file_format: str) -> None:
    with pytest.raises(InvalidReply):
        encode([Recording(content, file_format)], "opus")


def test_half_an_ogg_file_gives_what_is_there_or_is_told() -> None:
    content = encode([tone(5.0)], "opus").content
    encoded = encode([Recording(content[: len(content) // 2], "opus")], "mp3")
    assert 0 < encoded.seconds < 5


@pytest.mark.parametrize("page", [b"<!doctype html><html></html>" * 9, b'{"error": {"message": "no"}}', b"words only."])
def test_text_is_no_sound_even_where_pcm_was_asked_for(page: bytes) -> None:
    assert format_of(page, asked=PCM) is None


@pytest.mark.parametrize("first", [-1, -2, -16, -4096 + 255])
def test_quiet_samples_are_not_taken_for_the_mark_of_another_format(first: int) -> None:
    samples = struct.pack("<h", first) + tone(1.0).content
    assert format_of(samples, asked=PCM) == PCM
    assert encode([Recording(samples, PCM)], "wav").seconds == pytest.approx(1, abs=0.01)


def test_a_wav_file_that_does_not_know_its_length_is_written_anew() -> None:
    content = bytearray(encode([tone(1.0)], "wav").content)
    data = content.find(b"data")
    content[4:8] = content[data + 4 : data + 8] = b"\xff" * 4  # as a server sends it that streams
    written = encode([Recording(bytes(content), "wav")], "wav").content
    assert struct.unpack("<I", written[4:8]) == (len(written) - 8,)
