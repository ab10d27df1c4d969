"""What the stand-in says and understands: every text it speaks begins with a call sign, under which it knows the words.

A call sign is ten pure tones of 0.12 s: three that open it, six digits, one that closes it; no tone follows itself. The
digits are a number and its check digit. Nothing depends on how long a tone is or how loud, so a call sign is heard
after every format (Opus from 12 kbit/s up), another rate and another speed (0.25 to 4), and wherever parts are joined.
The words themselves are kept in memory, under the number: a stand-in understands what it has said itself since it was
started.
"""

from __future__ import annotations

import io
import math
import shutil
import subprocess
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

RATE: Final = 24_000
HEARD_RATE: Final = 16_000
TONE_SECONDS: Final = 0.12
PAUSE_SECONDS: Final = 0.1
LETTER_SECONDS: Final = 0.06
AMPLITUDE: Final = 9000  # of 32,767
TONES: Final = tuple(500 * 1.1**step for step in range(16))  # 500 to 2,089 Hz
OPENING: Final = (15, 0, 15)
CLOSING: Final = 0
DATA_TONES: Final = tuple(range(1, 15))
BASE: Final = len(DATA_TONES) - 1  # a digit never repeats the tone before it
DIGITS: Final = 5  # and one that checks them
SAME_TONE: Final = 1.035  # how far off a wave may be
WAVES: Final = 7  # so many in a row are a tone
SPEECH_SECONDS: Final = 20.0
WORDS_PER_MINUTE: Final = 175
SYNTHESISER: Final = "espeak-ng"
# Variants of the synthesiser's voice, so that no two of ours sound the same.
VARIANTS: Final = ("f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8")


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words that were heard, and where in the recording they begin."""

    at_seconds: float
    text: str


class Spoken:
    """The texts that one stand-in has spoken."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def say(self, text: str, *, voice: str = "alloy", speed: float = 1.0) -> bytes:
        """Return a text as 16-bit samples of one channel at 24 kHz. Blocks while it is spoken."""
        self._texts.append(text)
        number = (len(self._texts) - 1) % BASE**DIGITS
        return call_sign(number) + _silence(PAUSE_SECONDS) + _voiced(text, voice, speed) + _silence(PAUSE_SECONDS)

    def understand(self, content: bytes) -> tuple[Utterance, ...] | None:
        """Return what is said in a sound file, in order; ``None`` for one that nobody here has spoken.

        Blocks while it listens. Raises ``ValueError`` for what is no sound file.
        """
        found = [
            Utterance(at_seconds, self._texts[number])
            for at_seconds, number in call_signs(content)
            if number < len(self._texts)
        ]
        return tuple(found) or None


