"""Named points in the life of a turn at which a test ends the real program, before or after what happens there.

The program has none of this: ``python -m tests.wire.failpoints FILE`` wraps the methods below in its own process and
then does what ``python -m bot run`` does. ``FILE`` says what is armed (``store.after kill``); whoever reaches that
point removes the file, so that it happens once.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Any

BEFORE, AFTER = "before", "after"
KILL, TERMINATE = "kill", "terminate"
SIGNALS = {KILL: signal.SIGKILL, TERMINATE: signal.SIGTERM}

# What is around a point: module, class, method.
METHODS: dict[str, tuple[str, str, str]] = {
    "claim": ("bot.store.turns", "SqliteTurnStore", "claim"),
    "history": ("bot.store.turns", "SqliteTurnStore", "history"),
    "reserve": ("bot.store.turns", "SqliteTurnStore", "begin"),
    "ask": ("bot.provider.chat", "OpenAIChatModel", "_begin"),
    "store": ("bot.store.turns", "SqliteTurnStore", "complete"),
    "fetch": ("bot.reading.fetching", "CappedFetch", "__call__"),
    "listen": ("bot.provider.transcription", "OpenAITranscriptModel", "transcribe"),
    "hear": ("bot.store.turns", "SqliteTurnStore", "hear"),
    "paint": ("bot.provider.images", "OpenAIPictureMaker", "make"),
    "speak": ("bot.provider.speech", "OpenAISpeech", "speak"),
    "store-task": ("bot.store.turns", "SqliteTurnStore", "complete_task"),
    "notice": ("bot.store.turns", "SqliteTurnStore", "fail"),
    "deliver": ("cogs.ui.screen", "DiscordScreen", "deliver"),
    "place": ("bot.store.turns", "SqliteTurnStore", "place"),
    "finish": ("bot.store.turns", "SqliteTurnStore", "finish"),
    "reserve-fold": ("bot.store.call_ledger", "SqliteCallLedger", "reserve"),
    "settle-fold": ("bot.store.call_ledger", "SqliteCallLedger", "settle"),
    "fold": ("bot.store.folds", "SqliteFoldStore", "fold"),
}
FIRST_WORD = "first-word"
# Calls to Discord: the beginning of the method's path, and how it ends.
CALLS: dict[str, tuple[str, str]] = {
    "acknowledge": ("POST", "/callback"),
    "create": ("POST", "/messages"),
    "edit": ("PATCH", ""),
}

Hit = Callable[[str], None]


def hits_of(file: Path) -> Hit:
    """Return what every point calls: it ends the process when the file names the point."""

    def hit(reached: str) -> None:
        if not file.exists():
            return
        armed, action = file.read_text(encoding="utf-8").split()
        if armed == reached:
            file.unlink()
            os.kill(os.getpid(), SIGNALS[action])

    return hit


def install(hit: Hit) -> None:
    """Wrap everything that has a point."""
    for point, (module, owner, name) in METHODS.items():
        cls = getattr(importlib.import_module(module), owner)
        setattr(cls, name, _around(getattr(cls, name), lambda *_, point=point: point, hit))
    model = importlib.import_module("bot.provider.chat").OpenAIChatModel
    model.stream = _around_first(model.stream, hit)
    for module, owner in (("discord.http", "HTTPClient"), ("discord.webhook.async_", "AsyncWebhookAdapter")):
        cls = getattr(importlib.import_module(module), owner)
        cls.request = _around(cls.request, lambda _, route, *__: _call_to(route.method, route.url), hit)


def _call_to(method: str, url: str) -> str | None:
    path = url.partition("?")[0]
    return next((point for point, (verb, end) in CALLS.items() if method == verb and path.endswith(end)), None)


def _around(
    method: Callable[..., Awaitable[Any]], point_of: Callable[..., str | None], hit: Hit
) -> Callable[..., Awaitable[Any]]:
    @wraps(method)
    async def wrapped(*arguments: Any, **options: Any) -> Any:
        point = point_of(*arguments)
        if point:
            hit(f"{point}.{BEFORE}")
        result = await method(*arguments, **options)
        if point:
            hit(f"{point}.{AFTER}")
        return result

    return wrapped


def _around_first(
    stream: Callable[..., AsyncGenerator[Any, None]], hit: Hit
) -> Callable[..., AsyncGenerator[Any, None]]:
    @wraps(stream)
    async def wrapped(*arguments: Any, **options: Any) -> AsyncGenerator[Any, None]:
        first = True
        events = stream(*arguments, **options)
        try:
            async for event in events:
                if first:
                    hit(f"{FIRST_WORD}.{BEFORE}")
                yield event
                if first:
                    hit(f"{FIRST_WORD}.{AFTER}")
                first = False
        finally:
            await events.aclose()

    return wrapped


def main() -> None:
    """Run the program with its points in place."""
    install(hits_of(Path(sys.argv[1])))
    # Whoever kills it all day long would wait for the next login otherwise.
    identifying = importlib.import_module("bot.gateway.identifying")
    identifying.LIMITS = tuple((1_000_000, window) for _, window in identifying.LIMITS)  # type: ignore[attr-defined]
    from bot.cli.run import run  # noqa: PLC0415 - after what it imports was wrapped

    run()


if __name__ == "__main__":
    main()
