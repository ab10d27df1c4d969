"""One bot between two stand-ins: asked, waited for, and measured from outside.

The bot and its model are processes of their own; Discord's stand-in runs in this one, which has nothing else to do.
Their stamps compare: ``time.perf_counter`` reads the machine's monotonic clock in each of them.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.answer import ANSWER, QUESTION
from benchmarks.processes import Child, started
from bot.sandbox.standin import Pace
from tests.wire.discord_standin import Channel, DiscordStandIn, Request, Upload, User

KEY = "sk-stand-in"
READY_SECONDS = 30.0
TURN_SECONDS = 60.0
STAMPS_SECONDS = 5.0

PARLEY = ("bot", "run")
BARE = ("benchmarks.bare",)
NO_SETTINGS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Place:
    """A channel, and the member who asks there: a queue, an edit budget and an hourly allowance of their own."""

    channel: Channel
    member: User


@dataclass(frozen=True, slots=True)
class Shown:
    """When Discord received an answer's first words, and the whole of it: readings of ``time.perf_counter``."""

    first_at: float
    whole_at: float


class Rig:
    """A connected bot."""

    def __init__(self, child: Child, discord: DiscordStandIn, places: list[Place], stamps: Path) -> None:
        self.child = child
        self.discord = discord
        self.places = places
        self._stamps = stamps

    async def turn(self, place: Place, *, files: Sequence[Upload] = ()) -> Shown:
        """Ask, and wait until the whole answer is shown."""
        start = len(self.discord.journal.requests)
        bot = self.discord.world.bot
        question = self.discord.say(place.channel, place.member, QUESTION, mentions=[bot], files=files)

        def until_whole() -> list[Request]:
            ours = [one for one in self.discord.journal.requests[start:] if _writes_in(one, place.channel)]
            return ours if ours and _content(ours[-1]) == ANSWER else []

        writes = await self.discord.wait_for(until_whole, timeout=TURN_SECONDS)
        if len(self.discord.replies_to(question)) != 1:
            raise RuntimeError("a question was not answered by exactly one message")
        return Shown(writes[0].at, writes[-1].at)

    async def model_stamps(self, count: int) -> list[dict[str, Any]]:
        """Return what the model noted about its chat requests, in the order in which they ended."""
        async with asyncio.timeout(STAMPS_SECONDS):
            while True:
                lines = [json.loads(line) for line in self._stamps.read_text(encoding="utf-8").splitlines()]
                chats = [line for line in lines if line["path"] == "/v1/chat/completions"]
                if len(chats) >= count:
                    return chats
                await asyncio.sleep(0.01)

    def check(self) -> None:
        """Raise when anything went wrong that would make the figures worthless."""
        if self.discord.rate_limited:
            raise RuntimeError("Discord's rate limit was hit: what was measured is waiting")


@asynccontextmanager
async def running(
    program: tuple[str, ...], *, places: int, pace: Pace, folder: Path, settings: Mapping[str, str] = NO_SETTINGS
) -> AsyncIterator[Rig]:
    """Start a program between its stand-ins. ``folder`` is new and takes what they write."""
    stamps = _prepared(folder)
    options = {
        "--first-token-seconds": pace.first_token_seconds,
        "--tokens-per-second": pace.tokens_per_second,
        "--tokens-per-chunk": pace.tokens_per_chunk,
        "--log": stamps,
    }
    pairs = [str(word) for pair in options.items() for word in pair]
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(
            started("benchmarks.model", *pairs, log=folder / "model.txt", stdout=asyncio.subprocess.PIPE)
        )
        base_url = await _first_line(model)
        discord = await stack.enter_async_context(DiscordStandIn())
        world = discord.world
        asked = [Place(world.add_channel(f"place-{n}"), world.add_user(f"member-{n}")) for n in range(places)]
        environment = {
            "DISCORD_TOKEN": discord.token,
            "DISCORD_API_URL": discord.api_url,
            "DISCORD_GATEWAY_URL": discord.gateway_url,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": base_url,
            "DATABASE_URL": f"sqlite:///{folder}/data/parley.db",
            "DAILY_BUDGET_USD": "1000",
            "PARLEY_ENV_FILE": os.devnull,
            **settings,
        }
        log = folder / "bot.txt"
        child = await stack.enter_async_context(started(*program, log=log, environment=environment))
        try:
            await discord.ready(timeout=READY_SECONDS)
            yield Rig(child, discord, asked, stamps)
        except Exception as error:
            error.add_note(f"{' '.join(program)} wrote:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")
            raise


def _prepared(folder: Path) -> Path:
    """Make the folder; return the file for the model's stamps."""
    folder.mkdir()
    stamps = folder / "stamps.jsonl"
    stamps.touch()
    return stamps


async def _first_line(child: Child) -> str:
    if child.process.stdout is None:
        raise RuntimeError("its output is not piped")
    async with asyncio.timeout(READY_SECONDS):
        line = await child.process.stdout.readline()
    if not line:
        raise RuntimeError("the model's process ended before it listened")
    return line.decode().strip()


def _writes_in(request: Request, channel: Channel) -> bool:
    return (
        request.method in ("POST", "PATCH")
        and "/messages" in request.route
        and request.path.get("channel_id") == str(channel.channel_id)
        and request.status < 300
        and _content(request)[:1] == ANSWER[0]
    )


def _content(request: Request) -> str:
    return str((request.body or {}).get("content") or "").strip()
