"""Sound files: what is taken, what is cut, and what is refused before anything is paid for."""

import asyncio
import struct
from pathlib import Path

import pytest

from bot.core.errors.files import FileProblem, FileRefused
from bot.core.limits import SOUND_FILE_BYTES, SOUND_PART_BYTES, SOUND_SECONDS
from bot.core.ports.files import AttachedFile, Sound
from bot.reading import sound
from bot.reading.hearing import read_sound
from bot.reading.reader import Reading
from tests.sounds import FORMATS, LOUD, a_silent_film, a_sound


class Held:
    """A file in memory. Implements ``AttachedFile``."""

    def __init__(self, content: bytes, filename: str = "voice-message.ogg", size: int | None = None) -> None:
        self.content = content
        self.filename = filename
        self.size = len(content) if size is None else size
        self.url = ""

    async def read(self) -> bytes:
        return self.content


async def fetch(file: AttachedFile, *, limit_bytes: int) -> bytes:
    content = await file.read()
    if len(content) > limit_bytes:
        raise FileRefused(FileProblem.TOO_LARGE)
    return content


async def heard(
    content: bytes, filename: str = "voice-message.ogg", *, part_seconds: int = 1200, splits: bool = True
) -> tuple[Sound, ...]:
    reading = Reading(fetch, splits_sounds=splits)
    return (await reading.sound(Held(content, filename), part_seconds=part_seconds).read()).sounds


async def problem_with(content: bytes, filename: str = "voice-message.ogg", **options: bool) -> FileProblem:
    with pytest.raises(FileRefused) as refused:
        await heard(content, filename, **options)
    return refused.value.problem


class TestTaken:
    @pytest.mark.parametrize(
        ("ending", "name"),
        [
            ("ogg", "sound-1.ogg"),
            ("vorbis.ogg", "sound-1.ogg"),
            ("flac", "sound-1.flac"),
            ("mp3", "sound-1.mp3"),
            ("mp2", "sound-1.mp3"),
            ("m4a", "sound-1.m4a"),
            ("wav", "sound-1.wav"),
            ("webm", "sound-1.webm"),
        ],
    )
    async def test_what_the_api_takes_goes_as_it_is_under_a_name_that_tells_its_format(
        self, ending: str, name: str
    ) -> None:
        content = a_sound(ending)
        for lying in ("voice.opus", "x.oga", "picture.png", "../../etc/passwd", "noending"):
            (one,) = await heard(content, lying)
            assert (one.name, one.content == content, one.start_seconds) == (name, True, 0)
            assert one.seconds == pytest.approx(1, abs=0.1)
            assert one.mime.startswith("audio/")

    @pytest.mark.parametrize(("ending", "to"), [("aac", "m4a"), ("mkv", "ogg"), ("mpeg", "mp3")])
    async def test_what_it_does_not_take_is_packed_anew_and_not_encoded_again(self, ending: str, to: str) -> None:
        (one,) = await heard(a_sound(ending))
        assert one.name == f"sound-1.{to}"
        again, _ = read_sound(one.content, most_seconds=60, part_seconds=60, part_bytes=SOUND_PART_BYTES)
        assert again["seconds"] == pytest.approx(1, abs=0.1)

    @pytest.mark.parametrize(("ending", "to"), [("m4a", "m4a"), ("mkv", "ogg"), ("mpeg", "mp3")])
    async def test_of_a_video_only_the_sound_is_sent(self, ending: str, to: str) -> None:
        content = a_sound(ending, picture=True)
        (one,) = await heard(content, "clip.mp4")
        assert one.name.endswith(f".{to}")
        assert len(one.content) < len(content)


