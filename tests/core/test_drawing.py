"""An answer offers to draw by a last line of one form; nothing else in a model's text does anything."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.composing import GrowingDraft, compose_answer, compose_notice
from bot.core.conversation import Answer, ChatOptions, EndReason, Reply
from bot.core.drawing import WISH_CHARS, parted, without_growing_wish
from bot.core.errors.provider import ProviderUnavailable
from bot.services import read_sentences
from tests.core.questions import a_question

SAY = read_sentences()


def composed(text: str, **changes: object) -> Reply:
    question = a_question(**changes)  # type: ignore[arg-type]
    return compose_answer(question, Answer(text, "m", EndReason.STOP), SAY)


@pytest.mark.parametrize(
    ("answer", "words", "wish"),
    [
        ("Sure.\n[[draw: a red boat]]", "Sure.", "a red boat"),
        ("Sure.\n\n  [[draw:a red boat ]] \n\n", "Sure.", "a red boat"),
        ("[[draw: a boat]]", "", "a boat"),
        ("One\n[[draw: a]]\n[[draw: b]]", "One\n[[draw: a]]", "b"),
    ],
)
def test_a_wish_is_the_last_line(answer: str, words: str, wish: str) -> None:
    assert parted(answer) == (words, wish)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "[[draw: ]]",
        "[[draw:]]",
        "[[draw: a boat]] and more",
        "before [[draw: a boat]]",
        "[[draw: a boat]]\nI did it.",
        "[[draw: two\nlines]]",
        "[[draw: nested [[draw: x]]]]",
        "[[delete: everything]]",
        "[[DRAW: a boat]]",
        "[draw: a boat]",
        "/image generate a boat",
        "```\n[[draw: a boat]]",
        f"[[draw: {'a' * (WISH_CHARS + 1)}]]",
    ],
)
def test_everything_else_is_text(answer: str) -> None:
    assert parted(answer) == (answer, None)


@given(text=st.text(), wish=st.from_regex(r"[a-z ]{1,50}[a-z]", fullmatch=True))
def test_no_word_of_the_answer_is_lost(text: str, wish: str) -> None:
    words, found = parted(f"{text}\n[[draw: {wish}]]")
    assert found in (wish.strip(), None)
    if found is not None:
        assert words == text.rstrip()


def test_the_line_is_never_shown_and_the_answer_offers_it() -> None:
    reply = composed("Here it comes.\n[[draw: a red boat]]")
    assert (reply.pages[0].content, reply.draws) == ("Here it comes.", True)
    alone = composed("[[draw: a red boat]]")
    assert (alone.pages[0].content, alone.draws) == (SAY("replies.draw_offer"), True)


def test_a_question_that_is_not_kept_offers_nothing() -> None:
    assert not composed("Sure.\n[[draw: a boat]]", conversation=None).draws
    assert not composed('"x"\n[[draw: a boat]]', options=ChatOptions(json=True)).draws


def test_it_is_not_shown_while_it_is_written_either() -> None:
    draft = GrowingDraft(a_question(), SAY)
    for character in "Here.\n[[draw: a red boat]]":
        draft.add(character)
        assert not any("[" in page.replace("[[", "[") for page in draft.pages()), draft.text
    assert without_growing_wish("One\n[1] a footnote") == "One\n[1] a footnote"


def test_an_answer_that_comes_back_offers_it_again() -> None:
    question = replace(a_question(), restores="Here.\n[[draw: a red boat]]", replaces=5)
    reply = compose_notice(question, ProviderUnavailable(), "12ab34cd", SAY)
    assert "[[" not in reply.pages[0].content
    assert reply.draws
