"""Every sentence that people read, by key, in one language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.core.errors import ParleyError


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentences by ``section.key``. An unknown key raises ``KeyError``: a test renders all that the program names.

    ``of_one`` has the form that some of them take where their gap ``count`` is filled with 1.
    """

    by_key: Mapping[str, str]
    of_one: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, toml_text: str) -> Sentences:
        """Read a locale file's text."""
        sections: dict[str, dict[str, str | dict[str, str]]] = tomllib.loads(toml_text)
        entries = {f"{name}.{key}": entry for name, section in sections.items() for key, entry in section.items()}
        return cls(
            {key: entry if isinstance(entry, str) else entry["other"] for key, entry in entries.items()},
            {key: entry["one"] for key, entry in entries.items() if not isinstance(entry, str)},
        )

    def __call__(self, key: str, **fields: str | int) -> str:
        """Return the sentence with its gaps filled."""
        forms = self.of_one if fields.get("count") == 1 and key in self.of_one else self.by_key
        return forms[key].format(**fields)

    def notice(self, error: ParleyError, error_id: str, *, offers_again: bool = False) -> str:
        """Return what a member reads about a failure: what happened, what to do, and the error id of the log.

        ``offers_again``: the button that asks the same again stands below.
        """
        lines = [self("notices.error", sentence=self(error.sentence_key, **error.fields))]
        if offers_again:
            lines.append(self("notices.try_again"))
        return "\n".join([*lines, self("notices.error_id", error_id=error_id)])
