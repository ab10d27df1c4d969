"""Preferences, and who changed what: every change leaves a row that is never overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.core.ports.clock import Clock
from bot.core.ports.remembered import Preference, PreferenceScope
from bot.store.database import Database, Parameters, Transaction, milliseconds

# Before the change itself, while the old value is still there. A change to the same value is none.
RECORD_CHANGE: Final = """
INSERT INTO preference_changes (scope, scope_id, name, old_value, new_value, changed_by, changed_at)
SELECT :scope, :scope_id, :name, old_value, :value, :changed_by, :now
FROM (
    SELECT (SELECT value FROM preferences WHERE scope = :scope AND scope_id = :scope_id AND name = :name) AS old_value
) AS before
WHERE old_value IS NOT :value
"""

SET: Final = """
INSERT INTO preferences (scope, scope_id, name, value) VALUES (:scope, :scope_id, :name, :value)
ON CONFLICT (scope, scope_id, name) DO UPDATE SET value = excluded.value
"""


class SqlitePreferenceStore:
    """Implements ``PreferenceStore``."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def preferences(self) -> Sequence[Preference]:
        """Return all stored preferences."""
        rows = await self._database.run(
            "SELECT scope, scope_id, name, value FROM preferences ORDER BY scope, scope_id, name"
        )
        return [Preference(PreferenceScope(row["scope"]), row["scope_id"], row["name"], row["value"]) for row in rows]

    async def set_preference(self, preference: Preference, *, changed_by: int) -> None:
        """Store a preference and who changed it, replacing an earlier value."""
        parameters: Parameters = {
            "scope": preference.scope.value,
            "scope_id": preference.scope_id,
            "name": preference.name,
            "value": preference.value,
        }
        audited: Parameters = {**parameters, "changed_by": changed_by, "now": milliseconds(self._clock.now())}

        async def work(transaction: Transaction) -> None:
            await transaction.run(RECORD_CHANGE, audited)
            await transaction.run(SET, parameters)

        await self._database.transaction(work)
