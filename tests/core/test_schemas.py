"""JSON Schemas of members: what is taken, what is refused at once, what qualifies for strict mode."""

import json
from typing import Any

import pytest

from bot.core.conversation import ChatOptions
from bot.core.errors.files import FileProblem, FileRefused
from bot.core.json_output import NOT_JSON, NotJson, bare_json, correction, schema_of, strict_json
from bot.core.patterns import is_safe
from bot.core.ports.files import Violation
from bot.core.schemas import check_schema, is_strict, schema_name

BOOK: dict[str, Any] = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "pages": {"type": "integer", "minimum": 1}},
    "required": ["title", "pages"],
    "additionalProperties": False,
}


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def problem_of(schema: Any) -> FileProblem | None:
    try:
        check_schema(schema)
    except FileRefused as refused:
        return refused.problem
    return None


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = an_object(a=schema)
    return schema


def doubling(levels: int, keyword: str) -> dict[str, Any]:
    """Each definition uses the next one twice: the whole has 2 to the power of ``levels`` leaves."""
    definitions: dict[str, Any] = {f"d{levels}": {"type": "string"}}
    for number in range(levels):
        twice = [{"$ref": f"#/$defs/d{number + 1}"}] * 2
        inner = {"a": twice[0], "b": twice[1]} if keyword == "properties" else twice
        definitions[f"d{number}"] = {keyword: inner}
    return {**an_object(a={"$ref": "#/$defs/d0"}), "$defs": definitions}


