"""Makes sound files of what a server sent: joined, in the wanted format, with duration and waveform.

For sound of a provider only; what a member sent is decoded in the child process. Everything is read from memory, the
container is named by the bytes' own marks, and no more than ``MAX_SECONDS`` are decoded.
"""

from __future__ import annotations

import asyncio
import io
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, cast

from bot.core.errors.provider import InvalidReply
from bot.core.sound.formats import PCM, PCM_RATE, Encoded, Recording

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream
    from av.container import InputContainer

MAX_SECONDS: Final = 3 * 3600
AMPLITUDES: Final = 256  # of a voice message's waveform (Discord)
WINDOWS_PER_SECOND: Final = 100
LOUDEST: Final = 255
SILENT: Final = 64  # of 32,768: noise below it is not blown up to a full waveform
PCM_FRAME_SAMPLES: Final = 4800
TEMPO: Final = (0.5, 2.0)  # of one atempo filter: beyond 2 it skips samples instead of blending them (FFmpeg)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a format is written."""

    container: str
    codec: str
    rate: int
    bit_rate: int | None = None


RECIPES: Final = {
    "mp3": Recipe("mp3", "libmp3lame", 24_000, 64_000),
    "opus": Recipe("ogg", "libopus", 48_000, 32_000),
    "aac": Recipe("adts", "aac", 24_000, 64_000),
    "flac": Recipe("flac", "flac", 24_000),
    "wav": Recipe("wav", "pcm_s16le", 24_000),
    PCM: Recipe("wav", "pcm_s16le", PCM_RATE),
}
CONTAINERS: Final = {"mp3": "mp3", "opus": "ogg", "aac": "aac", "flac": "flac", "wav": "wav"}


class Encoder:
    """Implements ``SoundEncoder`` in worker threads: FFmpeg lets go of the interpreter while it works."""

    async def check(self, recording: Recording) -> None:
        """Raise ``InvalidReply`` for a recording that cannot be decoded, or that has not a single sample."""
        await asyncio.to_thread(check, recording)

    async def encode(
        self, recordings: Sequence[Recording], file_format: str, *, speed: float = 1.0, bit_rate: int | None = None
    ) -> Encoded:
        """Return one file of all recordings; raises ``InvalidReply`` for what cannot be decoded."""
        return await asyncio.to_thread(encode, recordings, file_format, speed=speed, bit_rate=bit_rate)


def check(recording: Recording) -> None:
    """Raise ``InvalidReply`` for a recording that cannot be decoded, or that has not a single sample."""
    import av  # noqa: PLC0415

    try:
        samples = sum(frame.samples for frame in _joined([recording], PCM_RATE))
    except (av.FFmpegError, ValueError, EOFError) as error:
        raise InvalidReply(f"sound that cannot be decoded: {type(error).__name__}") from None
    if not samples:
        raise InvalidReply("a sound file without sound")


def encode(
    recordings: Sequence[Recording], file_format: str, *, speed: float = 1.0, bit_rate: int | None = None
) -> Encoded:
    """Return one file of all recordings; raises ``InvalidReply`` for what cannot be decoded.

    A single recording that is as it should be stays as it is, byte for byte. Silence has no sound to join: a file
    without a single sample is refused.
    """
    import av  # noqa: PLC0415 - 20 MB that only sound needs

    recipe = RECIPES[file_format]
    loudness = _Loudness(recipe.rate)
    written = io.BytesIO()
    try:
        plain = speed == 1.0 and bit_rate is None and len(recordings) == 1
        keep = plain and _is_already(recordings[0], file_format)
        frames = _at_speed(_joined(recordings, recipe.rate), speed, recipe.rate)
        if keep:
            for frame in frames:
                loudness.add(frame)
        else:
            _write(frames, recipe, bit_rate or recipe.bit_rate, written, loudness)
    except (av.FFmpegError, ValueError, EOFError) as error:
        raise InvalidReply(f"sound that cannot be decoded: {type(error).__name__}") from None
    if loudness.samples == 0:
        raise InvalidReply("a sound file without sound")
    content = recordings[0].content if keep else written.getvalue()
    return Encoded(content, loudness.seconds, loudness.waveform())


def _is_already(recording: Recording, file_format: str) -> bool:
    """Whether a recording needs no work. Ogg may hold something else than Opus, or two channels.

    A server that streams WAV does not know its length when it writes the header: players show hours, or nothing.
    """
    if recording.file_format != file_format or file_format in (PCM, "wav"):
        return False
    if file_format != "opus":
        return True
    with _opened(recording) as container:
        stream = container.streams.audio[0]
        return stream.codec_context.name in ("opus", "libopus") and stream.codec_context.layout.nb_channels == 1


def _opened(recording: Recording) -> InputContainer:
    import av  # noqa: PLC0415

    container = av.open(io.BytesIO(recording.content), "r", format=CONTAINERS[recording.file_format])
    if not container.streams.audio:
        container.close()
        raise ValueError("no sound in the file")
    return container


