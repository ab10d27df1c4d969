import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.provider.sse import EventParser, EventTooLarge

# Fields, comments and values with everything that could be mistaken for a border: colons, spaces, wide characters.
words = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=12)
lines = st.one_of(
    words.map(lambda value: f"data: {value}"),
    words.map(lambda value: f"data:{value}"),
    words.map(lambda value: f": {value}"),
    words.map(lambda value: f"event: {value}"),
    words.map(lambda value: f"datum: {value}"),
    st.sampled_from(["data", "id: 7", "retry: 1000", ""]),
)
streams = st.lists(st.tuples(lines, st.sampled_from(["\n", "\r\n", "\r"])), max_size=30)


def in_one_piece(stream: bytes) -> list[bytes]:
    return EventParser().feed(stream)


def in_single_bytes(stream: bytes, parser: EventParser) -> list[bytes]:
    return [event for byte in stream for event in parser.feed(bytes([byte]))]


def data_of(stream: list[str]) -> list[bytes]:
    """The specification's own words, line by line, over lines that are already apart."""
    events: list[bytes] = []
    data: list[str] = []
    for line in stream:
        name, _, value = line.partition(":")
        if not line:
            if data:
                events.append("\n".join(data).encode())
            data = []
        elif name == "data":
            data.append(value.removeprefix(" "))
    return events


@given(st.data(), streams)
def test_any_slicing_gives_the_events_of_the_specification(data: st.DataObject, stream: list[tuple[str, str]]) -> None:
    raw = "".join(line + end for line, end in stream).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=20)))
    parser = EventParser()
    got = [
        event for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True) for event in parser.feed(raw[start:end])
    ]
    # A CR before an LF is one end of a line, wherever the two came from.
    *ended, _ = raw.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert got == data_of(ended)


@given(streams)
def test_bytes_one_by_one_give_the_same_events(stream: list[tuple[str, str]]) -> None:
    raw = "".join(line + end for line, end in stream).encode()
    assert in_single_bytes(raw, EventParser()) == in_one_piece(raw)


def test_data_lines_of_one_event_are_joined() -> None:
    assert in_one_piece(b'data: {"a":\ndata: 1}\n\n') == [b'{"a":\n1}']


def test_comments_and_other_fields_are_dropped() -> None:
    assert in_one_piece(b": OPENROUTER PROCESSING\n\nevent: x\nid: 1\nretry: 2\n\ndata: y\n\n") == [b"y"]


def test_an_event_without_its_blank_line_is_not_returned() -> None:
    assert in_one_piece(b'data: {"choices":[]}\n') == []


@pytest.mark.parametrize("line", [b"data: " + b"x" * 100, b": " + b"x" * 100, b"data\n" * 30, b"data:x\n" * 20])
def test_what_never_ends_is_refused(line: bytes) -> None:
    with pytest.raises(EventTooLarge):
        in_single_bytes(line, EventParser(max_bytes=100))


def test_the_limit_is_for_one_event_not_for_the_stream() -> None:
    parser = EventParser(max_bytes=100)
    assert [parser.feed(b"data: " + b"x" * 80 + b"\n\n") for _ in range(50)] == [[b"x" * 80]] * 50