class TestParts:
    @pytest.mark.parametrize("ending", FORMATS)
    async def test_a_long_file_is_cut_where_it_is_quiet(self, ending: str) -> None:
        content = a_sound(ending, LOUD, LOUD, LOUD, 0, LOUD, LOUD, LOUD, 0, LOUD, seconds=1)
        parts = await heard(content, part_seconds=4)
        assert [part.name.partition(".")[0] for part in parts] == ["sound-1", "sound-2", "sound-3"]
        assert parts[0].start_seconds == 0
        assert 3 <= parts[1].start_seconds <= 4
        assert 7 <= parts[2].start_seconds <= 8
        for part in parts:
            found, _ = read_sound(part.content, most_seconds=60, part_seconds=60, part_bytes=SOUND_PART_BYTES)
            assert found["seconds"] == pytest.approx(part.seconds, abs=0.2)

    def test_a_large_file_is_cut_by_its_bytes(self) -> None:
        content = a_sound("wav", seconds=10)
        found, parts = read_sound(content, most_seconds=60, part_seconds=60, part_bytes=200_000)
        assert len(parts) == len(found["starts"]) == 3
        assert all(len(part) <= 200_000 for part in parts)

    async def test_without_splitting_long_and_large_files_are_refused(self) -> None:
        reading = Reading(fetch, splits_sounds=False)
        for file, problem in (
            (Held(a_sound("ogg", seconds=6)), FileProblem.SOUND_TOO_LONG),
            (Held(b"OggS", size=SOUND_PART_BYTES + 1), FileProblem.SOUND_TOO_LARGE),
        ):
            with pytest.raises(FileRefused) as refused:
                await reading.sound(file, part_seconds=5).read()
            assert refused.value.problem is problem


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"", FileProblem.SOUND_EMPTY),
            (b"not sound at all", FileProblem.SOUND_NOT_SOUND),
            (b"\x89PNG\r\n\x1a\n" + bytes(100), FileProblem.SOUND_NOT_SOUND),
            (b"PK\x03\x04" + bytes(100), FileProblem.SOUND_NOT_SOUND),
            (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n", FileProblem.SOUND_NOT_SOUND),
            (b"ffconcat version 1.0\nfile '/etc/passwd'\n", FileProblem.SOUND_NOT_SOUND),
            (b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n", FileProblem.SOUND_NOT_SOUND),
            (b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'/>", FileProblem.SOUND_NOT_SOUND),
            (b"\xff\xfb#EXTM3U\nfile:///etc/passwd\n" * 9, FileProblem.SOUND_BROKEN),
            (b"ID3" + bytes(2000), FileProblem.SOUND_BROKEN),
            (b"fLaC" + bytes(2000), FileProblem.SOUND_BROKEN),
            (b"RIFF\x00\x01\x00\x00WAVEfmt " + bytes(200), FileProblem.SOUND_BROKEN),
            (b"\x00\x00\x00\x18ftypisom" + bytes(200), FileProblem.SOUND_BROKEN),
            (b"\x1aE\xdf\xa3" + bytes(200), FileProblem.SOUND_BROKEN),
            (b"\x00\x00\x01\xba" + bytes(200), FileProblem.SOUND_BROKEN),
        ],
    )
    async def test_what_is_no_sound(self, content: bytes, problem: FileProblem) -> None:
        assert await problem_with(content, "song.mp3") is problem

    @pytest.mark.parametrize("ending", ["ogg", "flac", "m4a", "webm"])
    async def test_a_file_that_was_cut_off(self, ending: str) -> None:
        content = a_sound(ending, seconds=6)
        assert await problem_with(content[: len(content) * 2 // 3]) is FileProblem.SOUND_BROKEN

    async def test_silence(self) -> None:
        assert await problem_with(a_sound("ogg", 0, seconds=3)) is FileProblem.SOUND_SILENT

    async def test_hours_of_silence_in_a_small_file(self) -> None:
        content = a_sound("flac", 0, seconds=SOUND_SECONDS + 60)
        assert len(content) < 10_000_000
        assert await problem_with(content) is FileProblem.SOUND_TOO_LONG

    async def test_hours_of_silence_in_a_file_that_says_it_is_short(self) -> None:
        content = bytearray(a_sound("flac", 0, seconds=SOUND_SECONDS + 60))
        content[21:26] = bytes([content[21] & 0xF0]) + struct.pack(">I", 44_100)  # the length in STREAMINFO
        assert await problem_with(bytes(content)) is FileProblem.SOUND_TOO_LONG

    async def test_a_video_without_sound(self) -> None:
        assert await problem_with(a_silent_film()) is FileProblem.SOUND_EMPTY

    async def test_a_click(self) -> None:
        assert await problem_with(a_sound("wav", seconds=0.05)) is FileProblem.SOUND_EMPTY

    async def test_a_file_that_says_it_is_too_large_is_not_fetched(self) -> None:
        async def never(file: AttachedFile, *, limit_bytes: int) -> bytes:
            raise AssertionError(file.size, limit_bytes)

        with pytest.raises(FileRefused) as refused:
            await Reading(never).sound(Held(b"", size=SOUND_FILE_BYTES + 1)).read()
        assert refused.value.problem is FileProblem.SOUND_TOO_LARGE
        assert refused.value.fields["megabytes"] == 50

    async def test_what_it_needs_is_known_before_it_is_fetched(self) -> None:
        assert await Reading(fetch).sound(Held(b"", size=10_000_000)).size_bytes() == 20_000_000
        assert await Reading(fetch).sound(Held(b"", size=SOUND_FILE_BYTES + 1)).size_bytes() == 0

    async def test_one_that_takes_too_long_ends_its_child(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sound, "JOB_SECONDS", 0.01)
        assert await problem_with(a_sound()) is FileProblem.SOUND_BROKEN

    def test_no_other_file_is_opened(self, tmp_path: Path) -> None:
        (tmp_path / "secret.wav").write_bytes(a_sound("wav"))
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path}/secret.wav\n#EXT-X-ENDLIST\n".encode()
        for disguise in (b"", b"ID3\x04\x00\x00\x00\x00\x00\x00", b"OggS", b"\xff\xf1"):
            found, parts = read_sound(disguise + playlist, most_seconds=60, part_seconds=60, part_bytes=10**6)
            assert found.keys() == {"problem"}
            assert parts == []


async def test_the_loop_goes_on_while_a_file_is_read() -> None:
    reading = asyncio.create_task(heard(a_sound("flac", seconds=30)))
    ticks = 0
    while not reading.done():
        await asyncio.sleep(0)
        ticks += 1
    assert ticks > 100
    (one,) = await reading
    assert one.seconds == pytest.approx(30, abs=0.1)
