"""What the stand-in says: that it is one, and what it was given. The same request gets the same answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from bot.sandbox.standin.behaviours import Behaviour, Cut, Html, Refuse, Say
from bot.sandbox.standin.heard import Heard, Said, excerpt
from bot.sandbox.standin.notes import write_notes
from bot.sandbox.standin.schema import value_for
from bot.sandbox.standin.skills import perform

# Words in a question that make something go wrong, so that a person sees what a member would see.
TRIGGERS: Mapping[str, Behaviour] = {
    "[refuse]": Say(refusal="The stand-in was asked to refuse, so it does: this is a refusal and no answer."),
    "[block]": Refuse(400, code="content_policy_violation", message="Blocked: the question holds the word for it."),
    "[filter]": Say("This answer ends in the middle, as if a content filter had", finish_reason="content_filter"),
    "[empty]": Say(""),
    "[break]": Cut(18, "close", "This answer breaks off: the connection is lost before its last sentence, which is …"),
    "[busy]": Refuse(429, code="rate_limit_exceeded", message="Asked to be busy.", headers={"Retry-After": "30"}),
    "[down]": Refuse(503, code="server_is_overloaded", message="Asked to be down."),
    "[html]": Html(),
}  # fmt: skip

INTRODUCTION = """\
**I am the local stand-in: a small program, not an AI model.** I run on this machine and speak the OpenAI API, so that \
you can try the bot without a key. I do not understand you, but I can show what the bot does with your words."""

GUIDE = """\
Say one of these to see how answers arrive:
- `long`: more than one message holds; `very long`: more than a channel should get
- `code` or `long code`: a code block, or one that has to be divided
- `list`, `table`, or `count to 20`, slow enough to press Stop
- attach a picture, and I tell its size and colours; `draw a red boat`, and I offer to have it drawn
- `[refuse]` `[block]` `[filter]` `[empty]` `[break]` `[busy]` `[down]` `[html]`: what a member sees when \
something goes wrong"""

_DRAW = re.compile(r"\bdraw (?:me )?(?P<what>\S[^\n]*)", re.IGNORECASE)

REAL_MODEL = """\
To talk with a real model, set `OPENAI_API_KEY` (or `OPENAI_BASE_URL` for a server of your own) and start again."""


def trigger(heard: Heard) -> Behaviour | None:
    """Return what a trigger word in the question asks for."""
    return next((behaviour for word, behaviour in TRIGGERS.items() if word in heard.question.lower()), None)


def answer(heard: Heard, response_format: Mapping[str, Any] | None) -> str:
    """Return the stand-in's own answer, in the format that was asked for."""
    kind = response_format["type"] if response_format else "text"
    if response_format and kind == "json_schema":
        return _as_json(value_for(response_format["json_schema"]["schema"]))
    if kind == "json_object":
        return _as_json(_report(heard))
    if (notes := write_notes(heard)) is not None:
        return notes
    performed = _seen(heard) or _drawn(heard) or perform(heard.question)
    if heard.turn == 1:
        parts = (INTRODUCTION, _received(heard), performed or GUIDE, REAL_MODEL)
        if _drawn(heard) is not None:  # its last line is for the bot
            parts = (INTRODUCTION, _received(heard), REAL_MODEL, performed or GUIDE)
        return "\n\n".join(parts)
    return f"{_later(heard)}\n\n{performed}" if performed else _later(heard)


def _seen(heard: Heard) -> str | None:
    """Return what is on the pictures, as far as a program can tell that only counts pixels."""
    if not heard.pictures:
        return None
    if len(heard.pictures) == 1:
        return f"I looked at the picture that came along: {heard.pictures[0]}."
    numbered = [f"{number}. {picture}" for number, picture in enumerate(heard.pictures, start=1)]
    return "\n".join(["I looked at the pictures that came along:", *numbered])


def _drawn(heard: Heard) -> str | None:
    """Return the offer to draw what the question wishes for, where the bot can do that."""
    found = _DRAW.search(heard.question) if heard.may_draw else None
    if found is None:
        return None
    return f"That can be drawn: press the button.\n[[draw: {excerpt(found['what'].replace('[', '('), 300)}]]"


def _received(heard: Heard) -> str:
    who = f" from {excerpt(heard.author)}" if heard.author else ""
    lines = [f"The bot gave me your question{who}: “{excerpt(heard.question, 200)}”"]
    lines += _quoted(heard)
    came = [f"a system prompt of {heard.system_chars:,} characters"] if heard.system_chars else []
    came.append("no earlier turns")
    came.append(f"the model name `{heard.model}`")
    if heard.cap_tokens is not None:
        came.append(f"a cap of {heard.cap_tokens:,} tokens")
    return "\n".join([*lines, f"With it came {_enumerated(came)}.", *_options(heard)])


def _later(heard: Heard) -> str:
    lines = [f"Stand-in here, turn {heard.turn}. You now say: “{excerpt(heard.question, 200)}”"]
    lines += _quoted(heard)
    said = [f"{_name(turn, heard)} said: “{excerpt(turn.text)}”" for turn in heard.earlier]
    if len(said) == 1:
        lines.append(f"Before that {said[0]}")
    else:
        lines.append(f"First {said[0]}")
        if len(said) > 4:
            lines.append(f"({len(said) - 4} more turns)")
        lines += [f"Then {one}" for one in said[1:][-3:]]
    if heard.answers != len(heard.earlier):
        lines.append(f"Answers that came along: {heard.answers}.")
    return "\n".join([*lines, *_options(heard)])


def _name(turn: Said, heard: Heard) -> str:
    return "you" if turn.author == heard.author else excerpt(turn.author or "somebody")


def _quoted(heard: Heard) -> list[str]:
    quoted = [f"You reply to a message that came along: “{excerpt(heard.quote)}”"] if heard.quote else []
    return quoted + [f"A file came along: {excerpt(file, 120)}." for file in heard.files]


def _options(heard: Heard) -> list[str]:
    if not heard.options:
        return []
    return ["Options: " + ", ".join(f"`{name}` {json.dumps(value)}" for name, value in heard.options) + "."]


def _enumerated(things: list[str]) -> str:
    *others, last = things
    return f"{', '.join(others)} and {last}" if others else last


def _report(heard: Heard) -> dict[str, Any]:
    return {
        "stand_in": True,
        "note": "No model is connected: this is what the bot passed on.",
        "turn": heard.turn,
        "question": heard.question,
        "earlier": [excerpt(turn.text) for turn in heard.earlier],
        "system_prompt_chars": heard.system_chars,
        "options": dict(heard.options),
    }


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
