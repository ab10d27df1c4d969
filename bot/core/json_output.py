"""Answers in JSON: what of an answer is the JSON, whether it is any, and how the model is told what is wrong."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn

from bot.core.conversation import ChatOptions
from bot.core.ports.chat import JsonSchema
from bot.core.ports.files import Violation
from bot.core.schemas import is_strict, sent_schema

_FENCE: Final = re.compile(r"```(?:json)?[ \t]*\n(?P<body>.*)\n```", re.DOTALL | re.IGNORECASE)
DEFAULT_NAME: Final = "answer"
NOT_JSON: Final = Violation(path="$", rule="json", expected="")
UNCHECKED: Final = Violation(path="$", rule="unchecked", expected="")  # the check came to no end


class NotJson(ValueError):
    """A text is not JSON as RFC 8259 has it, or has a key twice in one object, or nests too deep to be read."""


def strict_json(text: str) -> Any:
    """Read JSON without NaN, infinite numbers and repeated keys; raises ``NotJson``."""
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(type(error).__name__)) from None


def bare_json(text: str) -> str:
    """Return an answer's JSON: without the code fence that some models put around it."""
    body = text.strip()
    fenced = _FENCE.fullmatch(body)
    return fenced["body"].strip() if fenced else body


def is_json(text: str) -> bool:
    """Whether the text is one JSON value."""
    try:
        strict_json(text)
    except NotJson:
        return False
    return True


def schema_of(options: ChatOptions) -> JsonSchema | None:
    """Return the schema that a member gave, as it is sent."""
    if options.schema is None:
        return None
    schema = sent_schema(json.loads(options.schema))
    instructions = f"The JSON must fit this JSON Schema:\n{json.dumps(schema, ensure_ascii=False)}"
    return JsonSchema(options.schema_name or DEFAULT_NAME, schema, is_strict(schema), instructions)


def correction(violation: Violation) -> str:
    """Return what the model is told about an answer that is wrong; not for one that could not be checked."""
    if violation == NOT_JSON:
        what = "It is not valid JSON."
    else:
        value = f" ({violation.expected})" if violation.expected else ""
        what = f'It breaks the rule "{violation.rule}"{value} of the JSON Schema at {violation.path}.'
    return f"{what} Send the whole JSON again, corrected, and nothing else."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key twice in one object")
    return made


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("infinite")
    return number
