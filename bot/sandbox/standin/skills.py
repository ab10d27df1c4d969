"""What the stand-in can say on request, so that a person sees how the bot delivers it. No skill is intelligent."""

from __future__ import annotations

import re
from collections.abc import Callable

COUNT_TO = 200
BAR_CELLS = 20  # beside each number: it makes counting slow enough to press Stop

LIST = """\
1. A member asks, and the bot remembers the question by its Discord id.
2. The bot puts the prompt together:
   - its instructions,
   - the stored turns of this channel, oldest first,
   - the new question.
3. The words come one by one, and the message grows.
4. The whole answer is stored before its last edit is sent, so that a restart cannot lose it."""

TABLE = """\
| what you type | what comes back | what to look at |
|---|---|---|
| `long` | eight sections | the answer goes on in further messages |
| `very long` | all of this together | the rest comes as a file |
| `code` | a short program | the language of the code block |
| `long code` | a long program | the block is closed and opened again at a page's end |
| `count to 20` | numbers, slowly | the Stop button |"""

CODE = '''\
```python
from collections import Counter


def most_common_words(text: str, count: int = 3) -> list[tuple[str, int]]:
    """Return the words that occur most often, with how often they do."""
    words = (word.strip(".,;:!?").lower() for word in text.split())
    return Counter(word for word in words if word).most_common(count)


print(most_common_words("the cat and the hat and the bat"))
# [('the', 3), ('and', 2), ('cat', 1)]
```'''

LONG = """\
# A long answer, in eight parts
Nobody thought about this text: the stand-in keeps it on a shelf, so that you can watch a long answer arrive.

## 1. Why it is cut at all
Discord takes at most 2,000 characters in one message. Language models do not know that, and a good explanation is \
easily three times as long. A bot that sends the first 2,000 characters and forgets the rest looks fine until somebody \
asks for a recipe and never learns what to do with the eggs. So the text is divided into pages, and each page is a \
message of its own.

## 2. Where it is cut
The best place is between two sections, then between two paragraphs, then after a sentence, and only then between two \
words. Inside a word would be rude, and inside an emoji it would be broken:
- a family emoji such as 👩‍👩‍👧 is made of several characters that belong together,
- a flag 🇨🇭 is made of two,
- an accent can be a character of its own: e\u0301.

If you can still see them here in one piece, the knife was sharp.

## 3. What must stay together
A list item stays with its number. A row of a table stays with its cells. A code block that does not fit is closed at \
the end of a page and opened again, with its language, on the next one:
```python
def pages(text: str, limit: int = 2000) -> int:
    \"\"\"Return how many messages a text needs at least.\"\"\"
    return -(-len(text) // limit)
```
The little function above gives the lower bound. Real texts need a page more now and then, because the cuts fall where \
they read well and not where a page is exactly full.

## 4. While it grows
You do not wait for the end. The first words are shown at once, and the message is then edited again and again with \
all that has come so far. Discord allows only about one edit a second in a channel, so the bot does not send every \
word by itself: it always sends the newest state, and the states between are simply skipped. The last edit is never \
skipped, because nobody should have to guess whether an answer is finished.

## 5. When something breaks
Networks fail in the middle of a sentence. What has arrived by then is kept and marked as incomplete, and you may ask \
the bot to go on. If nothing has arrived, you get one sentence that says what happened and what you can do, and your \
question is kept for a second try. Say `[break]` or `[down]` to me to see both, without harm to anybody.

## 6. What is remembered
Your question and its answer are stored together, in order, for the channel that they belong to. With the next \
question the bot sends them along again, and that is all the memory there is: a model knows nothing of you but what \
stands in the request. I can prove it in my own simple way. Ask me anything next, and I shall tell you how you began.

## 7. What it costs
Every request is paid for by the token, and a token is a short word or a piece of a longer one. What you send is \
counted and what comes back is counted, and the words that come back are the dearer ones. A long conversation is sent \
again with each new question, so it would grow dearer and dearer, if it were not for two things: the provider \
remembers the beginning of a request for a while and charges less for it when it comes again, letter for letter; and \
the bot leaves out the oldest part of a conversation when it has grown too large. I charge nothing. I count all the \
same, and send the numbers along with every answer, as the real servers do.

## 8. What you can try next
Some of it is more fun with somebody else in the channel:
1. Ask two things at once, from two windows, and see both answers grow.
2. Press Stop in the middle of `count to 100`, and see that what was said stays.
3. Reply to an older message, and see that I am told which one.
4. Say `[break]`, and look at what is kept of an answer that ends too soon.
5. Set the temperature to 0.2, and see me report it; I am no warmer for it.

That was the eighth part. If you read it in more than one message and no word was lost between them, then everything \
went as it should."""

