"""The list of models that a server offers."""

from __future__ import annotations

from datetime import date

from jiter import from_json

from bot.core.catalogue import OfferedModel


def read_models(body: bytes) -> list[OfferedModel]:
    """Read the answer to ``GET /models``; entries without an id are skipped. Raises ``ValueError``."""
    answer = from_json(body)
    entries = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(entries, list):
        raise ValueError("no list of models")  # noqa: TRY004 - about a value that came from outside
    return [
        OfferedModel(entry["id"], _date(entry.get("shutdown_date")))
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("id"), str)
    ]


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
