"""An exported conversation: whole, in order, within the size that Discord takes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.conversation import ChatRole, History, Quote, Turn
from bot.core.exporting import ExportFormat, export
from tests.core.questions import ASKED_AT

PLENTY = 10_000_000


def talk(*texts: str, summary: str | None = None) -> History:
    turns = []
    for number, text in enumerate(texts):
        turns.append(Turn(2 * number, ChatRole.USER, text, "Asker", Quote("Other", "hm"), ASKED_AT))
        turns.append(Turn(2 * number + 1, ChatRole.ASSISTANT, f"re: {text}"))
    return History(1, 1, tuple(turns), summary)


@pytest.mark.parametrize("file_format", ExportFormat)
def test_everything_is_in_it_in_order(file_format: ExportFormat) -> None:
    content, left_out = export(talk("one", "two", summary="the notes"), file_format, max_bytes=PLENTY)
    text = content.decode()
    assert left_out == 0
    places = [text.index(words) for words in ("the notes", "one", "re: one", "two", "re: two")]
    assert places == sorted(places)
    assert "Asker" in text


def test_json_can_be_read_by_programs() -> None:
    content, _ = export(talk('say "hi"\n'), ExportFormat.JSON, max_bytes=PLENTY)
    exported = json.loads(content)
    assert exported["turns"][0] == {
        "role": "user",
        "name": "Asker",
        "text": 'say "hi"\n',
        "at": ASKED_AT.isoformat(),
        "replies_to": {"name": "Other", "text": "hm"},
    }


@given(
    texts=st.lists(st.text(max_size=40), min_size=1, max_size=30),
    max_bytes=st.integers(200, 6000),
    file_format=st.sampled_from(ExportFormat),
)
def test_the_oldest_turns_are_left_out_when_it_would_be_too_large(
    texts: list[str], max_bytes: int, file_format: ExportFormat
) -> None:
    history = talk(*texts)
    content, left_out = export(history, file_format, max_bytes=max_bytes)
    assert len(content) <= max_bytes
    whole, _ = export(history, file_format, max_bytes=PLENTY)
    assert (left_out == 0) == (len(whole) <= max_bytes)
    if left_out:
        more = History(1, 1, history.turns[left_out - 1 :], None)
        assert len(export(more, file_format, max_bytes=PLENTY)[0]) > max_bytes, "one more turn would have fitted"
    if file_format is ExportFormat.JSON:
        assert len(json.loads(content)["turns"]) == len(history.turns) - left_out


@pytest.mark.parametrize("summary", [None, "notes " * 20])
@pytest.mark.parametrize("max_bytes", [40, 80, 200, 500])
def test_json_can_be_read_however_little_fits(max_bytes: int, summary: str | None) -> None:
    content, _ = export(talk("one", "two", "three", summary=summary), ExportFormat.JSON, max_bytes=max_bytes)
    assert len(content) <= max_bytes
    assert json.loads(content).keys() == {"summary", "turns"}
