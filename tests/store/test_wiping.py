"""What is wiped is gone from the disk: secure_delete, and a write-ahead log that is emptied."""

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.conversation import Page, Reply, ReplyFile, ReplyKind, ReplyRoute
from bot.store.database import Database
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import ANSWER, CHANNEL, NOTICE, SETTLEMENT, answer, ask, generate, read


def on_disk(path: Path) -> bytes:
    """Return every byte of the database and of the files beside it."""
    return b"".join(read(file) for file in sorted(path.parent.iterdir()))


def secret_route(canary: str) -> ReplyRoute:
    return ReplyRoute(500, application_id=77, interaction_token=f"{canary}-token")


async def make_ready(store: SqliteTurnStore, trigger_id: int, canary: str, *, padding: int = 0) -> None:
    text = f"{canary}-text" + "." * padding
    pages = (Page(f"{canary}-page"), Page("", (ReplyFile(f"{canary}.md", f"{canary}-file".encode() + b"." * padding),)))
    reply = Reply(ReplyKind.ANSWER, pages)
    await generate(store, ask(trigger_id, text=text, author_name=f"{canary}-name", route=secret_route(canary)))
    await store.complete(trigger_id, replace(ANSWER, text=text), reply, SETTLEMENT, history=None)


async def test_after_the_end_nothing_of_a_one_shot_question_is_on_the_disk(
    database: Database, store: SqliteTurnStore, path: Path
) -> None:
    await make_ready(store, 1, "canary")
    assert b"canary-token" in on_disk(path)
    assert b"canary-file" in on_disk(path)
    await store.finish(1)
    await database.checkpoint()
    assert b"canary" not in on_disk(path)


async def test_expiry_wipes_as_well(store: SqliteTurnStore, path: Path) -> None:
    await make_ready(store, 1, "canary")
    await store.expire(1, "not delivered in time")
    await generate(store, ask(2, text="canary", route=secret_route("canary")))
    await store.expire(2, "too old")
    await store.sweep()
    assert b"canary" not in on_disk(path)


# With these, bytes stayed behind as long as sweep did not write its two tables anew.
@pytest.mark.parametrize("seed", [6, 22])
async def test_nothing_is_left_behind_when_pages_were_shuffled(store: SqliteTurnStore, path: Path, seed: int) -> None:
    """Rows of all sizes come and go in any order, so that SQLite splits, joins and moves its pages."""
    choose = random.Random(seed)
    waiting: list[int] = []
    ended: list[int] = []
    for trigger_id in choose.sample(range(10**9), k=150):
        await make_ready(
            store, trigger_id, f"canary-{trigger_id:010}", padding=choose.choice((0, 100, 700, 3000, 9000))
        )
        waiting.append(trigger_id)
        while choose.random() < 0.4:
            ended.append(waiting.pop(choose.randrange(len(waiting))))
            await store.finish(ended[-1])
            if not waiting:
                break
    await store.sweep()
    disk = on_disk(path)
    assert [trigger_id for trigger_id in ended if f"canary-{trigger_id:010}".encode() in disk] == []
    assert [claim.question.trigger_id for claim in await store.unfinished()] == sorted(waiting)


async def test_a_conversation_keeps_the_words_until_it_is_reset(store: SqliteTurnStore, path: Path) -> None:
    for trigger_id in range(1, 40):
        await answer(store, ask(trigger_id, text="canary " * trigger_id, author_name="canary"), "canary " * 50)
        await store.finish(trigger_id)
    await store.sweep()
    assert b"canary" in on_disk(path)
    await store.reset(CHANNEL)
    await store.sweep()
    assert b"canary" not in on_disk(path)


async def test_a_kept_question_goes_when_it_is_taken(store: SqliteTurnStore, path: Path) -> None:
    await store.claim(ask(1, text="canary", route=secret_route("hidden")))
    await store.fail(1, "rate_limited", "e1", NOTICE, billed=False)
    await store.finish(1)
    await store.sweep()
    assert b"canary" in on_disk(path)
    assert b"hidden" not in on_disk(path), "the token is wiped with the notice's delivery"
    assert await store.take_failed(1, 42) is not None
    await store.sweep()
    assert b"canary" not in on_disk(path)


async def test_a_kept_question_goes_after_a_day(store: SqliteTurnStore, clock: FakeClock, path: Path) -> None:
    await store.claim(ask(1, text="canary"))
    await store.fail(1, "rate_limited", "e1", NOTICE, billed=False)
    await store.finish(1)
    clock.advance(timedelta(hours=24))
    await store.sweep()
    assert b"canary" in on_disk(path)
    clock.advance(timedelta(milliseconds=1))
    await store.sweep()
    assert await store.take_failed(1, 42) is None
    assert b"canary" not in on_disk(path)


async def test_a_token_goes_after_fifteen_minutes_and_the_question_stays(
    store: SqliteTurnStore, clock: FakeClock, path: Path
) -> None:
    question = ask(1, route=secret_route("canary"))
    await generate(store, question)
    clock.advance(timedelta(minutes=15))
    await store.sweep()
    [claim] = await store.unfinished()
    assert claim.question == question
    clock.advance(timedelta(milliseconds=1))
    await store.sweep()
    [claim] = await store.unfinished()
    assert claim.question == replace(question, route=replace(question.route, interaction_token=None))
    assert b"canary" not in on_disk(path)


async def test_an_old_unfinished_question_is_not_wiped(store: SqliteTurnStore, clock: FakeClock) -> None:
    """It still has to end with an answer or a notice."""
    await generate(store, ask(1))
    clock.advance(timedelta(days=3))
    await store.sweep()
    [claim] = await store.unfinished()
    assert claim.question == ask(1)
