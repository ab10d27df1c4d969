"""The body of an answer from bytes that arrive in any pieces: server-sent events, or one JSON object.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

EVENT_BYTES = 1024 * 1024  # a text delta has some hundred bytes; beyond this the server is not sending an answer


class EventTooLarge(ValueError):
    """An event is too large, or never ends."""


class EventParser:
    """Turns the bytes of a stream into the data of its events; comments and the other fields are dropped.

    Characters may be cut anywhere: the data stays bytes. An event that the stream's end cuts off is never returned.
    """

    def __init__(self, max_bytes: int = EVENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._line: list[bytes] = []  # the pieces of the line that has not ended
        self._line_bytes = 0
        self._data: list[bytes] = []  # the data lines of the event that has not ended
        self._data_bytes = 0
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of every event that ends in these bytes. Raises ``EventTooLarge``."""
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = chunk.split(b"\n")
        if lines and self._line:
            lines[0] = b"".join([*self._line, lines[0]])
            self._line.clear()
            self._line_bytes = 0
        events = self._events(lines)
        if rest:
            self._line.append(rest)
            self._line_bytes += len(rest)
        if self._line_bytes + self._data_bytes > self._max_bytes:
            raise EventTooLarge(f"an event of more than {self._max_bytes} bytes")
        return events

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for line in lines:
            if not line:
                if self._data:
                    events.append(b"\n".join(self._data))
                    self._data.clear()
                    self._data_bytes = 0
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
                self._data_bytes += len(line)
            elif line == b"data":
                self._data.append(b"")
                self._data_bytes += len(line)
        return events

    def end(self) -> list[bytes]:
        """Return what the end of the stream completes: nothing, an event ends with its blank line."""
        return []


class WholeBody:
    """Gathers a body that is no stream: the end makes it the one event that there is."""

    def __init__(self, max_bytes: int = EVENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._body = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """Keep the bytes. Raises ``EventTooLarge``."""
        self._body += chunk
        if len(self._body) > self._max_bytes:
            raise EventTooLarge(f"a body of more than {self._max_bytes} bytes")
        return []

    def end(self) -> list[bytes]:
        """Return the body."""
        return [bytes(self._body)]
