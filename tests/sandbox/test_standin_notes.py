"""The stand-in's notes: what was stated is kept word for word, so that a test can count on it."""

from typing import Any

from bot.core.conversation import ChatRole, History, Turn
from bot.core.folding import messages_to_fold
from bot.sandbox.standin import StandIn
from tests.core.questions import ASKED_AT
from tests.sandbox.asking import ask, say


def history(*said: str, summary: str | None = None) -> History:
    turns: list[Turn] = []
    for number, text in enumerate(said):
        turns.append(Turn(2 * number + 1, ChatRole.USER, text, "Asker", None, ASKED_AT))
        turns.append(Turn(2 * number + 2, ChatRole.ASSISTANT, f"Answer {number}."))
    return History(1, 1, tuple(turns), summary)


def request(old: History) -> list[dict[str, Any]]:
    messages = messages_to_fold(old, old.turns, None)
    return [{"role": str(message.chat_role), "content": message.text} for message in messages]


async def notes(standin: StandIn, old: History) -> list[str]:
    answer = await ask(standin, messages=request(old))
    return (answer.choices[0].message.content or "").splitlines()


async def test_it_keeps_statements_and_how_questions_began(standin: StandIn) -> None:
    old = history(
        "Our boat is called Heron. It is white.", "What does a new sail cost, roughly and without the sheets?"
    )
    assert await notes(standin, old) == [
        "- Asker: Our boat is called Heron.",
        "- Asker asked: What does a new sail cost, roughly and without…",
    ]


async def test_it_keeps_the_earlier_notes(standin: StandIn) -> None:
    assert await notes(standin, history("Red it is.", summary="- Asker: It is Heron.\n- more")) == [
        "- Asker: It is Heron.",
        "- more",
        "- Asker: Red it is.",
    ]


async def test_it_stays_within_what_was_asked_for(standin: StandIn) -> None:
    old = history("Our boat is Heron.", *(f"Why is number {n} so very large, do you think?" for n in range(100)))
    kept = await notes(standin, old)
    assert kept[0] == "- Asker: Our boat is Heron."
    assert kept[-1].startswith("- Asker asked: Why is number 99")
    assert sum(len(line.split()) for line in kept) <= 350


async def test_a_member_who_asks_for_notes_gets_an_ordinary_answer(standin: StandIn) -> None:
    said = await say(standin, "[Asker, 2026-11-22 12:00]\nWrite the notes in 100 words.")
    assert "stand-in" in said
