"""A member's JSON Schema: what is taken, what is refused before anything is validated with it, and what is sent.

Only what is a subschema is walked: a property may be called "$ref", and the values of ``enum``, ``const`` and
``default`` are values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bot.core.errors.files import FileProblem, FileRefused
from bot.core.patterns import is_safe

DEPTH: Final = 32
NODES: Final = 2000  # subschemas in the file
EXPANDED: Final = 20_000  # subschemas when every reference is written out
EXPANDED_DEPTH: Final = 64
NAME: Final = re.compile(r"[^a-zA-Z0-9_-]+")
NAME_CHARS: Final = 64  # of response_format.json_schema.name (OpenAI)

# Where subschemas stand; those of the same value are applied in place, the others to a part of it.
_IN_PLACE_ONE: Final[tuple[str, ...]] = ("not", "if", "then", "else")
_IN_PLACE_LIST: Final[tuple[str, ...]] = ("allOf", "anyOf", "oneOf")
_PART_ONE: Final[tuple[str, ...]] = (
    "additionalProperties", "contains", "items", "propertyNames", "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
_PART_MAP: Final[tuple[str, ...]] = ("properties", "patternProperties")
_DEFINITIONS: Final[tuple[str, ...]] = ("$defs", "definitions")
# Other ways to name a place: none is needed in one file, and each changes what a reference means.
_REFUSED_NAMES: Final = ("$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary")

# OpenAI, Structured Outputs, "Supported schemas": what strict mode takes.
_STRICT_KEYWORDS: Final = {
    "type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$ref", "$defs",
    "definitions", "description", "title", "pattern", "format", "multipleOf", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "minItems", "maxItems",
}  # fmt: skip
_STRICT_FORMATS: Final = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
_STRICT_PROPERTIES: Final = 5000
_STRICT_DEPTH: Final = 10
_STRICT_CHARS: Final = 120_000
_STRICT_ENUM_VALUES: Final = 1000
_STRICT_LONG_ENUM: Final = 250
_STRICT_LONG_ENUM_CHARS: Final = 15_000


@dataclass(slots=True)
class _Node:
    """One subschema. Edges lead to other subschemas by their places: in place, or to a part of the value."""

    schema: Mapping[str, Any] | bool
    depth: int
    in_place: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)


def check_schema(schema: Any) -> None:
    """Raise ``FileRefused`` for a schema that is not to be used. The meta-schema is not looked at here."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise FileRefused(FileProblem.SCHEMA_NOT_OBJECT)
    nodes: dict[str, _Node] = {}
    _walk(schema, "#", 0, nodes)
    for place, node in nodes.items():
        for target in (*node.in_place, *node.parts):
            if target not in nodes:
                raise _refused(FileProblem.SCHEMA_REFERENCE, place)
    _refuse_circles(nodes)
    _refuse_large(nodes)


def schema_name(file_name: str) -> str:
    """Return the name of a schema, made from its file's."""
    return NAME.sub("_", file_name.rpartition(".")[0] or file_name)[:NAME_CHARS].strip("_") or "schema"


def sent_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema without what only tools read."""
    return {keyword: value for keyword, value in schema.items() if keyword not in ("$schema", "$id", "$comment")}


def is_strict(schema: Mapping[str, Any]) -> bool:
    """Whether the API's strict mode takes the schema. Only for one that ``check_schema`` takes."""
    nodes: dict[str, _Node] = {}
    _walk(schema, "#", 0, nodes)
    properties = values = chars = 0
    for place, node in nodes.items():
        if isinstance(node.schema, bool):
            if place.endswith("/additionalProperties") and not place.endswith("/properties/additionalProperties"):
                continue
            return False
        if not _is_strict_node(node.schema):
            return False
        properties += len(node.schema.get("properties", ()))
        named = [*node.schema.get("properties", ()), *(n for d in _DEFINITIONS for n in node.schema.get(d, ()))]
        listed = [*node.schema.get("enum", ()), *([node.schema["const"]] if "const" in node.schema else [])]
        long = sum(len(str(value)) for value in listed)
        if len(listed) > _STRICT_LONG_ENUM and long > _STRICT_LONG_ENUM_CHARS:
            return False
        values += len(listed)
        chars += long + sum(map(len, named))
    nested = max(place.count("/properties/") + place.count("/items") for place in nodes)
    return (
        "anyOf" not in schema
        and nested <= _STRICT_DEPTH
        and properties <= _STRICT_PROPERTIES
        and values <= _STRICT_ENUM_VALUES
        and chars <= _STRICT_CHARS
    )


def _is_strict_node(schema: Mapping[str, Any]) -> bool:
    if not schema.keys() <= _STRICT_KEYWORDS or schema.get("format", "date") not in _STRICT_FORMATS:
        return False
    kinds = schema.get("type")
    if kinds == "object" or (isinstance(kinds, list) and "object" in kinds) or "properties" in schema:
        every = set(schema.get("properties", ()))
        return schema.get("additionalProperties") is False and set(schema.get("required", ())) == every
    if kinds == "array" or (isinstance(kinds, list) and "array" in kinds):
        return isinstance(schema.get("items"), dict)
    return any(word in schema for word in ("type", "enum", "const", "anyOf", "$ref"))


