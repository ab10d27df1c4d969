"""What must be true of every run of the real program, whatever the test is about."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from bot.core.conversation import Usage
from bot.sandbox.standin import RecordedRequest, StandIn
from bot.services import read_catalogue
from tests.wire.discord_standin import Channel, DiscordStandIn
from tests.wire.program import Bench
from tests.wire.stored import Stored
from tests.wire.talking import MEMBER_CANARY, MODEL_CANARY

COMMAND = 2
LONG_ENOUGH_CHARS = 12  # of a text that can only come from whoever said it
MENTION = re.compile(r"<@!?\d+>\s*")
MICRO = 1_000_000
HAS_LEDGER = "SELECT 1 FROM sqlite_master WHERE name = 'usage_ledger'"
PAID = "SELECT capability FROM usage_ledger WHERE settled_micro_usd IS NULL OR settled_micro_usd > 0"
SPENT = "SELECT coalesce(sum(coalesce(settled_micro_usd, reserved_micro_usd)), 0) FROM usage_ledger"


def broken_promises(bench: Bench, discord: DiscordStandIn, openai: StandIn) -> list[str]:
    """Return every promise that was broken; nobody's words are in it."""
    found = [f"pinged {sorted(discord.pinged)}"] if discord.pinged else []
    found += ["an embed was sent" for r in discord.requests() if isinstance(r.body, dict) and r.body.get("embeds")]
    found += leaks(bench, discord, openai)
    found += mixed_conversations(discord, openai)
    if bench.database.exists() and not bench.damaged:
        found += wrong_bill(bench, openai)
        found += damage(bench.database)
    return found


def leaks(bench: Bench, discord: DiscordStandIn, openai: StandIn) -> list[str]:
    """Return where a secret, or in logs anybody's words, can be read."""
    logs = bench.logs()
    interaction_tokens = list(discord.world.interactions)
    inner = [bench.secret, str(bench.folder), str(bench.database)]
    chat = "\n".join(_texts_sent(discord))
    prompts = "\n".join(json.dumps(request.body, ensure_ascii=False, default=str) for request in openai.requests)
    keys = [discord.token, openai.key, *interaction_tokens]
    found = [f"{name}: a secret" for name, text in (("chat", chat), ("prompts", prompts)) for word in (*keys, *inner)
             if word in text]  # fmt: skip
    found += ["log: a secret" for word in (*keys, bench.secret) if word in logs]
    found += ["log: somebody's words" for word in (MEMBER_CANARY, MODEL_CANARY) if word in logs]
    return found + (["log: a traceback"] if "Traceback" in logs else [])


def _texts_sent(discord: DiscordStandIn) -> Iterator[str]:
    for request in discord.journal.requests:
        yield json.dumps(request.body, ensure_ascii=False)
        for upload in request.uploads:
            yield upload.file_name
            yield upload.payload.decode(errors="replace")


def mixed_conversations(discord: DiscordStandIn, openai: StandIn) -> list[str]:
    """Return the requests that hold what was said in different channels; a thread belongs to its parent."""
    said_in: dict[str, set[int]] = {}
    for text, channel in _said(discord):
        said_in.setdefault(text, set()).add(channel.parent_id or channel.channel_id)
    telling = {
        text: next(iter(rooms))
        for text, rooms in said_in.items()
        if len(rooms) == 1 and not any(text in other for other in said_in if other != text)
    }
    found = []
    for request in openai.requests:
        words = "\n".join(_strings(request.body))
        rooms = {room for text, room in telling.items() if text in words}
        if len(rooms) > 1:
            found.append(f"request {request.number} knows {len(rooms)} conversations")
    return found


def _said(discord: DiscordStandIn) -> Iterator[tuple[str, Channel]]:
    for message in discord.world.messages.values():
        if not message.author.bot:
            for shown in message.versions:
                text = MENTION.sub("", shown.content).strip()
                if len(text) >= LONG_ENOUGH_CHARS:
                    yield text, message.channel
    for interaction in discord.world.interactions.values():
        if interaction.kind == COMMAND:
            for text in _strings(interaction.options.get("options")):
                if len(text) >= LONG_ENOUGH_CHARS:
                    yield text, interaction.channel


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def wrong_bill(bench: Bench, openai: StandIn) -> list[str]:
    """Return in what the ledger is not the bill: never less, and the same calls where no process was killed."""
    ledgers = [stored for stored in map(Stored, bench.databases) if stored.rows(HAS_LEDGER)]
    if not ledgers:
        return []
    costs = sum(cost_micro_usd(request) for request in openai.requests)
    spent = sum(stored.rows(SPENT)[0][0] for stored in ledgers)
    found = [f"{spent} are in the ledger, {costs} were billed (micro USD)"] if spent < costs else []
    rows = Counter(name for stored in ledgers for (name,) in stored.rows(PAID))
    is_settled = not bench.lost_calls and not any(stored.count("pending") for stored in ledgers)
    for name, calls in openai.billed_of.items() if is_settled else ():
        # A task has one row for all its calls: its parts, its pictures, and the answers about what it heard.
        least = calls if name == "chat" else min(calls, 1)
        if rows["transcription"]:
            least = 0 if name in {"chat", "speech"} else least
        if not least <= rows[name] <= calls:
            found.append(f"{rows[name]} rows for {name} are in the ledger, {calls} calls were billed")
    return found


def cost_micro_usd(request: RecordedRequest) -> int:
    """Return what a request cost at least; 0 where nothing was generated, or it has no price."""
    if request.usage is None:
        return 0
    catalogue, today, model = read_catalogue(None), datetime.now(UTC).date(), request.body["model"]
    price = catalogue.entry(model).price(today)
    if price is None:
        return 0
    if price.per_picture is not None:
        return int(int(request.body.get("n") or 1) * price.per_picture * MICRO)
    if "seconds" in request.usage:
        minutes = Decimal(request.usage["seconds"]) / 60
        # How many tokens a second of sound has is the bot's to estimate, where no server says it.
        spoken = request.usage.get("characters", 0) * (price.per_million_chars or 0)
        return int(minutes * (price.per_minute or 0) * MICRO + spoken)
    details = request.usage.get("prompt_tokens_details") or {}
    usage = Usage(
        request.usage["prompt_tokens"],
        request.usage["completion_tokens"],
        details.get("cached_tokens", 0),
        details.get("cache_write_tokens", 0),
    )
    return catalogue.cost_micro_usd(model, usage, today) or 0


def damage(database: Path) -> list[str]:
    """Return what SQLite finds wrong with the file."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    return [] if found == ["ok"] else [f"integrity: {line}" for line in found[:3]]
