"""Values that the store's tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.core.caps import SpendingCaps
from bot.core.conversation import (
    Answer,
    ConversationKey,
    EndReason,
    Page,
    Question,
    Reply,
    ReplyKind,
    ReplyRoute,
    TriggerKind,
    Usage,
)
from bot.core.ports.money import Reservation, Settlement
from bot.store.database import Database
from bot.store.migrations import migrate
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock

MIGRATIONS = Path(__file__).parent.parent.parent / "migrations"
CHANNEL = ConversationKey(channel_id=500, guild_id=900)
NO_CAP = SpendingCaps(10**12)

QUESTION = Question(
    trigger_id=1001,
    kind=TriggerKind.MESSAGE,
    author_id=42,
    author_name="Asker",
    text="What is a snowflake?",
    route=ReplyRoute(channel_id=500),
    asked_at=datetime(2026, 3, 1, 11, 59, 58, 123000, tzinfo=UTC),
    guild_id=900,
    conversation=CHANNEL,
)
ANSWER = Answer("An id with a time in it.", "some-model", EndReason.STOP)
REPLY = Reply(ReplyKind.ANSWER, (Page("An id with a time in it."),))
NOTICE = Reply(ReplyKind.NOTICE, (Page("That did not work."),), retryable=True)
RESERVATION = Reservation("chat", "some-model", 1000)
SETTLEMENT = Settlement(400, Usage(prompt_tokens=10, completion_tokens=20, cached_tokens=3), "2026-01")


@asynccontextmanager
async def open_database(path: Path, *, busy_timeout_ms: int = 5000) -> AsyncIterator[Database]:
    database = await Database.open(path, busy_timeout_ms=busy_timeout_ms)
    try:
        await migrate(database, MIGRATIONS, clock=FakeClock())
        yield database
    finally:
        await database.close()


def ask(trigger_id: int, **changes: Any) -> Question:
    return replace(QUESTION, trigger_id=trigger_id, **changes)


async def generate(store: SqliteTurnStore, question: Question) -> None:
    """Bring a question to GENERATING."""
    assert await store.claim(question)
    await store.begin(question.trigger_id, RESERVATION, caps=NO_CAP)


async def answer(store: SqliteTurnStore, question: Question, text: str = ANSWER.text) -> None:
    """Bring a question to READY with its answer stored."""
    history = await store.history(question.conversation) if question.conversation else None
    await generate(store, question)
    reply = Reply(ReplyKind.ANSWER, (Page(text),))
    await store.complete(question.trigger_id, replace(ANSWER, text=text), reply, SETTLEMENT, history=history)


async def state(database: Database, trigger_id: int) -> str:
    [row] = await database.run("SELECT state FROM claims WHERE trigger_id = :id", {"id": trigger_id})
    return str(row["state"])


async def billed(database: Database) -> int:
    """Return what counts against the cap."""
    [row] = await database.run(
        "SELECT coalesce(sum(coalesce(settled_micro_usd, reserved_micro_usd)), 0) FROM usage_ledger"
    )
    return int(row[0])


def read(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def open_files() -> list[str]:
    """Return what this process has open; empty where the system does not say."""
    names = []
    for descriptor in Path("/proc/self/fd").glob("*"):
        with suppress(FileNotFoundError):  # the listing's own
            names.append(str(descriptor.readlink()))
    return names
