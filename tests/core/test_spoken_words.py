"""What of an answer is read aloud, and where a long text is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.sound import words
from bot.core.sound.words import is_verbatim, speech_parts, spoken_words
from bot.core.tokens import estimate_tokens


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("# Tides\n\nThey come **in** at _nine_.", "Tides\n\nThey come in at nine."),
        ("Before\n```py\nprint('loud')\n```\nAfter", "Before\nAfter"),
        ("Use `make test` now", "Use make test now"),
        ("See [the table](https://example.org/t) first", "See the table first"),
        ("At https://www.example.org/a/b?c=d it is", "At example.org it is"),
        ("- one\n- two\n1. first", "one\ntwo\n1. first"),
        ("> quoted\n-# small print", "quoted"),
        ("<:wave:123456789012345678> <@42> ||gone|| ~~old~~", "wave gone old"),
        ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"),
        ("```\nonly code\n```", ""),
        ("***both***", "both"),
        ("one\n\n---\n\ntwo", "one\n\ntwo"),
    ],
)
def test_marks_and_code_are_not_read(written: str, spoken: str) -> None:
    assert spoken_words(written) == spoken


def test_a_tables_rule_is_not_read_however_long_it_is() -> None:
    assert spoken_words("Before\n|---|:--|\nAfter") == "Before\n\nAfter"
    hostile = "|" + "-" * 100_000 + "x"  # backtracking would never come to an end
    assert spoken_words(hostile) == hostile


@pytest.mark.parametrize(
    ("text", "said", "same"),
    [
        ("The tide comes in at nine.", "the tide comes in, at nine", True),
        ("The tide comes in at nine.", "I cannot read that aloud.", False),
        ("The tide comes in at nine.", "The tide comes in at nine. " * 2, False),
        ("今天天气很好，我们去公园散步吧。", "今天天气很好我们去公园散步吧", True),  # noqa: RUF001
        ("今天天气很好，我们去公园散步吧。", "对不起，我不能朗读。", False),  # noqa: RUF001
        ("a b " * 200_000, "b a a " * 130_000, True),  # comparing the order of so many would never come to an end
    ],
)
def test_what_was_said_is_compared_with_the_text(text: str, said: str, same: bool) -> None:
    assert is_verbatim(text, said) is same


def test_a_text_is_cut_at_the_ends_of_sentences() -> None:
    text = "One is here. Two is there! Is three? 四在这里。五也在。Six"
    assert speech_parts(text, limit_chars=16) == [
        "One is here.",
        "Two is there!",
        "Is three? 四在这里。",
        "五也在。Six",
    ]


@pytest.mark.parametrize("text", ["w " * 60_000, "w\n" * 60_000, "我，" * 40_000])  # noqa: RUF001
def test_a_long_text_is_counted_once_and_not_again_for_every_word(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    counted = 0

    def count(piece: str) -> int:
        nonlocal counted
        counted += len(piece)
        return estimate_tokens(piece)

    monkeypatch.setattr(words, "estimate_tokens", count)
    parts = speech_parts(text, limit_chars=4096, limit_tokens=1000)
    assert all(len(part) <= 4096 and estimate_tokens(part) <= 1000 for part in parts)
    assert counted < 10 * len(text)


def test_a_sentence_without_end_is_cut_between_words_and_a_word_inside() -> None:
    assert speech_parts("one two three four", limit_chars=9) == ["one two", "three", "four"]
    assert speech_parts("x" * 25, limit_chars=10) == ["x" * 10, "x" * 10, "x" * 5]


def test_the_model_has_a_limit_of_tokens_too() -> None:
    parts = speech_parts("今天的天气很好。" * 400, limit_chars=4096, limit_tokens=1000)
    assert len(parts) > 2
    assert all(estimate_tokens(part) <= 1000 for part in parts)


@given(st.text(alphabet=st.sampled_from("ab .!\n。"), max_size=300), st.integers(5, 60))
def test_every_word_is_in_exactly_one_part_and_every_part_fits(text: str, limit: int) -> None:
    parts = speech_parts(text, limit_chars=limit)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(part.strip() == part and 0 < len(part) <= limit for part in parts)
