"""health: what the heartbeat says, and the heartbeat that the real program writes."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace

import pytest

from bot.heartbeat import HEARTBEAT_NAME, Heartbeat, judge, read_heartbeat, write_heartbeat
from tests.cli.conftest import Shell
from tests.wire.conftest import bench, discord_standin  # noqa: F401
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.program import Bench
from tests.wire.talking import started

NOW = 1_000_000.0
WELL = Heartbeat(written_at=NOW - 5, database_written_at=NOW - 6, gateway_heard_at=NOW - 40)


@pytest.mark.parametrize(
    ("heartbeat", "says"),
    [
        (None, "no heartbeat"),
        (replace(WELL, gateway_heard_at=NOW - 121), "nothing was heard from Discord for 121 s"),
        (replace(WELL, database_written_at=NOW - 11), "the database took no write for 6 s"),
        (replace(WELL, oldest_undelivered_at=NOW - 901), "an answer is undelivered for 901 s"),
        (replace(WELL, written_at=NOW - 46), "46 s old"),
        (replace(WELL, written_at=NOW + 3600), "-3600 s old"),  # the clock was set back, and nobody has written since
    ],
)
def test_what_keeps_the_bot_from_working(heartbeat: Heartbeat | None, says: str) -> None:
    verdict = judge(heartbeat, NOW)
    assert not verdict.healthy
    assert len(verdict.problems) == 1
    assert verdict.line.startswith("not healthy: ")
    assert says in verdict.line
    assert "\n" not in verdict.line


@pytest.mark.parametrize(
    ("heartbeat", "says"),
    [
        (
            replace(WELL, open_breakers={"chat": "quota_exhausted"}),
            "chat is not asked for a while, because it failed repeatedly (quota_exhausted)",
        ),
        (replace(WELL, oldest_undelivered_at=NOW - 61), "an answer is undelivered for 61 s"),
        (replace(WELL, blocked_seconds=1.5), "stood still for 1.5 s"),
        (replace(WELL, degraded={"logins": "waits before it logs in again"}), "waits before it logs in again"),
    ],
)
def test_what_it_can_live_with(heartbeat: Heartbeat, says: str) -> None:
    verdict = judge(heartbeat, NOW)
    assert verdict.healthy
    assert len(verdict.degraded) == 1
    assert verdict.line.startswith("healthy, but ")
    assert says in verdict.line


def test_all_reasons_are_told() -> None:
    beat = replace(WELL, gateway_heard_at=0, database_written_at=0, open_breakers={"chat": "a", "images": "b"})
    verdict = judge(beat, NOW)
    assert (len(verdict.problems), len(verdict.degraded)) == (2, 2)
    assert all(reason in verdict.line for reason in (*verdict.problems, *verdict.degraded))


def test_nothing_to_tell() -> None:
    verdict = judge(replace(WELL, oldest_undelivered_at=NOW - 30, blocked_seconds=0.3), NOW)
    assert (verdict.healthy, verdict.degraded) == (True, ())
    assert verdict.line.startswith("healthy: ")


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"written_at": 1}', '{"written_at": "x"}'])
async def test_no_heartbeat_is_not_healthy(shell: Shell, content: str | None) -> None:
    if content is not None:
        shell.data.mkdir()
        (shell.data / HEARTBEAT_NAME).write_text(content, encoding="utf-8")
    ended = await shell.run("health")
    assert ended.code == 1
    assert ended.out.count("\n") == 1


@pytest.mark.parametrize("missing", sorted(asdict(WELL)))
async def test_a_heartbeat_of_another_version_is_none(shell: Shell, missing: str) -> None:
    shell.data.mkdir()
    path = shell.data / HEARTBEAT_NAME
    path.write_text(json.dumps({name: value for name, value in asdict(WELL).items() if name != missing}))
    assert read_heartbeat(path) is None


async def test_a_fresh_heartbeat_is_healthy(shell: Shell) -> None:
    shell.data.mkdir()
    now = time.time()
    path = shell.data / HEARTBEAT_NAME
    beat = Heartbeat(now, now, now, now, {"chat": "unavailable"}, 0.1, {"a": "b"})
    write_heartbeat(path, beat)
    assert read_heartbeat(path) == beat
    assert path.stat().st_mode & 0o777 == 0o600
    ended = await shell.run("health")
    assert (ended.code, ended.out.count("\n")) == (0, 1)


async def test_the_running_bot_is_healthy_until_it_ends(
    bench: Bench,  # noqa: F811
    discord_standin: DiscordStandIn,  # noqa: F811
    shell: Shell,
) -> None:
    program = await started(bench, discord_standin)
    ended = await shell.run("health", **bench.settings)
    assert ended.code == 0, ended.out
    path = bench.database.with_name(HEARTBEAT_NAME)
    assert path.stat().st_mode & 0o777 == 0o600
    program.terminate()
    assert await program.ended() == 0
    assert not path.exists()
    assert (await shell.run("health", **bench.settings)).code == 1
