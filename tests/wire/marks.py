"""What stands on the screen without the mark is stored, at the moment when Discord gets it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.wire.discord_standin import DiscordStandIn, Request
from tests.wire.talking import CANNOT_SAVE, DRAWING, LISTENING, READING_ALOUD, RESULT_UNSAVED, UNSAVED, WRITING

UNSTORED = {"claimed", "generating"}
STATE = "SELECT state, channel_id FROM claims WHERE trigger_id = ?"
PAGES = "SELECT content FROM outbox WHERE trigger_id = ? ORDER BY page"


class MarkWatcher:
    """Reads the program's own database whenever unmarked text arrives in answer to a question."""

    def __init__(self, discord: DiscordStandIn, database: Path) -> None:
        self._discord = discord
        self._database = database

    def __call__(self, request: Request) -> None:
        content = request.body.get("content") if isinstance(request.body, dict) else None
        marks = (WRITING, DRAWING, LISTENING, READING_ALOUD, UNSAVED, CANNOT_SAVE, RESULT_UNSAVED)
        if not content or any(mark in content for mark in marks) or not self._database.exists():
            return
        trigger_id = self._trigger_id(request)
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            state, channel_id = next(iter(connection.execute(STATE, (trigger_id,))), (None, None))
            pages = [row[0].strip() for row in connection.execute(PAGES, (trigger_id,))]
        interaction = self._discord.world.interactions.get(request.path.get("webhook_token", ""))
        if interaction is not None and channel_id not in (None, interaction.channel.channel_id):
            return  # where to find an answer that goes on in a thread
        where = f"{request.method} {request.route}"
        if state in UNSTORED:
            self._discord.journal.violate(f"{where}: text without the mark, while its turn is {state}")
        elif pages and content.strip() not in pages:
            self._discord.journal.violate(f"{where}: text without the mark, which is no page of the stored answer")

    def _trigger_id(self, request: Request) -> int | None:
        """Return the question that a request answers; ``None`` for any other."""
        path, world = request.path, self._discord.world
        if "webhook_token" in path:
            interaction = world.interactions.get(path["webhook_token"])
            return interaction.interaction_id if interaction else None
        if "message_reference" in request.body:
            return int(request.body["message_reference"]["message_id"])
        message = world.messages.get(int(path.get("message_id", 0)))
        if message is None:
            return None
        if message.interaction:
            return message.interaction.interaction_id
        return message.reply_to.message_id if message.reply_to else None
