import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors.provider import InvalidReply
from bot.provider.chunks import Chunk, ErrorObject, read_chunk

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def mostly(value: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return value | json_values


deltas = st.fixed_dictionaries(
    {}, optional={name: mostly(st.text()) for name in ("role", "content", "refusal", "reasoning_content", "new")}
)
choices = st.fixed_dictionaries(
    {},
    optional={
        "delta": mostly(deltas),
        "message": mostly(deltas),
        "finish_reason": mostly(st.sampled_from(["stop", "length", "content_filter", "eos"])),
    },
)
usages = st.fixed_dictionaries(
    {},
    optional={
        "prompt_tokens": mostly(st.integers(0, 100)),
        "completion_tokens": mostly(st.integers(0, 100)),
        "prompt_tokens_details": json_values,
        "completion_tokens_details": json_values,
    },
)
events = st.fixed_dictionaries(
    {},
    optional={
        "choices": mostly(st.lists(mostly(choices), max_size=2)),
        "usage": mostly(usages),
        "error": json_values,
        "object": json_values,
    },
)


@given(mostly(events))
def test_anything_in_json_is_a_chunk_or_a_known_error(event: object) -> None:
    try:
        chunk = read_chunk(json.dumps(event).encode())
    except (InvalidReply, ErrorObject):
        return
    assert isinstance(chunk, Chunk)
    assert isinstance(chunk.text, str)
    assert chunk.tokens or not chunk.text
    if chunk.usage is not None:
        assert min(chunk.usage.prompt_tokens, chunk.usage.completion_tokens, chunk.usage.cached_tokens) >= 0


@pytest.mark.parametrize(
    "data", [b"", b"[DONE", b"{", b'{"a": 1} x', b"\xff", b'"\xff"', b"[" * 100_000, b"7", b"[]", b"null"]
)
def test_anything_else_is_an_invalid_reply_that_quotes_nothing(data: bytes) -> None:
    with pytest.raises(InvalidReply, match=r"^an event is not (JSON|an object)$") as caught:
        read_chunk(data)
    assert caught.value.__cause__ is None


@given(st.binary(max_size=40))
def test_bytes_never_raise_anything_else(data: bytes) -> None:
    with suppress(InvalidReply):
        read_chunk(data)


@pytest.mark.parametrize("event", [{"error": "text"}, {"error": {"code": 7}}, {"object": "error", "code": 400}])
def test_an_error_of_any_shape_is_an_error(event: dict[str, object]) -> None:
    with pytest.raises(ErrorObject) as caught:
        read_chunk(json.dumps(event).encode())
    assert caught.value.body == event.get("error", event)


def test_an_empty_error_field_is_none() -> None:
    assert read_chunk(b'{"error": null, "choices": [{"delta": {"content": "a"}}]}').text == "a"


def test_an_empty_finish_reason_is_none() -> None:
    assert read_chunk(b'{"choices": [{"delta": {"content": "a"}, "finish_reason": ""}]}').end_reason is None
