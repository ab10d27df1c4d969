"""Checks requests against Discord's own OpenAPI document, where it is there."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.wire.discord_standin.journal import Json

ROOT = Path(__file__).parents[3]
URI = "urn:discord-openapi"

# What discord.py legitimately sends and the document does not allow: schema, replacement. Each with its reason.
TOLERATED: dict[str, Json] = {
    # Discord takes snowflakes as numbers too; discord.py sends recipient_id and the ids of allowed_mentions so.
    "SnowflakeType": {"type": ["string", "integer"], "pattern": "^(0|[1-9][0-9]*)$"},
}


def spec_path() -> Path:
    """Return where the document should be: ``$PARLEY_SPECS``, or ``../shared/specs`` beside the project."""
    folder = os.environ.get("PARLEY_SPECS") or ROOT.parent / "shared" / "specs"
    return Path(folder) / "discord-openapi.json"


class Spec:
    """Discord's OpenAPI document."""

    def __init__(self, document: Json) -> None:
        self.paths: dict[str, Json] = document["paths"]
        schemas = document["components"]["schemas"] | TOLERATED
        patched = document | {"components": document["components"] | {"schemas": schemas}}
        self._registry: Registry[Any] = Registry().with_resource(URI, DRAFT202012.create_resource(patched))
        self._validators: dict[str, Draft202012Validator] = {}

    def operation(self, method: str, route: str) -> Json | None:
        """Return what the document says about a route."""
        found: Json | None = self.paths.get(route, {}).get(method.lower())
        return found

    def complaint(self, method: str, route: str, body: Any) -> str | None:
        """Return what is wrong with a request, or ``None``. A body of ``None`` is no body."""
        operation = self.operation(method, route)
        if operation is None:
            return f"{method} {route} is not in Discord's API"
        wanted = operation.get("requestBody")
        if wanted is None or body is None:
            return f"{method} {route} needs a body" if wanted and wanted.get("required") else None
        return self._broken((method.lower(), "requestBody"), method, route, body)

    def complaint_about_answer(self, method: str, route: str, status: int, body: Any) -> str | None:
        """Return what is wrong with an answer of the stand-in itself, or ``None``."""
        responses = (self.operation(method, route) or {}).get("responses", {})
        if str(status) not in responses:
            return f"{method} {route} never answers {status}"
        if body is None:
            return f"{method} {route} needs an answer" if "content" in responses[str(status)] else None
        return self._broken((method.lower(), "responses", str(status)), method, route, body)

    def _broken(self, part: tuple[str, ...], method: str, route: str, body: Any) -> str | None:
        where = ("paths", route, *part, "content", "application/json", "schema")
        pointer = "/".join(quote(name.replace("~", "~0").replace("/", "~1")) for name in where)
        validator = self._validators.get(pointer)
        if validator is None:
            schema = {"$ref": f"{URI}#/{pointer}"}
            validator = self._validators[pointer] = Draft202012Validator(schema, registry=self._registry)
        error = best_match(validator.iter_errors(body))
        # The path and the rule, not the value: a body holds what members wrote.
        return None if error is None else f"{method} {route}: {error.json_path} breaks {error.validator}"


@cache
def load_spec() -> Spec | None:
    """Return the document, read once; ``None`` where it is not there."""
    path = spec_path()
    if not path.is_file():
        print(f"requests are not checked against Discord's OpenAPI document: {path.name} is not in $PARLEY_SPECS")
        return None
    return Spec(json.loads(path.read_text(encoding="utf-8")))
