"""What the child process does with sound: it decodes all of it once, and cuts what is too long or too large.

The demuxer is chosen by the first bytes and never probed, so that no playlist is ever taken for sound; everything is in
memory, and no protocol is allowed.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

SIGNATURES: Final = tuple(
    (re.compile(pattern, re.DOTALL), name)
    for pattern, name in (
        (rb"fLaC", "flac"),
        (rb"OggS", "ogg"),
        (rb"RIFF....WAVE", "wav"),
        (rb"....ftyp", "mov"),
        (rb"\x1aE\xdf\xa3", "matroska"),
        (rb"\x00\x00\x01\xba", "mpeg"),
        (rb"\xff[\xf0\xf1\xf8\xf9]", "aac"),
        (rb"ID3|\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]", "mp3"),
    )
)
# The file's name ends as the API wants it, whatever the member's file was called.
ENDINGS: Final = {"flac": "flac", "ogg": "ogg", "wav": "wav", "mov": "m4a", "matroska": "webm", "mp3": "mp3"}
# Where a codec's packets go when they are cut out of a file, as they are: muxer and ending.
PACKET_FORMATS: Final = {
    "mp3": ("mp3", "mp3"),
    "mp3float": ("mp3", "mp3"),
    "mp2": ("mp2", "mp3"),
    "mp2float": ("mp2", "mp3"),
    "aac": ("ipod", "m4a"),
    "alac": ("ipod", "m4a"),
    "opus": ("ogg", "ogg"),
    "vorbis": ("ogg", "ogg"),
    "flac": ("flac", "flac"),
    "pcm_u8": ("wav", "wav"),
    "pcm_s16le": ("wav", "wav"),
    "pcm_s24le": ("wav", "wav"),
    "pcm_s32le": ("wav", "wav"),
    "pcm_f32le": ("wav", "wav"),
    "pcm_alaw": ("wav", "wav"),
    "pcm_mulaw": ("wav", "wav"),
}
SAYS_ITS_LENGTH: Final = ("wav", "flac", "mov", "matroska")
HEARD_HERTZ: Final = 8000  # enough to know where it is quiet
QUIET: Final = 64  # of 32,768; everything below is called silence
SLICE_SECONDS: Final = 0.2
SHORTEST_SECONDS: Final = 0.1  # the API takes nothing shorter
CUT_WITHIN: Final = 0.8  # a part is cut at its quietest place after this share of its length
PART_ROOM: Final = 0.95  # of the largest part: what a container adds to its packets
BROKEN_SHARE: Final = 0.05


class NotHeard(Exception):
    """A file that is no use as it is; its argument is the problem's name."""


@dataclass(slots=True)
class Heard:
    """What is known of a file that was decoded: bytes and loudest sample of every slice of its time."""

    seconds: float = 0.0
    slice_bytes: list[int] = field(default_factory=list)
    slice_peaks: list[int] = field(default_factory=list)

    def add(self, at_seconds: float, size: int, peak: int) -> None:
        """Take note of a packet."""
        number = max(0, int(at_seconds / SLICE_SECONDS))
        grow = number + 1 - len(self.slice_bytes)
        if grow > 0:
            self.slice_bytes += [0] * grow
            self.slice_peaks += [0] * grow
        self.slice_bytes[number] += size
        self.slice_peaks[number] = max(self.slice_peaks[number], peak)


def read_sound(
    content: bytes, *, most_seconds: float, part_seconds: float, part_bytes: int
) -> tuple[dict[str, Any], list[bytes]]:
    """Return what a sound file is, and its parts when it cannot be taken as it is (none: take the file itself)."""
    import av  # noqa: PLC0415 - imported only where a sound is read

    av.logging.set_level(None)
    try:
        return _read(content, most_seconds, part_seconds, part_bytes)
    except NotHeard as problem:
        return {"problem": str(problem)}, []
    except (av.FFmpegError, ValueError, OverflowError):
        return {"problem": "broken"}, []


def _read(
    content: bytes, most_seconds: float, part_seconds: float, part_bytes: int
) -> tuple[dict[str, Any], list[bytes]]:
    name = next((name for signature, name in SIGNATURES if signature.match(content)), None)
    if name is None:
        raise NotHeard("not_sound")
    if name == "ogg":
        _check_last_page(content)
    with _opened(content, name) as container:
        stream = _stream(container)
        codec = stream.codec_context.name
        if codec not in PACKET_FORMATS:
            raise NotHeard("format")
        declared = (container.duration or 0) / 1_000_000 if name in SAYS_ITS_LENGTH else 0.0
        if declared > most_seconds:
            raise NotHeard("too_long")
        has_picture = any(not _is_cover(video) for video in container.streams.video)
        heard = _decode(container, stream, most_seconds)
    if heard.seconds < SHORTEST_SECONDS:
        raise NotHeard("empty")
    if heard.seconds < declared * (1 - BROKEN_SHARE) - 1:
        raise NotHeard("broken")
    if max(heard.slice_peaks) < QUIET:
        raise NotHeard("silent")
    webm = name != "matroska" or b"webm" in content[:64]
    whole = len(content) <= part_bytes and heard.seconds <= part_seconds
    if whole and not has_picture and webm and name in ENDINGS:
        return {"seconds": heard.seconds, "ending": ENDINGS[name], "starts": [0.0]}, []
    starts = _starts(heard, part_seconds, int(part_bytes * PART_ROOM))
    muxer, ending = PACKET_FORMATS[codec]
    parts = _cut(content, name, muxer, starts)
    if any(len(part) > part_bytes for part in parts):
        raise NotHeard("too_large")
    return {"seconds": heard.seconds, "ending": ending, "starts": starts}, parts


