"""Every sentence that people read, by key, in one language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.errors import ParleyError


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentences by ``section.key``. An unknown key raises ``KeyError``: a test renders all that the program names."""

    by_key: Mapping[str, str]

    @classmethod
    def parse(cls, toml_text: str) -> Sentences:
        """Read a locale file's text."""
        sections: dict[str, dict[str, str]] = tomllib.loads(toml_text)
        return cls({f"{s}.{k}": text for s, entries in sections.items() for k, text in entries.items()})

    def __call__(self, key: str, **fields: str | int) -> str:
        """Return the sentence with its gaps filled."""
        return self.by_key[key].format(**fields)

    def notice(self, error: ParleyError, error_id: str, *, offers_again: bool = False) -> str:
        """Return what a member reads about a failure: what happened, what to do, and the error id of the log.

        ``offers_again``: the button that asks the same again stands below.
        """
        lines = [self("notices.error", sentence=self(error.sentence_key, **error.fields))]
        if offers_again:
            lines.append(self("notices.try_again"))
        return "\n".join([*lines, self("notices.error_id", error_id=error_id)])
