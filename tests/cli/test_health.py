"""health: what the heartbeat says, and the heartbeat that the real program writes."""

from __future__ import annotations

import json
import time

import pytest

from bot.heartbeat import HEARTBEAT_NAME, Heartbeat, judge
from tests.cli.conftest import Shell
from tests.wire.conftest import bench, discord_standin  # noqa: F401
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.program import Bench
from tests.wire.talking import started

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("heartbeat", "healthy", "says"),
    [
        (None, False, "no heartbeat"),
        (Heartbeat(NOW - 5, NOW - 5, None), True, "connected"),
        (Heartbeat(NOW - 5, NOW - 5, NOW - 100), True, "connecting for 100 s"),
        (Heartbeat(NOW - 5, NOW - 5, NOW - 181), False, "not connected to Discord"),
        (Heartbeat(NOW - 5, NOW - 61, None), False, "took no write"),
        (Heartbeat(NOW - 61, NOW - 61, None), False, "61 s old"),
    ],
)
def test_the_verdict(heartbeat: Heartbeat | None, healthy: bool, says: str) -> None:
    verdict = judge(heartbeat, NOW)
    assert verdict.healthy is healthy
    assert says in verdict.line
    assert "\n" not in verdict.line


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"written_at": 1}', '{"written_at": "x"}'])
async def test_no_heartbeat_is_not_healthy(shell: Shell, content: str | None) -> None:
    if content is not None:
        shell.data.mkdir()
        (shell.data / HEARTBEAT_NAME).write_text(content, encoding="utf-8")
    ended = await shell.run("health")
    assert ended.code == 1
    assert ended.out.count("\n") == 1


async def test_a_fresh_heartbeat_is_healthy(shell: Shell) -> None:
    shell.data.mkdir()
    now = time.time()
    beat = {"written_at": now, "database_written_at": now, "gateway_lost_at": None}
    (shell.data / HEARTBEAT_NAME).write_text(json.dumps(beat), encoding="utf-8")
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
