"""A value that fits a JSON Schema: of simple schemas only, and honest about the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bot.sandbox.standin.refusals import Refusal

# What says nothing about the value, and what is read below. Anything else is refused: a guess could be wrong.
_SILENT = {"$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples"}
_READ = {
    "$ref", "additionalProperties", "anyOf", "const", "enum", "items", "maximum", "maxItems", "maxLength", "minimum",
    "minItems", "minLength", "oneOf", "properties", "required", "type",
}  # fmt: skip
_DEPTH = 24
_WORDS = "stand-in"


def value_for(schema: Mapping[str, Any]) -> Any:
    """Return a value that the schema accepts; refuse a schema that needs more than this module reads."""
    return _value(schema, schema, "$", 0)


def _unfit(where: str, why: str) -> Refusal:
    return Refusal(
        f"The stand-in cannot make a value for this schema: {why} at {where}.",
        code="invalid_json_schema",
        param="response_format",
    )


def _value(schema: object, root: Mapping[str, Any], where: str, depth: int) -> Any:
    if schema is True:
        return None
    if not isinstance(schema, dict):
        raise _unfit(where, "no object schema")
    if depth > _DEPTH:
        raise _unfit(where, "too deep, or endless")
    if unread := sorted(schema.keys() - _SILENT - _READ):
        raise _unfit(where, f"'{unread[0]}' is not read")
    if "$ref" in schema:
        return _value(_resolved(schema["$ref"], root, where), root, where, depth + 1)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return _value(schema[word][0], root, f"{where}.{word}", depth + 1)
    return _typed(schema, root, where, depth)


def _resolved(reference: str, root: Mapping[str, Any], where: str) -> object:
    found: Any = root
    steps = reference.split("/")
    for step in steps[1:]:
        found = found.get(step) if isinstance(found, dict) else None
    if steps[0] != "#" or found is None:
        raise _unfit(where, f"the reference {reference} leads nowhere")
    return found


def _typed(schema: Mapping[str, Any], root: Mapping[str, Any], where: str, depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else None)
    if isinstance(kind, list):
        kind = kind[0]
    match kind:
        case "object":
            properties: dict[str, Any] = schema.get("properties", {})
            if missing := sorted(set(schema.get("required", ())) - properties.keys()):
                raise _unfit(where, f"'{missing[0]}' is required and not described")
            return {name: _value(inner, root, f"{where}.{name}", depth + 1) for name, inner in properties.items()}
        case "array":
            count = min(max(schema.get("minItems", 0), 1), schema.get("maxItems", 1000))
            return [_value(schema.get("items", True), root, f"{where}[]", depth + 1) for _ in range(count)]
        case "string":
            return _WORDS.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength")]
        case "integer":
            return _number(schema, 1, where)
        case "number":
            return _number(schema, 0.5, where)
        case "boolean":
            return True
        case "null":
            return None
    raise _unfit(where, f"the type {kind!r} is not known")


def _number(schema: Mapping[str, Any], usual: float, where: str) -> float:
    low: float = schema.get("minimum", -math.inf)
    high: float = schema.get("maximum", math.inf)
    value = min(max(usual, low), high)
    if schema.get("type") == "integer":
        value = math.ceil(low) if value == low else math.floor(value)
    if not low <= value <= high:
        raise _unfit(where, "no number lies between its limits")
    return value
