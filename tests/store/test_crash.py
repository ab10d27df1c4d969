"""kill -9 at any moment: what was acknowledged is there, pairs are whole, and the file is sound."""

import random
import signal
import subprocess
import sys
from pathlib import Path

from bot.core.conversation import ClaimState
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import CHANNEL, MIGRATIONS, open_database

ROUNDS = 6

# Prints a line for every call that has returned, so that the parent knows what must never be lost.
WRITER = """
import asyncio, pathlib, sys
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import CHANNEL, RESERVATION, NO_CAP, ANSWER, REPLY, SETTLEMENT, ask, open_database

async def turns(store, first, step):
    trigger_id = first
    while True:
        history = await store.history(CHANNEL)
        await store.claim(ask(trigger_id, text="words " * (trigger_id % 300)))
        print("claimed", trigger_id, flush=True)
        await store.begin(trigger_id, RESERVATION, caps=NO_CAP)
        print("generating", trigger_id, flush=True)
        await store.complete(trigger_id, ANSWER, REPLY, SETTLEMENT, history=history)
        print("ready", trigger_id, flush=True)
        await store.finish(trigger_id)
        print("done", trigger_id, flush=True)
        trigger_id += step

async def main():
    async with open_database(pathlib.Path(sys.argv[1])) as database:
        store = SqliteTurnStore(database, FakeClock())
        await asyncio.gather(*(turns(store, int(sys.argv[2]) + number, 3) for number in range(3)))

asyncio.run(main())
"""

STEPS = [ClaimState.CLAIMED, ClaimState.GENERATING, ClaimState.READY, ClaimState.DONE]


def write_until_killed(path: Path, first: int, lines: int) -> list[tuple[ClaimState, int]]:
    """Return every call that the killed writer saw return."""
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(first)], cwd=MIGRATIONS.parent, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        acknowledged = [child.stdout.readline() for _ in range(lines)]
        child.kill()
        acknowledged += child.stdout.readlines()
    assert child.returncode == -signal.SIGKILL
    pairs = [line.split() for line in acknowledged if line.endswith("\n")]
    return [(ClaimState(name), int(trigger_id)) for name, trigger_id in pairs]


async def test_nothing_that_was_acknowledged_is_lost(path: Path) -> None:
    choose = random.Random(17)
    reached: dict[int, int] = {}
    for number in range(ROUNDS):
        for name, trigger_id in write_until_killed(path, number * 100_000 + 1, choose.randrange(20, 400)):
            reached[trigger_id] = max(reached.get(trigger_id, 0), STEPS.index(name))
        async with open_database(path) as database:
            [check] = await database.run("PRAGMA integrity_check")
            assert check[0] == "ok"
            assert await database.run("PRAGMA foreign_key_check") == []
            rows = await database.run("SELECT trigger_id, state FROM claims")
            found = {row["trigger_id"]: STEPS.index(ClaimState(row["state"])) for row in rows}
            assert all(found[trigger_id] >= step for trigger_id, step in reached.items())
            stored = {row["trigger_id"] for row in await database.run("SELECT trigger_id FROM turns")}
            assert stored == {trigger_id for trigger_id, step in found.items() if step >= 2}
            history = await SqliteTurnStore(database, FakeClock()).history(CHANNEL)
            assert [turn.chat_role for turn in history.turns] == ["user", "assistant"] * len(stored)
            [open_rows] = await database.run("SELECT count(*) FROM usage_ledger WHERE settled_micro_usd IS NULL")
            assert open_rows[0] == list(found.values()).count(STEPS.index(ClaimState.GENERATING))
            # What is left to do is exactly what has not ended.
            left = await SqliteTurnStore(database, FakeClock()).unfinished()
            assert {claim.question.trigger_id for claim in left} == {key for key, step in found.items() if step < 3}
            assert all((claim.reply is not None) == (claim.state is ClaimState.READY) for claim in left)
    assert len(reached) > ROUNDS
