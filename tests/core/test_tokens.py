"""The token estimate.

No vocabulary is at hand offline, so these tests cannot show how far off the estimate is. They hold it within the bounds
that are known for each script with o200k, and show what the budget relies on: more text is never fewer tokens, parts
add up, and no text is free.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.ports.chat import ChatMessage
from bot.core.tokens import estimate_prompt_tokens, estimate_tokens, unfitted_bytes

thorough = settings(max_examples=100, deadline=None)
text = st.one_of(
    st.text(max_size=200), st.text(alphabet="abcÄé 漢か한я\u06611234.,!\n\t😀\u200d\ud83d\x00", max_size=200)
)


@pytest.mark.parametrize(
    ("sample", "chars_per_token"),
    [
        ("The quick brown fox jumps over the lazy dog, and then it sleeps for hours. ", (3.5, 5.5)),
        ("Die Geschwindigkeitsbegrenzung gilt für Kraftfahrzeuge auf Landstraßen. ", (3.5, 6.5)),
        ("def total(items: list[int]) -> int:\n    return sum(item for item in items if item > 10)\n", (2.0, 4.5)),
        ("今天天气很好\uff0c我们去公园散步吧。人工智能正在改变世界。", (1.0, 1.8)),
        ("今日はとても良い天気ですね。コンピューターで遊びましょう。", (0.9, 2.0)),
        ("오늘은 날씨가 정말 좋네요. 공원에 가고 싶어요. ", (1.0, 2.5)),
        ("Съешь же ещё этих мягких французских булок, да выпей чаю. ", (2.0, 4.5)),
        ("صباح الخير، كيف حالك اليوم؟ أتمنى لك يوما سعيدا. ", (2.0, 4.5)),
        ("สวัสดีครับวันนี้อากาศดีมากเราไปเดินเล่นที่สวนสาธารณะกันเถอะ", (1.5, 4.0)),
        ("आज मौसम बहुत अच्छा है और हम पार्क में घूमने जाएंगे। ", (2.0, 4.5)),
        ("3.14159, 2026-11-22, 1,000,000 ", (1.0, 2.2)),
        ("😀🎉🚀🔥👍", (0.5, 1.0)),
    ],
)
def test_the_estimate_is_plausible_for_each_script(sample: str, chars_per_token: tuple[float, float]) -> None:
    low, high = chars_per_token
    assert low <= len(sample * 10) / estimate_tokens(sample * 10) <= high


def test_the_weights_are_those_of_the_fit() -> None:
    for sample, tokens in {
        "word " * 100: 95,
        "abcdefghij " * 100: 95 + 0.16 * 400,
        "123 " * 100: 168,
        "漢" * 100: 71,
        "か" * 100: 80,
        "я" * 100: 35,
        "a\n" * 100: 95 + 124,
        "a  " * 100: 95 + 131,
        "a. " * 100: 95 + 70,
        "a... " * 100: 95 + 70 + 39,
        "😀" * 100: 123,
    }.items():
        assert estimate_tokens(sample) == pytest.approx(tokens, abs=1)


@pytest.mark.parametrize(
    ("sample", "bytes_"),
    [
        ("plain", 0), ("漢か한яصहส Äé…“", 0), ("ꀀ", 3), ("a𒀀b", 4), ("አማርኛ", 12), ("👍🏽", 8), ("x\ud83d", 3),
        ("e\u0301", 2),
    ],
)  # fmt: skip
def test_what_the_weights_do_not_hold_for_counts_by_bytes(sample: str, bytes_: int) -> None:
    assert unfitted_bytes(sample) == bytes_


def test_only_no_text_is_free() -> None:
    assert estimate_tokens("") == 0
    for sample in (" ", "\n", "\t", "\x00", "\ud83d", "a", "\u200b", "\U000e0041"):
        assert estimate_tokens(sample) >= 1


@given(text, text)
@thorough
def test_more_text_is_never_fewer_tokens(first: str, second: str) -> None:
    assert estimate_tokens(first + second) >= max(estimate_tokens(first), estimate_tokens(second))
    assert estimate_tokens(first + second) <= estimate_tokens(first) + estimate_tokens(second) + 2


def test_the_messages_of_a_prompt_add_up() -> None:
    messages = [ChatMessage("system", "Be brief."), ChatMessage("user", "Hello there!"), ChatMessage("user", "")]
    assert estimate_prompt_tokens(messages) == 3 * 4 + sum(estimate_tokens(message.text) for message in messages)
    assert estimate_prompt_tokens(messages[:1]) + estimate_prompt_tokens(messages[1:]) == estimate_prompt_tokens(
        messages
    )
    assert estimate_prompt_tokens([]) == 0