_UNITS = (
    ("metre", "foot", 3.28084), ("kilometre", "mile", 0.621371), ("centimetre", "inch", 0.393701),
    ("litre", "pint", 1.75975), ("litre", "gallon", 0.219969), ("kilogram", "pound", 2.20462),
    ("gram", "ounce", 0.035274), ("hectare", "acre", 2.47105), ("kilojoule", "kilocalorie", 0.239006),
    ("kilowatt", "horsepower", 1.34102), ("bar", "psi", 14.5038), ("newton", "poundforce", 0.224809),
)  # fmt: skip


def very_long() -> str:
    """Return more than the bot shows in messages: it becomes a file."""
    return f"{LONG}\n\n# A table\n{TABLE}\n\n# A list\n{LIST}\n\n# A program\n{long_code()}"


def _conversion(left: str, right: str, sign: str, factor: float) -> str:
    return (
        f"def {left}_to_{right}(amount: float) -> float:\n"
        f'    """Return an amount of {left} in {right}."""\n'
        f"    return amount {sign} {factor}"
    )


def long_code() -> str:
    """Return a code block that no single message holds."""
    parts = ['"""Conversions between units, written out one by one."""']
    for left, right, factor in _UNITS:
        parts += (_conversion(left, right, "*", factor), _conversion(right, left, "/", factor))
    checks = (f"    assert round({right}_to_{left}({left}_to_{right}(7.0)), 6) == 7.0" for left, right, _ in _UNITS)
    parts.append('if __name__ == "__main__":\n' + "\n".join(checks))
    return "```python\n" + "\n\n\n".join(parts) + "\n```"


def _count(found: re.Match[str]) -> str:
    end = min(int(found["end"]), COUNT_TO)
    filled = [number * BAR_CELLS // end for number in range(1, end + 1)]
    return "\n".join(f"{i} {'▰' * cells}{'▱' * (BAR_CELLS - cells)}" for i, cells in enumerate(filled, start=1))


# The first pattern that is found in the question answers it.
_SKILLS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\bcount (?:up )?to (?P<end>\d{1,6})\b", re.IGNORECASE), _count),
    (re.compile(r"\blong\b.*\bcode\b|\bcode\b.*\blong\b", re.IGNORECASE | re.DOTALL), lambda _: long_code()),
    (re.compile(r"\bvery long\b", re.IGNORECASE), lambda _: very_long()),
    (re.compile(r"\bcode\b", re.IGNORECASE), lambda _: CODE),
    (re.compile(r"\btable\b", re.IGNORECASE), lambda _: TABLE),
    (re.compile(r"\blist\b", re.IGNORECASE), lambda _: LIST),
    (re.compile(r"^\W*long\W*$|\blong(?:er)? (?:answer|text|reply|story)\b", re.IGNORECASE), lambda _: LONG),
)


def perform(question: str) -> str | None:
    """Return what was asked for, or ``None`` when the question names no skill."""
    for pattern, skill in _SKILLS:
        if found := pattern.search(question):
            return skill(found)
    return None
