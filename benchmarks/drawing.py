"""A command that is answered with four pictures of 1 MiB each: what the bot adds to the time that its model takes.

Whoever draws answers at once with bytes made before, so that what is measured is the bot: acknowledging, reading and
decoding the answer, storing it, and handing it to Discord.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from benchmarks.answer import QUESTION
from benchmarks.pictures import a_png
from benchmarks.rig import PARLEY, TURN_SECONDS, Rig, running
from benchmarks.table import Row, percentile
from bot.sandbox.standin import Pace
from tests.wire.discord_standin import Interaction

PICTURES = 4
PICTURE_BYTES = 1024 * 1024
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    commands: int = 20


FULL = Size()
QUICK = Size(commands=2)


async def measure(*, quick: bool, folder: Path) -> list[Row]:
    """Measure Parley; the bare bot draws nothing."""
    size = QUICK if quick else FULL
    async with AsyncExitStack() as stack:
        base_url = await stack.enter_async_context(_drawing())
        rig = await stack.enter_async_context(
            running(
                PARLEY,
                places=1,
                pace=Pace(0.05, 1000.0),
                folder=folder / "parley",
                settings={
                    "IMAGE_BASE_URL": base_url,
                    "IMAGE_API_KEY": "none",
                    "MEMBER_REQUESTS_PER_HOUR": "1000",
                },
            )
        )
        spent = [await _command(rig) for _ in range(size.commands)]
        most = rig.child.most_resident_mib
        rig.check()
    mib = PICTURES * PICTURE_BYTES // 1024**2
    name = f"bot's own time for an answer of {PICTURES} pictures, {mib} MiB in all"
    return [
        Row(f"{name}, p50", "ms", None, percentile(spent, 50) * 1000),
        Row(f"{name}, p95", "ms", None, percentile(spent, 95) * 1000),
        Row("most resident memory", "MiB", None, most),
    ]


def _answer() -> bytes:
    data = [{"b64_json": base64.b64encode(a_png(PICTURE_BYTES, shade=shade)).decode()} for shade in range(PICTURES)]
    usage = {"input_tokens": 10, "output_tokens": 800, "total_tokens": 810}
    return json.dumps({"created": 0, "data": data, "usage": usage}).encode()


@asynccontextmanager
async def _drawing() -> AsyncIterator[str]:
    """Serve the images endpoint; give its base URL."""
    body = _answer()

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/images/generations", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


async def _command(rig: Rig) -> float:
    """Return the seconds from the command until Discord has the message with all pictures."""
    place = rig.places[0]
    began_at = time.perf_counter()
    asked: Interaction = rig.discord.slash(place.channel, place.member, "image generate", prompt=QUESTION, n=PICTURES)
    start = len(rig.discord.journal.requests)

    def finished() -> list[Any]:
        return [
            one
            for one in rig.discord.journal.requests[start:]
            if asked.original is not None and len(asked.original.attachments) == PICTURES and one.method == "PATCH"
        ]

    edits = await rig.discord.wait_for(finished, timeout=TURN_SECONDS)
    return float(edits[-1].at - began_at)
