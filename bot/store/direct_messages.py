"""Where the bot talks with people alone, as far as it remembers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.store.database import Database

RECENT: Final = """
SELECT channel_id FROM conversations
WHERE guild_id IS NULL
ORDER BY (SELECT max(turn_id) FROM turns WHERE turns.conversation_id = conversations.conversation_id) DESC
LIMIT :most
"""


class SqliteDirectMessages:
    """Reads the channels of direct messages out of the conversations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recent(self, most: int) -> Sequence[int]:
        """Return the ids of the channels that were used last, newest first. Raises ``StoreUnavailable``."""
        return [row["channel_id"] for row in await self._database.run(RECENT, {"most": most})]