def _refused(problem: FileProblem, place: str) -> FileRefused:
    return FileRefused(problem, where=_shown(place))


def _shown(place: str) -> str:
    """Return a place in a schema for people: its keys are the member's own words, so only plain characters stay."""
    shown = re.sub(r"[^\w#/$ .-]", "_", place)
    return f"`{shown if len(shown) <= 80 else '…' + shown[-80:]}`"


def _walk(schema: Any, place: str, depth: int, nodes: dict[str, _Node]) -> None:
    """Collect the subschemas by their places (JSON Pointers), with what they apply."""
    if depth > DEPTH or len(nodes) >= NODES:
        raise _refused(FileProblem.SCHEMA_TOO_LARGE, place)
    if not isinstance(schema, dict | bool):
        raise _refused(FileProblem.SCHEMA_INVALID, place)
    node = nodes[place] = _Node(schema, depth)
    if isinstance(schema, bool):
        return
    if any(name in schema for name in _REFUSED_NAMES) or ("$id" in schema and depth > 0):
        raise _refused(FileProblem.SCHEMA_REFERENCE, place)
    _check_patterns(schema, place)
    if "$ref" in schema:
        reference = schema["$ref"]
        # "%41" would be read as "A" by some, and so lead elsewhere than it was checked for.
        local = isinstance(reference, str) and (reference == "#" or reference.startswith("#/")) and "%" not in reference
        if not local:
            raise _refused(FileProblem.SCHEMA_REFERENCE, place)
        node.in_place.append(reference)
    for edge, keyword, inner in _subschemas(schema):
        inner_place = f"{place}/{keyword}"
        if edge is not None:
            (node.in_place if edge else node.parts).append(inner_place)
        _walk(inner, inner_place, depth + 1, nodes)


def _check_patterns(schema: Mapping[str, Any], place: str) -> None:
    by_pattern = schema.get("patternProperties")
    patterns = [schema["pattern"]] if "pattern" in schema else []
    patterns += list(by_pattern) if isinstance(by_pattern, dict) else []
    for pattern in patterns:
        if not isinstance(pattern, str) or not is_safe(pattern):
            raise _refused(FileProblem.SCHEMA_PATTERN, place)


def _subschemas(schema: Mapping[str, Any]) -> Iterator[tuple[bool | None, str, Any]]:
    """Yield the subschemas: applied in place (``True``), to a part (``False``) or only by reference (``None``)."""
    for keywords, edge in ((_IN_PLACE_ONE, True), (_PART_ONE, False)):
        yield from ((edge, keyword, schema[keyword]) for keyword in keywords if keyword in schema)
    for keywords, edge in ((_IN_PLACE_LIST, True), (("prefixItems",), False)):
        for keyword in keywords:
            if isinstance(inner := schema.get(keyword), list):
                yield from ((edge, f"{keyword}/{index}", one) for index, one in enumerate(inner))
    maps: tuple[tuple[tuple[str, ...], bool | None], ...] = (
        (_PART_MAP, False),
        (("dependentSchemas",), True),
        (_DEFINITIONS, None),
    )
    for keywords, edge_or_none in maps:
        for keyword in keywords:
            if isinstance(inner := schema.get(keyword), dict):
                for name, one in inner.items():
                    yield edge_or_none, f"{keyword}/{name.replace('~', '~0').replace('/', '~1')}", one


def _refuse_circles(nodes: Mapping[str, _Node]) -> None:
    """Refuse references that lead back to their own value: validation would never end."""
    finished: set[str] = set()
    for start in nodes:
        path: dict[str, Iterator[str]] = {}
        at: str | None = start
        while at is not None:
            if at not in path:
                path[at] = iter(() if at in finished else nodes[at].in_place)
            following = next(path[at], None)
            if following is None:
                finished.add(at)
                del path[at]
                at = next(reversed(path), None)
            elif following in path:
                raise _refused(FileProblem.SCHEMA_REFERENCE, at)
            else:
                at = following


def _refuse_large(nodes: Mapping[str, _Node]) -> None:
    """Refuse a schema that is too large or too deep when every reference is written out, a circle once."""
    measured: dict[str, tuple[int, int]] = {}  # how many subschemas, how deep
    open_places: set[str] = set()

    def measure(place: str, level: int) -> tuple[int, int]:
        if level > EXPANDED_DEPTH:
            raise _refused(FileProblem.SCHEMA_TOO_LARGE, place)
        if place in open_places:
            return 1, 1
        if place not in measured:
            open_places.add(place)
            inner = [measure(target, level + 1) for target in (*nodes[place].in_place, *nodes[place].parts)]
            open_places.discard(place)
            measured[place] = 1 + sum(size for size, _ in inner), 1 + max((depth for _, depth in inner), default=0)
        size, depth = measured[place]
        if size > EXPANDED or level + depth > EXPANDED_DEPTH + 1:
            raise _refused(FileProblem.SCHEMA_TOO_LARGE, place)
        return size, depth

    measure("#", 1)