def _opened(content: bytes, name: str) -> InputContainer:
    import av  # noqa: PLC0415

    # Not ``options=``: PyAV 16 hands those on to streams, and crashes where MPEG has more than it knew of at first.
    return av.open(io.BytesIO(content), "r", format=name, container_options={"protocol_whitelist": "none"})


def _stream(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        raise NotHeard("empty")
    stream = container.streams.audio[0]
    stream.codec_context.thread_count = 1
    return stream


def _is_cover(video: Any) -> bool:
    """Whether a stream of pictures is one still picture: the cover of a song."""
    import av  # noqa: PLC0415

    return bool(video.disposition & av.stream.Disposition.attached_pic)


def _check_last_page(content: bytes) -> None:
    """Refuse an Ogg file that ends inside a page (RFC 3533)."""
    at = content.rfind(b"OggS")
    table = at + 27
    if len(content) < table:
        raise NotHeard("broken")
    segments = content[table : table + content[table - 1]]
    if len(segments) < content[table - 1] or len(content) < table + len(segments) + sum(segments):
        raise NotHeard("broken")


def _packets(container: InputContainer, stream: AudioStream) -> Iterator[tuple[float, Any]]:
    """Yield every packet with the time at which it begins, from 0."""
    first: float | None = None
    next_seconds = 0.0
    for packet in container.demux(stream):
        if packet.size == 0:
            yield next_seconds, packet  # the last one, which empties the decoder
            continue
        base = packet.time_base or stream.time_base
        seconds = next_seconds
        if packet.pts is not None and base is not None:
            seconds = float(packet.pts * base)
            first = seconds if first is None else first
            seconds = max(0.0, seconds - first)
        next_seconds = seconds + float((packet.duration or 0) * (base or 0))
        yield seconds, packet


def _decode(container: InputContainer, stream: AudioStream, most_seconds: float) -> Heard:
    import av  # noqa: PLC0415

    resampler = av.AudioResampler(format="s16", layout="mono", rate=HEARD_HERTZ)
    heard = Heard()
    samples = packets = broken = 0
    for at_seconds, packet in _packets(container, stream):
        packets += 1
        peak = 0
        try:
            frames = [out for frame in packet.decode() for out in resampler.resample(frame)]
        except av.FFmpegError:
            broken += 1
            continue
        for frame in frames:
            values = memoryview(frame.planes[0]).cast("B")[: 2 * frame.samples].cast("h")
            if len(values):
                highest, lowest = max(values), min(values)
                peak = max(peak, highest, -lowest)
            samples += frame.samples
        if samples > most_seconds * HEARD_HERTZ:
            raise NotHeard("too_long")
        heard.add(min(at_seconds, most_seconds), packet.size, peak)
    if broken > packets * BROKEN_SHARE:
        raise NotHeard("broken")
    heard.seconds = samples / HEARD_HERTZ
    return heard


def _starts(heard: Heard, part_seconds: float, part_bytes: int) -> list[float]:
    """Return when each part begins: none is too long or too large, and each ends where it is quiet."""
    starts = [0.0]
    first = 0
    size = 0
    for number, more in enumerate(heard.slice_bytes):
        if number > first and ((number - first + 1) * SLICE_SECONDS > part_seconds or size + more > part_bytes):
            earliest = first + max(1, int((number - first) * CUT_WITHIN))
            cut = min(range(earliest, number + 1), key=lambda one: (heard.slice_peaks[one], -one))
            starts.append(round(cut * SLICE_SECONDS, 3))
            first = cut
            size = sum(heard.slice_bytes[cut:number])
        size += more
    return starts


def _cut(content: bytes, name: str, muxer: str, starts: list[float]) -> list[bytes]:
    """Return the parts as files of their own; their packets are what they were."""
    parts: list[bytes] = []
    close: Callable[[], bytes] | None = None
    with _opened(content, name) as container:
        stream = _stream(container)
        add: Callable[[Any], None] | None = None
        for at_seconds, packet in _packets(container, stream):
            if packet.size == 0:
                continue
            if add is None or (len(parts) + 1 < len(starts) and at_seconds >= starts[len(parts) + 1]):
                if close is not None:
                    parts.append(close())
                add, close = _part(stream, muxer)
            add(packet)
    if close is not None:
        parts.append(close())
    return parts


def _part(stream: AudioStream, muxer: str) -> tuple[Callable[[Any], None], Callable[[], bytes]]:
    """Return what adds a packet to a new file, and what closes the file and returns its bytes."""
    import av  # noqa: PLC0415

    written = io.BytesIO()
    output = av.open(written, "w", format=muxer)
    own = output.add_stream_from_template(stream)
    first: int | None = None

    def add(packet: Any) -> None:
        nonlocal first
        first = packet.pts if first is None else first
        if packet.pts is not None and first is not None:
            packet.pts -= first
            packet.dts = packet.pts
        packet.stream = own
        output.mux(packet)

    def close() -> bytes:
        output.close()
        return _of_unknown_length(written.getvalue()) if muxer == "flac" else written.getvalue()

    return add, close


def _of_unknown_length(flac: bytes) -> bytes:
    """Return a FLAC file that no longer claims the length and the checksum of the file it was cut out of (RFC 9639)."""
    info = 8  # after the marker and the header of the first block
    return flac[: info + 13] + bytes([flac[info + 13] & 0xF0]) + bytes(4 + 16) + flac[info + 34 :]