class TestTaken:
    @pytest.mark.parametrize(
        "schema",
        [
            BOOK,
            an_object(),
            {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.org/book", **BOOK},
            {**an_object(book={"$ref": "#/$defs/book"}), "$defs": {"book": BOOK}},
            an_object(children={"type": "array", "items": {"$ref": "#"}}),  # a circle with an array between
            {**an_object(left={"$ref": "#/$defs/tree"}), "$defs": {"tree": an_object(l={"$ref": "#/$defs/tree"})}},
            an_object(**{"$ref": {"type": "string"}, "$id": {"type": "string"}}),  # names of properties
            an_object(kind={"enum": [{"$ref": "https://example.org/x"}]}, other={"const": {"$dynamicRef": "#x"}}),
            {**an_object(a={"$ref": "#/$defs/x~1y~0z"}), "$defs": {"x/y~z": True}},
            an_object(code={"type": "string", "pattern": r"^[A-Z]{2}-\d{4}$"}),
            nested(30),
        ],
    )
    def test_ordinary_schemas(self, schema: Any) -> None:
        assert problem_of(schema) is None


class TestRefused:
    @pytest.mark.parametrize("schema", [True, [], "x", None, {}, {"type": "array"}, {"type": ["object", "null"]}])
    def test_what_is_no_object(self, schema: Any) -> None:
        assert problem_of(schema) is FileProblem.SCHEMA_NOT_OBJECT

    @pytest.mark.parametrize(
        "reference",
        [
            "https://example.org/schema.json", "http://169.254.169.254/latest", "file:///etc/passwd", "other.json",
            "#name", "", "//example.org#/a", "#/$defs/none", "#/title", "#/$defs/%61", 5, None,
        ],
    )  # fmt: skip
    def test_references_that_leave_the_file_or_lead_nowhere(self, reference: Any) -> None:
        schema = {**an_object(a={"$ref": reference}), "title": "t", "$defs": {"a": True, "%61": True}}
        assert problem_of(schema) is FileProblem.SCHEMA_REFERENCE

    @pytest.mark.parametrize("keyword", ["$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor", "$id"])
    def test_other_names_for_places(self, keyword: str) -> None:
        assert problem_of(an_object(a={keyword: "https://example.org/"})) is FileProblem.SCHEMA_REFERENCE

    @pytest.mark.parametrize(
        "definitions",
        [
            {"a": {"$ref": "#/$defs/a"}},
            {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
            {"a": {"allOf": [{"$ref": "#/$defs/a"}]}},
            {"a": {"anyOf": [True, {"not": {"$ref": "#/$defs/a"}}]}},
            {"a": {"if": True, "then": {"oneOf": [{"$ref": "#/$defs/a"}]}}},
            {"a": {"dependentSchemas": {"x": {"$ref": "#/$defs/a"}}}},
        ],
    )
    def test_circles_without_a_part_between(self, definitions: dict[str, Any]) -> None:
        schema = {**an_object(a={"$ref": "#/$defs/a"}), "$defs": definitions}
        assert problem_of(schema) is FileProblem.SCHEMA_REFERENCE

    @pytest.mark.parametrize(
        "schema",
        [
            nested(40),
            nested(400),
            doubling(30, "allOf"),
            doubling(30, "anyOf"),
            doubling(30, "properties"),
            {**an_object(), "$defs": {f"d{n}": True for n in range(3000)}},
            {
                **an_object(a={"$ref": "#/$defs/d0"}),
                "$defs": {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(900)} | {"d900": True},
            },
        ],
        ids=["deep", "deeper", "all", "any", "properties", "many", "chain"],
    )
    def test_bombs(self, schema: Any) -> None:
        assert problem_of(schema) is FileProblem.SCHEMA_TOO_LARGE

    @pytest.mark.parametrize("schema", [an_object(a=5), an_object(a={"items": "x"}), {**BOOK, "allOf": [1]}])
    def test_subschemas_that_are_none(self, schema: Any) -> None:
        assert problem_of(schema) is FileProblem.SCHEMA_INVALID

    @pytest.mark.parametrize("pattern", ["(a+)+$", 5, "("])
    def test_patterns(self, pattern: Any) -> None:
        assert problem_of(an_object(a={"pattern": pattern})) is FileProblem.SCHEMA_PATTERN
        if isinstance(pattern, str):
            by_pattern = an_object(a={"patternProperties": {pattern: True}})
            assert problem_of(by_pattern) is FileProblem.SCHEMA_PATTERN

    def test_the_place_is_told_in_plain_characters(self) -> None:
        with pytest.raises(FileRefused) as caught:
            check_schema(an_object(**{"a`@everyone\n": {"pattern": "(a*)*"}}))
        assert caught.value.fields == {"where": "`#/properties/a__everyone_`"}


class TestPatterns:
    @pytest.mark.parametrize(
        "pattern",
        [
            "", "abc", "^[a-z0-9._%+-]+@[a-z0-9.-]+$", r"^\d{4}-\d{2}-\d{2}$", "^(red|green|blue)$", "(abc)*",
            "(?:ab){2,5}", "^(#[0-9a-f]{6})?$", "[]abc]+", "[^]]*", r"[\]+*(]+", r"\(\+\)+", "a{3}b{2,}", "a{,3}",
            "x{y}", "(a|b){}", "(?:ab){,5}", "(a|b)?", "(a|b){,1}",
        ],
    )  # fmt: skip
    def test_safe(self, pattern: str) -> None:
        assert is_safe(pattern)

    @pytest.mark.parametrize(
        "pattern",
        [
            "(a+)+$", "(a*)*", "(a|a)*$", "(a|aa)+$", "((ab?)c)*", "(?:x{1,5})+", "((a{2,3}))*", "(a?){50}", "(.*)*",
            r"(a)\1", "(?P<n>a)(?P=n)", "(?=a+)b", "(?!a)b", "(?<=a)b", "(?i)a", ".*.*.*.*.*=", "a{100000}", "a" * 501,
            "(", "[a", "a**", r"\p{L}", "(?>a+)", "((a|b)c)+",
            "(a|a){,40}", "(?:a?){,5000}", "a{,99999}", "(a|b){,}", "(a{,3})*", "a{,}" * 5, "a{}*" * 5,
        ],
    )  # fmt: skip
    def test_unsafe_or_no_pattern(self, pattern: str) -> None:
        assert not is_safe(pattern)


class TestStrict:
    def test_what_qualifies(self) -> None:
        assert is_strict(BOOK)
        assert is_strict({**BOOK, "properties": {"title": {"$ref": "#"}, "pages": {"type": ["integer", "null"]}}})

    @pytest.mark.parametrize(
        "schema",
        [
            {**BOOK, "additionalProperties": True},
            {key: value for key, value in BOOK.items() if key != "additionalProperties"},
            {**BOOK, "required": ["title"]},
            {**BOOK, "properties": {**BOOK["properties"], "pages": {"type": "string", "minLength": 1}}},
            {**BOOK, "properties": {**BOOK["properties"], "pages": {"oneOf": [{"type": "string"}]}}},
            {**BOOK, "properties": {**BOOK["properties"], "pages": {"type": "array"}}},
            {**BOOK, "properties": {**BOOK["properties"], "pages": {}}},
            {**BOOK, "properties": {**BOOK["properties"], "pages": True}},
            {**BOOK, "properties": {**BOOK["properties"], "pages": {"type": "string", "format": "uri"}}},
            {**BOOK, "properties": {**BOOK["properties"], "pages": {"enum": list(range(1001))}}},
            {**BOOK, "properties": {**BOOK["properties"], "pages": {"enum": ["x" * 70 + str(n) for n in range(251)]}}},
            {**BOOK, "anyOf": [{"type": "object"}]},
        ],
    )
    def test_what_does_not(self, schema: dict[str, Any]) -> None:
        assert problem_of(schema) is None
        assert not is_strict(schema)

    def test_what_only_tools_read_is_not_sent(self) -> None:
        text = json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "x", **BOOK})
        sent = schema_of(ChatOptions(json=True, schema=text, schema_name="book"))
        assert sent is not None
        assert (sent.schema, sent.strict, sent.name) == (BOOK, True, "book")
        assert "JSON Schema" in sent.instructions

    @pytest.mark.parametrize(
        ("file", "name"),
        [
            ("book.json", "book"),
            ("My Bücher v2.json", "My_B_cher_v2"),
            ("????", "schema"),
            ("x" * 99 + ".json", "x" * 64),
        ],
    )
    def test_the_name_is_made_of_the_files(self, file: str, name: str) -> None:
        assert schema_name(file) == name


class TestJson:
    @pytest.mark.parametrize(
        "text", ['{"a": 1, "a": 2}', "NaN", "[Infinity]", "1e999", "[" * 100_000, "", "{'a': 1}", "[1,]", "9" * 5000]
    )
    def test_what_is_not_json_here(self, text: str) -> None:
        with pytest.raises(NotJson):
            strict_json(text)

    @pytest.mark.parametrize(
        ("text", "bare"),
        [
            (' {"a": 1}\n', '{"a": 1}'),
            ('```json\n{"a": 1}\n```', '{"a": 1}'),
            ('```\n{"a": 1}\n```', '{"a": 1}'),
            ('Here:\n```json\n{"a": 1}\n```', 'Here:\n```json\n{"a": 1}\n```'),
        ],
    )
    def test_a_fence_around_all_of_it_is_not_part_of_it(self, text: str, bare: str) -> None:
        assert bare_json(text) == bare

    def test_the_model_is_told_what_is_wrong(self) -> None:
        assert "not valid JSON" in correction(NOT_JSON)
        told = correction(Violation("$.pages", "minimum", "1"))
        assert '"minimum" (1)' in told
        assert "$.pages" in told