def call_sign(number: int) -> bytes:
    """Return the tones of a number."""
    digits = [number // BASE**place % BASE for place in reversed(range(DIGITS))]
    tones = list(OPENING)
    for digit in (*digits, _check_digit(digits)):
        tones.append([tone for tone in DATA_TONES if tone != tones[-1]][digit])
    return b"".join(_tone(TONES[tone], TONE_SECONDS) for tone in (*tones, CLOSING))


def call_signs(content: bytes) -> Iterator[tuple[float, int]]:
    """Yield the call signs in a sound file: where each begins, in seconds, and its number."""
    tones = _tones(_samples(content))
    length = len(OPENING) + DIGITS + 2
    for start in range(len(tones) - length + 1):
        window = [tone for tone, _ in tones[start : start + length]]
        number = _number(window)
        if number is not None:
            yield tones[start][1], number


def _number(tones: Sequence[int]) -> int | None:
    if tuple(tones[: len(OPENING)]) != OPENING or tones[-1] != CLOSING:
        return None
    digits = []
    for before, tone in zip(tones[len(OPENING) - 1 : -2], tones[len(OPENING) : -1], strict=True):
        if tone not in DATA_TONES:
            return None
        digits.append([other for other in DATA_TONES if other != before].index(tone))
    *digits, check = digits
    if check != _check_digit(digits):
        return None
    number = 0
    for digit in digits:
        number = number * BASE + digit
    return number


def _check_digit(digits: Sequence[int]) -> int:
    return sum((place + 1) * digit for place, digit in enumerate(digits)) % BASE


def _tones(samples: array[int]) -> list[tuple[int, float]]:
    """Return the tones in a recording, each with the second at which it begins: runs of waves of one length."""
    crossings = [
        place + before / (before - after)
        for place, (before, after) in enumerate(pairwise(samples))
        if before < 0 <= after
    ]
    waves = ((_nearest(HEARD_RATE / (end - start)), start / HEARD_RATE) for start, end in pairwise(crossings))
    found: list[tuple[int, float]] = []
    for tone, run in groupby(waves, key=lambda wave: wave[0]):
        beginnings = [at_seconds for _, at_seconds in run]
        if tone is None or len(beginnings) < WAVES:
            continue
        if not found or found[-1][0] != tone:
            found.append((tone, beginnings[0]))
    return found


def _nearest(hertz: float) -> int | None:
    step = round(math.log(hertz / TONES[0], 1.1))
    if not 0 <= step < len(TONES):
        return None
    return step if 1 / SAME_TONE < hertz / TONES[step] < SAME_TONE else None


def _samples(content: bytes) -> array[int]:
    import av  # noqa: PLC0415 - 20 MB that only sound needs

    samples = array("h")
    try:
        with av.open(io.BytesIO(content), "r") as container:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=HEARD_RATE)
            for frame in (*container.decode(audio=0), None):
                if frame is not None:
                    frame.pts = None
                for heard in resampler.resample(frame):
                    samples.frombytes(bytes(heard.planes[0])[: heard.samples * 2])
    except (av.FFmpegError, IndexError) as error:
        raise ValueError("no sound file") from error
    return samples


def _tone(hertz: float, seconds: float) -> bytes:
    count = round(RATE * seconds)
    fade = RATE // 200  # without it every tone would begin and end with a click
    step = 2 * math.pi * hertz / RATE
    return array(
        "h",
        (
            round(AMPLITUDE * min(1.0, place / fade, (count - place) / fade) * math.sin(step * place))
            for place in range(count)
        ),
    ).tobytes()


def _silence(seconds: float) -> bytes:
    return bytes(2 * round(RATE * seconds))


def _voiced(text: str, voice: str, speed: float) -> bytes:
    """Return the words as a synthesiser says them, or, where there is none, one short tone for every character."""
    program = shutil.which(SYNTHESISER)
    if program is None or not text.strip():
        return _beeps(text, speed)
    variant = VARIANTS[sum(voice.encode()) % len(VARIANTS)]
    command = [program, "-v", f"en+{variant}", "-s", str(round(WORDS_PER_MINUTE * speed)), "--stdin", "--stdout"]
    try:
        ended = subprocess.run(  # noqa: S603 - the synthesiser, and arguments of our own
            command, input=text.encode(), capture_output=True, timeout=SPEECH_SECONDS, check=True
        )
    except (subprocess.SubprocessError, OSError):
        return _beeps(text, speed)
    return _at_our_rate(ended.stdout)


def _at_our_rate(content: bytes) -> bytes:
    import av  # noqa: PLC0415

    samples = bytearray()
    with av.open(io.BytesIO(content), "r") as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        for frame in (*container.decode(audio=0), None):
            for resampled in resampler.resample(frame):
                samples += bytes(resampled.planes[0])[: resampled.samples * 2]
    return bytes(samples)


def _beeps(text: str, speed: float) -> bytes:
    tones: dict[str, bytes] = {}
    for letter in set(text):
        # Above the tones of a call sign, and no two neighbours alike to the ear.
        tones[letter] = (
            _silence(LETTER_SECONDS / speed)
            if letter.isspace()
            else _tone(2400 + ord(letter) % 97 * 12, LETTER_SECONDS / speed)
        )
    return b"".join(tones[letter] for letter in text)
