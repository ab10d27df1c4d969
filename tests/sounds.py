"""Sound files for tests, made with PyAV: tones and silences in every format that the bot takes."""

from __future__ import annotations

import io
import math
from array import array
from collections.abc import Sequence
from functools import cache
from typing import Any

import av

# Container and codec by the ending of a file's name.
FORMATS = {
    "ogg": ("ogg", "libopus", 48_000),
    "vorbis.ogg": ("ogg", "libvorbis", 48_000),
    "flac": ("flac", "flac", 44_100),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "m4a": ("ipod", "aac", 44_100),
    "wav": ("wav", "pcm_s16le", 24_000),
    "webm": ("webm", "libopus", 48_000),
    "mkv": ("matroska", "libopus", 48_000),
    "aac": ("adts", "aac", 44_100),
    "mpeg": ("mpeg", "mp2", 48_000),
    "mp2": ("mp2", "mp2", 48_000),
}
LOUD = 8000  # of 32,767


@cache
def a_sound(ending: str = "ogg", *loudness: int, seconds: float = 1.0, picture: bool = False) -> bytes:
    """Return a file of one tone, ``seconds`` long for each loudness in turn (0 is silence); with moving pictures."""
    container, codec, rate = FORMATS[ending]
    written = io.BytesIO()
    with av.open(written, "w", format=container) as output:
        video = _video(output) if picture else None
        stream: Any = output.add_stream(codec, rate=rate, layout="mono")
        if video is not None:
            _encode(output, video, [*(av.VideoFrame(32, 32, "yuv420p") for _ in range(5)), None])
        resampler = av.AudioResampler(
            format=stream.format.name, layout="mono", rate=rate, frame_size=stream.codec_context.frame_size or 1024
        )
        at = 0
        for amplitude in loudness or (LOUD,):
            for samples in _seconds(seconds, rate):
                frame = av.AudioFrame(format="s16", layout="mono", samples=samples)
                frame.planes[0].update(_tone(amplitude, rate)[: 2 * samples])
                frame.sample_rate, frame.pts = rate, at
                at += samples
                _encode(output, stream, resampler.resample(frame))
        _encode(output, stream, [*resampler.resample(None), None])
    return written.getvalue()


def _seconds(seconds: float, rate: int) -> list[int]:
    whole, rest = divmod(round(seconds * rate), rate)
    return [rate] * whole + ([rest] if rest else [])


@cache
def _tone(amplitude: int, rate: int) -> bytes:
    return array("h", (round(amplitude * math.sin(2 * math.pi * 440 * n / rate)) for n in range(rate))).tobytes()


def _encode(output: Any, stream: Any, frames: Sequence[Any]) -> None:
    for frame in frames:
        for packet in stream.encode(frame):
            output.mux(packet)


def _video(output: Any) -> Any:
    video = output.add_stream("mpeg4", rate=5)
    video.width = video.height = 32
    video.pix_fmt = "yuv420p"
    return video


def a_silent_film() -> bytes:
    """Return moving pictures without a sound."""
    written = io.BytesIO()
    with av.open(written, "w", format="mp4") as output:
        _encode(output, _video(output), [*(av.VideoFrame(32, 32, "yuv420p") for _ in range(5)), None])
    return written.getvalue()
