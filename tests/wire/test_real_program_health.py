"""/healthz and /metrics of the real program, while its parts are broken one after the other and mended again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from bot.sandbox.standin import Refuse, Say, StandIn
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.program import Bench, Program
from tests.wire.talking import ANSWER, MEMBER_CANARY, MODEL_CANARY, QUESTION, ask, chat_requests, said, started

STATE_SECONDS = 30.0
FULL = "I can't save anything right now"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Probe:
    """Asks the program how it is, from outside."""

    def __init__(self) -> None:
        self.port = free_port()

    @property
    def settings(self) -> dict[str, str]:
        return {"METRICS_PORT": str(self.port)}

    async def get(self, path: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}{path}") as response,
        ):
            return response.status, await response.text()

    async def health(self) -> tuple[int, dict[str, Any]]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}/healthz") as response,
        ):
            return response.status, await response.json()

    async def until(self, wanted: Callable[[int, dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the page says what is wanted: nobody else knows when."""
        async with asyncio.timeout(STATE_SECONDS):
            while True:
                status, body = await self.health()
                if wanted(status, body):
                    return body
                await asyncio.sleep(0.05)

    async def metrics(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """Return each figure by its name and the values of its labels."""
        status, text = await self.get("/metrics")
        assert status == 200
        for canary in (MEMBER_CANARY, MODEL_CANARY):
            assert canary not in text
        return {
            (sample.name, tuple(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if not sample.name.endswith("_created")
        }


async def told(program: Program, discord: DiscordStandIn, words: str) -> None:
    """Ask and wait for the notice that says so."""
    world = discord.world
    question = discord.say(world.general, world.member, QUESTION, mentions=[world.bot])
    await program.until(discord.wait_for(lambda: [m for m in discord.replies_to(question) if words in m.content]))


async def test_what_is_counted(bench: Bench, discord_standin: DiscordStandIn, standin: StandIn) -> None:
    probe = Probe()
    program = await started(bench, discord_standin, **probe.settings)
    standin.script(Say(ANSWER))
    await ask(program, discord_standin, discord_standin.world.general, QUESTION, ANSWER)
    body = await program.until(probe.until(lambda status, body: status == 200 and body["gateway_age_seconds"] < 60))
    assert (body["status"], body["reasons"], body["open_breakers"]) == ("ok", [], {})
    assert body["database_write_age_seconds"] < 5
    found = await probe.metrics()
    while found.get(("parley_turns_total", ("done",))) != 1:  # the answer stands before its turn has ended
        found = await probe.metrics()
    assert found["parley_provider_calls_total", ("chat", "ok")] == 1
    assert found["parley_breaker_open", ("chat",)] == 0
    assert found["parley_healthy", ()] == 1
    assert 0 < found["parley_spent_today_usd", ()] < found["parley_daily_cap_usd", ()] == 5
    assert found["parley_spent_this_month_usd", ()] == found["parley_spent_today_usd", ()]
    assert "parley_monthly_cap_usd" not in {name for name, _ in found}, "none is set"
    assert found["parley_undelivered", ()] == found["parley_turns_answering", ()] == 0
    assert 0 < found["parley_resident_memory_bytes", ()] < 2**30
    assert found["parley_database_bytes", ()] >= bench.database.stat().st_size
    ids = {str(discord_standin.world.member.user_id), str(discord_standin.world.general.channel_id)}
    assert all(ids.isdisjoint(labels) for _, labels in found)
    assert (await probe.get("/"))[0] == 404


async def test_a_full_disk_stops_paid_work_and_is_told_until_there_is_room(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    """Cannot record: must not spend. Nothing of what was stored before is lost."""
    probe = Probe()
    program = await started(bench, discord_standin, **probe.settings)
    general = discord_standin.world.general
    standin.script(Say(ANSWER), Say("There is room again."))
    await ask(program, discord_standin, general, QUESTION, ANSWER)
    log = bench.database.with_name(f"{bench.database.name}-wal")
    program.limit_files(log.stat().st_size)
    await program.until(probe.until(lambda status, _: status == 503))
    status, body = await probe.health()
    assert status == 503
    assert body["status"] == "failing"
    assert [reason for reason in body["reasons"] if "the database took no write" in reason] == body["reasons"]
    await told(program, discord_standin, FULL)
    assert len(chat_requests(standin)) == 1, "nothing may be spent that cannot be recorded"
    assert (await probe.metrics())["parley_healthy", ()] == 0
    program.limit_files(None)
    await program.until(probe.until(lambda status, _: status == 200))
    await ask(program, discord_standin, general, f"Is there more {MEMBER_CANARY}?", "There is room again.")
    [_, second] = chat_requests(standin)
    assert ("assistant", ANSWER) in said(second), "what was stored before is still there"


async def test_a_server_that_is_left_alone_shows_until_it_answers_again(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    probe = Probe()
    program = await started(bench, discord_standin, **probe.settings)
    standin.script(Refuse(429, code="insufficient_quota", type="insufficient_quota"))
    await told(program, discord_standin, "The account that pays")
    status, body = await probe.health()
    assert (status, body["status"]) == (200, "degraded")
    assert list(body["open_breakers"]) == ["chat"]
    assert len(body["reasons"]) == 1
    found = await probe.metrics()
    assert found["parley_breaker_open", ("chat",)] == 1
    assert found["parley_provider_calls_total", ("chat", body["open_breakers"]["chat"])] == 1


async def test_a_port_that_is_taken_ends_the_start_with_words(bench: Bench, discord_standin: DiscordStandIn) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        program = await bench.start(METRICS_PORT=str(sock.getsockname()[1]))
        assert await program.ended() == 78
    assert "parley: METRICS_PORT: port " in program.log
    assert discord_standin.gateway.identifies == []


async def test_descriptors_stay_flat_and_the_database_is_open_once(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    program = await started(bench, discord_standin)
    counts = []
    for _ in range(8):
        standin.script(Say(ANSWER))
        await ask(program, discord_standin, discord_standin.world.general, QUESTION, ANSWER)
        counts.append(len(program.open_files()))
    assert program.open_files().count(str(bench.database)) == 1
    assert counts[-1] <= max(counts[:3])
