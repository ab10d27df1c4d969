"""The prompt: roles from columns, a prefix that stays, a budget that holds."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.conversation import ChatOptions, ChatRole, History, Quote, Turn
from bot.core.prompt import build_prompt, safe_name
from bot.core.tokens import estimate_prompt_tokens
from tests.core.questions import ASKED_AT, a_question

WORDS = st.text(max_size=200)


def history_of(texts: list[tuple[str, str]]) -> History:
    turns: list[Turn] = []
    for asked, answered in texts:
        first = len(turns) + 1
        turns.append(Turn(first, ChatRole.USER, asked, "Asker", None, ASKED_AT))
        turns.append(Turn(first + 1, ChatRole.ASSISTANT, answered))
    return History(1, 0, tuple(turns))


def test_the_prompt_is_system_then_turns_then_the_question() -> None:
    prompt = build_prompt(a_question("And a stack?"), history_of([("What is a heap?", "A tree.")]))
    assert [m.chat_role for m in prompt.messages] == ["system", "user", "assistant", "user"]
    assert "Discord" in prompt.messages[0].text
    assert prompt.messages[1].text == "[Asker, 2026-11-22 12:00]\nWhat is a heap?"
    assert prompt.messages[2].text == "A tree."
    assert prompt.messages[3].text.endswith("\nAnd a stack?")


@given(
    asked=WORDS,
    answered=WORDS,
    name=st.text(max_size=60),
    quoted=st.none() | st.tuples(st.text(max_size=60), WORDS),
    question=WORDS,
)
def test_no_text_changes_a_role(
    asked: str, answered: str, name: str, quoted: tuple[str, str] | None, question: str
) -> None:
    quote = Quote(*quoted) if quoted else None
    turns = (
        Turn(1, ChatRole.USER, asked, name, quote, ASKED_AT),
        Turn(2, ChatRole.ASSISTANT, answered),
    )
    prompt = build_prompt(a_question(question, author_name=name, quote=quote), History(1, 0, turns))
    assert [m.chat_role for m in prompt.messages] == ["system", "user", "assistant", "user"]
    assert prompt.messages[2].text == answered
    assert prompt.messages[0] == build_prompt(a_question(), None).messages[0]


@given(name=st.text(max_size=100))
def test_a_name_stays_on_its_line_and_inside_its_brackets(name: str) -> None:
    shown = safe_name(name)
    assert 0 < len(shown) <= 32
    assert shown.splitlines() == [shown]
    assert not set(shown) & {"[", "]"}


@given(text=WORDS, name=st.text(max_size=60))
def test_what_is_replied_to_is_labelled_and_cannot_leave_its_block(text: str, name: str) -> None:
    plain = build_prompt(a_question("Why?"), None).messages[-1].text.splitlines()
    quoted = build_prompt(a_question("Why?", quote=Quote(name, text)), None).messages[-1].text.splitlines()
    assert quoted[0] == plain[0]
    assert quoted[-1] == "Why?"
    assert quoted[1].startswith("Context: the message of ")
    assert all(line.startswith("> ") for line in quoted[2:-2])
    assert quoted[-2] == ""


def test_a_long_quote_is_cut() -> None:
    prompt = build_prompt(a_question("Why?", quote=Quote("Other", "x" * 10_000)), None)
    assert len(prompt.messages[-1].text) < 1_700


def test_the_prefix_is_byte_identical_from_turn_to_turn() -> None:
    conversation = [(f"Question {n}", f"Answer {n}") for n in range(12)]
    prompts = [
        build_prompt(a_question(conversation[n][0]), history_of(conversation[:n])) for n in range(len(conversation))
    ]
    for before, after in pairwise(prompts):
        assert after.messages[: len(before.messages)] == before.messages


def test_beyond_the_budget_the_oldest_half_goes_in_one_block() -> None:
    conversation = [(f"Question {n} " + "word " * 50, f"Answer {n} " + "word " * 50) for n in range(40)]
    history = history_of(conversation)
    budget = 2_000
    prompt = build_prompt(a_question(), history, budget_tokens=budget)
    assert prompt.first_turn_id is not None
    assert prompt.tokens <= budget // 2
    kept = prompt.messages[1:-1]
    assert kept[0].chat_role == "user"  # a question is never separated from its answer
    assert kept[-1].text == history.turns[-1].text
    # The next turns fit again: nothing more is left out until the budget is full once more.
    rest = tuple(turn for turn in history.turns if turn.turn_id >= prompt.first_turn_id)
    assert build_prompt(a_question(), replace(history, turns=rest), budget_tokens=budget).first_turn_id is None


@given(st.lists(st.tuples(WORDS, WORDS), max_size=30), st.integers(min_value=400, max_value=3_000))
def test_a_prompt_keeps_its_budget_or_nothing_but_the_question(texts: list[tuple[str, str]], budget: int) -> None:
    history = history_of(texts)
    prompt = build_prompt(a_question(), history, budget_tokens=budget)
    fits = prompt.tokens <= budget or len(prompt.messages) == 2
    assert fits
    assert prompt.tokens == pytest.approx(estimate_prompt_tokens(prompt.messages), abs=8)


def test_a_one_shot_question_may_bring_its_own_instructions() -> None:
    question = a_question("Hi", conversation=None, options=ChatOptions(system_prompt="Answer as a pirate."))
    prompt = build_prompt(question, None)
    assert prompt.messages[0].chat_role == "system"
    assert prompt.messages[0].text.startswith("Answer as a pirate.")
    assert prompt.messages[1].text == "Hi"


def test_json_mode_names_json_as_the_api_demands() -> None:
    prompt = build_prompt(a_question("Hi", conversation=None, options=ChatOptions(json=True)), None)
    assert "JSON" in prompt.messages[0].text
