"""A long conversation as it is measured: one member, sixty questions, answers of a few sentences.

The sizes are those of people who talk with a bot in a channel: a question is a sentence or two, an answer a handful of
sentences now and then much longer. The same seed gives the same words every time.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

FACT: Final = "The greenhouse key hangs behind the blue watering can, and the code of the gate is 4715."
FACT_WORDS: Final = ("blue watering can", "4715")

# Sentences per question and per answer, in turn: about 25 and 128 tokens on average, as the stand-in counts.
QUESTION_SENTENCES: Final = (1, 2, 1, 3, 2, 2)
ANSWER_SENTENCES: Final = (4, 7, 3, 7, 11, 4, 8, 6, 14, 7)

_THINGS: Final = (
    "the tomatoes", "the old pear tree", "the compost", "the raised beds", "the herb spiral", "the rain barrels",
    "the strawberries", "the bean poles", "the cold frame", "the hedge", "the seedlings", "the potato patch",
)  # fmt: skip
_TIMES: Final = (
    "before the first frost", "in the last week of March", "every other evening", "after a day of rain",
    "as soon as the soil is warm", "around noon", "for the next ten days", "until the middle of June",
)  # fmt: skip
_QUESTIONS: Final = (
    "What should we do about {thing} {time}?",
    "Is it too late to move {thing} now?",
    "How much water do {number} plants beside {thing} need {time}?",
    "Who has to look after {thing} while {number} of us are away?",
    "We counted {number} slugs near {thing} yesterday.",
    "Somebody said that {thing} will be fine {time}.",
)
_ANSWERS: Final = (
    "Look at {thing} {time}, and write down what has changed since the week before.",
    "Give it about {number} litres, slowly and close to the ground, so that the leaves stay dry.",
    "With {thing} it is better to wait {time} than to start too early.",
    "A layer of straw keeps the soil moist and saves you the watering of {number} days.",
    "If the leaves turn yellow from below, it is a lack of nitrogen and not a disease.",
    "Take away what is rotten at once, because it spreads to {thing} faster than one thinks.",
    "That is normal for the season and nothing to worry about.",
    "You need {number} stakes, some soft string, and half an hour {time}.",
    "Do it {time}, when the sun is low.",
    "Leave {thing} alone this year: the roots need rest more than you need the space.",
    "Mix sand and ripe compost in equal parts, and put a handful of it under each plant.",
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and what the model answers."""

    question: str
    answer: str


def exchanges(count: int, *, size: float = 1.0) -> list[Exchange]:
    """Return so many questions with their answers; the first question begins with the fact.

    ``size`` makes everything that much longer.
    """
    words = random.Random(60)

    def text(templates: tuple[str, ...], sentences: int) -> str:
        return " ".join(
            words.choice(templates).format(
                thing=words.choice(_THINGS), time=words.choice(_TIMES), number=words.randint(2, 90)
            )
            for _ in range(max(1, round(sentences * size)))
        )

    talk = [
        Exchange(
            text(_QUESTIONS, QUESTION_SENTENCES[turn % len(QUESTION_SENTENCES)]),
            text(_ANSWERS, ANSWER_SENTENCES[turn % len(ANSWER_SENTENCES)]),
        )
        for turn in range(count)
    ]
    return [Exchange(f"{FACT} {talk[0].question}", talk[0].answer), *talk[1:]]
