"""What a test, or a trigger word, can make the stand-in do instead of its normal answer.

``StandIn.script`` takes these; each is consumed by one accepted request to its family of endpoints. A request that the
API refuses by itself (wrong key, unknown model, parameter not supported…) is refused and consumes nothing.

Where a behaviour breaks into an answer, ``after_deltas`` counts the text deltas that are sent before it happens:
``0`` is after the headers and the role, ``None`` is before anything at all is sent. An answer without streaming has
only the point ``None``: there, any number is taken for it, except by ``Cut``, which then spoils the body instead.
``answer`` is what would have been said: a ``Say``, a text, or ``None`` for the stand-in's own answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

CutStyle: TypeAlias = Literal["close", "reset", "no_finish", "error_event", "half_line", "bad_json"]


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with this text instead of the stand-in's own.

    ``finish_reason`` ``None`` sends the field as null. ``refusal`` is sent instead of the text. ``content_none`` sends
    a message without any content. ``no_choices`` sends ``choices: []``. ``usage`` replaces fields of the usage object;
    ``no_usage`` leaves the object out. ``delta_chars``: characters per delta, instead of one token per delta.
    """

    text: str = ""
    finish_reason: str | None = "stop"
    refusal: str | None = None
    content_none: bool = False
    no_choices: bool = False
    usage: Mapping[str, object] | None = None
    no_usage: bool = False
    delta_chars: int | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an error in OpenAI's shape, or with ``body`` as it is (HTML, ``{"detail": …}``, a bare string…)."""

    status: int
    code: str | None = None
    type: str | None = None
    param: str | None = None
    message: str = "Refused by the script."
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Html:
    """Answer with a web page, as a proxy or a captive portal does."""

    status: int = 200


@dataclass(frozen=True, slots=True)
class Raw:
    """Answer with these bytes, unchecked: broken JSON, a hand-made event stream, unknown fields.

    ``slice_bytes`` sends the body in slices of that many bytes, so that lines and characters arrive in pieces.
    """

    body: str | bytes
    status: int = 200
    content_type: str = "application/json"
    slice_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """Break the answer off.

    ``close`` ends the connection inside the body, ``reset`` resets it (RST), ``no_finish`` ends the stream cleanly
    without a finish reason and ``[DONE]``, ``error_event`` sends an error object as an event, ``half_line`` ends inside
    an event's line, ``bad_json`` sends an event that is not JSON.
    """

    after_deltas: int | None
    how: CutStyle = "close"
    answer: Say | str | None = None


@dataclass(frozen=True, slots=True)
class Stall:
    """Say no more until the client goes away; ``StandIn.release`` ends it by closing the connection."""

    after_deltas: int | None = 0
    answer: Say | str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait for ``StandIn.release``, then go on."""

    after_deltas: int | None = 0
    answer: Say | str | None = None


@dataclass(frozen=True, slots=True)
class Drip:
    """Send one delta every so many seconds, whatever the server's pace."""

    seconds_between: float
    answer: Say | str | None = None


@dataclass(frozen=True, slots=True)
class Draw:
    """Answer a request for pictures in another way than asked.

    ``count``: no more than so many pictures. ``broken``: the first ones are cut off. ``as_urls``: addresses whatever
    was asked for, or this one ``address``. ``size_bytes``: each PNG is as large as that.
    """

    count: int | None = None
    broken: int = 0
    as_urls: bool = False
    address: str | None = None
    no_usage: bool = False
    size_bytes: int | None = None


Behaviour: TypeAlias = Draw | Say | Refuse | Html | Raw | Cut | Stall | Hold | Drip