def _joined(recordings: Sequence[Recording], rate: int) -> Iterator[AudioFrame]:
    """Yield the sound of all recordings as 16-bit samples of one channel, at one rate, counted from the beginning."""
    from av import AudioResampler  # noqa: PLC0415

    samples = 0
    for recording in recordings:
        resampler = AudioResampler(format="s16", layout="mono", rate=rate)
        for frame in _and_end(_decoded(recording)):
            for resampled in resampler.resample(frame):
                resampled.pts, resampled.time_base = samples, Fraction(1, rate)
                samples += resampled.samples
                if samples > MAX_SECONDS * rate:
                    raise ValueError("too long")
                yield resampled


def _and_end(frames: Iterable[AudioFrame]) -> Iterator[AudioFrame | None]:
    yield from frames
    yield None  # what the resampler still holds


def _decoded(recording: Recording) -> Iterator[AudioFrame]:
    if recording.file_format == PCM:
        yield from _pcm_frames(recording.content)
        return
    with _opened(recording) as container:
        for frame in container.decode(audio=0):
            frame.pts = None  # gaps and overlaps in a file's own times are of no interest
            yield frame


def _pcm_frames(content: bytes) -> Iterator[AudioFrame]:
    from av import AudioFrame  # noqa: PLC0415

    step = PCM_FRAME_SAMPLES * 2
    for start in range(0, len(content) - 1, step):
        piece = content[start : start + step]
        frame = AudioFrame(format="s16", layout="mono", samples=len(piece) // 2)
        frame.planes[0].update(piece[: frame.samples * 2])
        frame.sample_rate = PCM_RATE
        yield frame


def _at_speed(frames: Iterator[AudioFrame], speed: float, rate: int) -> Iterator[AudioFrame]:
    """Yield the sound faster or slower, at the same pitch."""
    if speed == 1.0:
        yield from frames
        return
    from av.filter import Graph  # noqa: PLC0415

    graph = Graph()
    node = graph.add_abuffer(format="s16", sample_rate=rate, layout="mono", time_base=Fraction(1, rate))
    first = node
    while speed != 1.0:
        step = min(max(speed, TEMPO[0]), TEMPO[1])
        tempo = graph.add("atempo", f"{step:.4f}")
        node.link_to(tempo)
        node, speed = tempo, speed / step
    sink = graph.add("abuffersink")
    node.link_to(sink)
    graph.configure()
    samples = 0
    for frame in _and_end(frames):
        first.push(frame)
        for pulled in _pulled(sink):
            pulled.pts, pulled.time_base = samples, Fraction(1, rate)
            samples += pulled.samples
            yield pulled


def _pulled(sink: object) -> Iterator[AudioFrame]:
    import av  # noqa: PLC0415

    while True:
        try:
            yield sink.pull()  # type: ignore[attr-defined]  # a filter context
        except (av.BlockingIOError, av.EOFError):
            return


def _write(
    frames: Iterable[AudioFrame], recipe: Recipe, bit_rate: int | None, written: io.BytesIO, loudness: _Loudness
) -> None:
    import av  # noqa: PLC0415

    with av.open(written, "w", format=recipe.container) as container:
        stream = cast("AudioStream", container.add_stream(recipe.codec, rate=recipe.rate, layout="mono"))
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        for frame in frames:
            loudness.add(frame)
            container.mux(stream.encode(frame))
        if loudness.samples:
            container.mux(stream.encode(None))


class _Loudness:
    """Listens to 16-bit frames of one channel: how long they are, and how loud every hundredth of a second is."""

    def __init__(self, rate: int) -> None:
        self.samples = 0
        self._rate = rate
        self._window = rate // WINDOWS_PER_SECOND
        self._peaks: list[int] = []
        self._rest = array("h")

    @property
    def seconds(self) -> float:
        return self.samples / self._rate

    def add(self, frame: AudioFrame) -> None:
        values = self._rest
        values.frombytes(bytes(frame.planes[0])[: frame.samples * 2])
        self.samples += frame.samples
        whole = len(values) - len(values) % self._window
        for start in range(0, whole, self._window):
            window = values[start : start + self._window]
            highest, lowest = max(window), min(window)
            self._peaks.append(max(highest, -lowest))
        self._rest = values[whole:]

    def waveform(self) -> bytes:
        """Return the amplitudes, the loudest as 255."""
        peaks = self._peaks or [max(map(abs, self._rest), default=0)]
        loudest = max(peaks)
        amplitudes = bytearray()
        for number in range(AMPLITUDES):
            start = number * len(peaks) // AMPLITUDES
            bucket = peaks[start : max(start + 1, (number + 1) * len(peaks) // AMPLITUDES)]
            amplitudes.append(min(LOUDEST, sum(bucket) * LOUDEST // (len(bucket) * max(loudest, SILENT))))
        return bytes(amplitudes)
