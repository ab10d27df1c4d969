"""What is folded: whole pairs, the oldest first, and a request that begins like the conversation's own."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.core.conversation import AttachedText, ChatRole, History, Turn
from bot.core.folding import INSTRUCTION, in_parts, messages_to_fold, oldest_turns
from bot.core.prompt import NOTES, build_prompt, stored_message
from bot.core.tokens import estimate_prompt_tokens
from tests.core.questions import ASKED_AT, a_question

WORDS = st.text(max_size=300)
PAIRS = st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=12)


def history_of(pairs: list[tuple[str, str]], *, summary: str | None = None) -> History:
    turns: list[Turn] = []
    for asked, answered in pairs:
        turns.append(Turn(len(turns) + 1, ChatRole.USER, asked, "Asker", None, ASKED_AT))
        turns.append(Turn(len(turns) + 1, ChatRole.ASSISTANT, answered))
    return History(1, 1, tuple(turns), summary)


def weight(turns: tuple[Turn, ...]) -> int:
    return estimate_prompt_tokens([stored_message(turn) for turn in turns])


@given(PAIRS, st.integers(min_value=0, max_value=3_000))
def test_whole_pairs_go_until_enough_is_gone_and_the_newest_stays(pairs: list[tuple[str, str]], keep: int) -> None:
    history = history_of(pairs)
    gone = oldest_turns(history, keep_tokens=keep)
    stay = history.turns[len(gone) :]
    assert gone == history.turns[: len(gone)]
    assert len(gone) % 2 == 0
    assert len(stay) >= 2
    assert weight(stay) <= keep or len(stay) == 2
    if gone:
        assert weight(history.turns[len(gone) - 2 :]) > keep, "no more goes than has to"


@given(PAIRS, st.integers(min_value=0, max_value=30))
def test_what_a_prompt_left_out_goes_but_never_the_newest_pair(pairs: list[tuple[str, str]], before: int) -> None:
    history = history_of(pairs)
    gone = oldest_turns(history, keep_tokens=0, before=2 * before + 1)
    assert len(gone) == 2 * min(before, len(pairs) - 1)


@given(PAIRS, st.integers(min_value=0, max_value=1_000))
def test_folding_again_at_once_finds_nothing_to_do(pairs: list[tuple[str, str]], keep: int) -> None:
    history = history_of(pairs)
    gone = oldest_turns(history, keep_tokens=keep)
    assert oldest_turns(replace(history, turns=history.turns[len(gone) :]), keep_tokens=keep) == ()


@given(PAIRS, st.integers(min_value=0, max_value=3_000))
def test_notes_are_asked_for_in_parts_that_fit(pairs: list[tuple[str, str]], tokens: int) -> None:
    turns = history_of(pairs).turns
    parts = in_parts(turns, tokens=tokens)
    assert sum(parts, ()) == turns
    for part in parts:
        assert len(part) % 2 == 0
        assert weight(part) <= tokens or len(part) == 2
    for part, following in pairwise(parts):
        assert weight(part + following[:2]) > tokens, "no more parts than there have to be"


def test_a_long_file_does_not_push_what_was_said_about_it_out() -> None:
    history = history_of(
        [("What does the lease say?", "Two years."), ("And the deposit?", "Three rents."), ("Ok", "Ok")]
    )
    file = AttachedText("lease.txt", "text", 20_000, "word " * 4_000)
    with_file = replace(history.turns[0], attachments=(file,))
    assert oldest_turns(replace(history, turns=(with_file, *history.turns[1:])), keep_tokens=500) == ()


@given(PAIRS, st.none() | WORDS, st.none() | WORDS)
def test_the_request_begins_like_the_conversations_own_prompts(
    pairs: list[tuple[str, str]], summary: str | None, focus: str | None
) -> None:
    history = history_of(pairs, summary=summary)
    prompt = build_prompt(a_question(), history, budget_tokens=10**9)
    request = messages_to_fold(history, history.turns, focus)
    assert request[:-1] == prompt.messages[:-1]
    assert request[-1].chat_role == ChatRole.USER
    assert request[-1].text.startswith(INSTRUCTION)


@given(st.text(min_size=1, max_size=1_000))
def test_a_focus_is_one_quoted_line(focus: str) -> None:
    rest = messages_to_fold(history_of([("a", "b")]), (), focus)[-1].text.removeprefix(INSTRUCTION)
    if focus.strip():
        _, _, quoted = rest.split("\n")
        assert quoted.startswith("> ")
        assert len(quoted) <= 202
        assert quoted.splitlines() == [quoted]
    else:
        assert rest == ""


@given(st.text(max_size=500))
def test_notes_stand_quoted_after_what_the_system_prompt_says(summary: str) -> None:
    plain = build_prompt(a_question(), history_of([("a", "b")])).messages[0].text
    noted = build_prompt(a_question(), history_of([("a", "b")], summary=summary)).messages[0].text
    if not summary:
        assert noted == plain
        return
    heading = f"{plain}\n\n{NOTES}\n"
    assert noted.startswith(heading)
    assert [line[:2] for line in noted.removeprefix(heading).splitlines()] == ["> "] * len(summary.splitlines())
