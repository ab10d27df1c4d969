"""Tasks and their results: files of replies, what the buttons under them need, replies that wait for their asker."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.conversation import Page, Reply, ReplyFile, ReplyKind, ReplyRoute, TriggerKind, VoiceNote
from bot.core.ports.money import MediaUsage, Settlement
from bot.core.tasks import PictureAction, PictureTask, SoundAction, SoundTask, SpeechTask, Task
from bot.store.database import Database
from bot.store.migrations import migrate
from bot.store.questions import question_from_json, question_to_json
from bot.store.retention import Retention
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import MIGRATIONS, QUESTION, answer, billed, generate, read, state

PICTURES = Reply(
    ReplyKind.ANSWER,
    (
        Page(
            "Two pictures.",
            (
                ReplyFile("picture-1.png", b"canary-one", description="A red kite", spoiler=True),
                ReplyFile("picture-2.png", b"canary-two"),
            ),
        ),
        Page("", (ReplyFile("voice-message.ogg", b"OggS", voice=VoiceNote(1.5, bytes(range(256)))),)),
    ),
)
COST = Settlement(700, MediaUsage(input_tokens=9, pictures=2), "2026-01")
QUESTION_OF_TASK = replace(
    QUESTION,
    kind=TriggerKind.INTERACTION,
    conversation=None,
    route=ReplyRoute(500, application_id=7, interaction_token="canary-token", response_id=8, ephemeral=True),
    text="canary-prompt",
    task=PictureTask(action=PictureAction.EDIT, count=2, size="1024x1024", spoiler=True),
)


async def done(store: SqliteTurnStore, trigger_id: int = 1001, author_id: int = 42) -> None:
    """Bring a task to READY."""
    question = replace(QUESTION_OF_TASK, trigger_id=trigger_id, author_id=author_id)
    await generate(store, question)
    await store.complete_task(question, PICTURES, COST, result_text="what was said")


async def test_a_reply_keeps_its_files_over_a_restart(store: SqliteTurnStore, database: Database) -> None:
    await done(store)
    [claim] = await store.unfinished()
    assert claim.reply == PICTURES
    assert claim.question == QUESTION_OF_TASK
    assert await billed(database) == 700


async def test_when_it_is_delivered_its_bytes_are_gone_and_the_task_stays(
    store: SqliteTurnStore, database: Database, path: Path
) -> None:
    await done(store)
    await store.finish(1001)
    await store.sweep()
    kept = await store.kept_task(1001)
    assert kept is not None
    assert (kept.text, kept.task, kept.private) == ("canary-prompt", QUESTION_OF_TASK.task, True)
    assert (kept.author_id, kept.channel_id, kept.result_text) == (42, 500, "what was said")
    assert not await database.run("SELECT * FROM outbox_files")
    on_disk = b"".join(read(file) for file in sorted(path.parent.iterdir()))
    assert b"canary-one" not in on_disk
    assert b"canary-token" not in on_disk


@pytest.mark.parametrize("days", [7, 90])
async def test_a_task_is_forgotten_when_somebody_wishes_and_with_what_is_kept_of_its_age(
    database: Database, store: SqliteTurnStore, clock: FakeClock, path: Path, days: int
) -> None:
    keeper = Retention(database, clock, days=days)
    for trigger_id in (1, 2):
        await done(store, trigger_id)
        await store.finish(trigger_id)
    await store.forget_task(1)
    assert await store.kept_task(1) is None
    clock.advance(timedelta(days=days))
    await keeper.purge()
    assert await store.kept_task(2) is not None
    clock.advance(timedelta(seconds=1))
    assert (await keeper.purge())["tasks"] == 1
    assert await store.kept_task(2) is None
    await store.sweep()
    assert b"canary-prompt" not in b"".join(read(file) for file in sorted(path.parent.iterdir()))


async def test_a_parked_reply_waits_for_its_asker_alone(store: SqliteTurnStore, database: Database) -> None:
    await done(store, 1)
    await done(store, 2, author_id=43)
    await store.park(1)
    assert [claim.question.trigger_id for claim in await store.unfinished()] == [2]
    assert await store.parked_authors() == {42}
    assert await store.parked(43) == []
    [claim] = await store.parked(42)
    assert claim.reply == PICTURES
    assert claim.question.route.interaction_token is None
    await store.finish(1)
    assert await state(database, 1) == "done"
    assert await store.parked_authors() == frozenset()
    assert await store.parked(42) == []


async def test_a_parked_reply_waits_a_week(store: SqliteTurnStore, database: Database, clock: FakeClock) -> None:
    await done(store)
    await store.park(1001)
    clock.advance(timedelta(days=6))
    await store.sweep()
    assert len(await store.parked(42)) == 1
    clock.advance(timedelta(days=2))
    await store.sweep()
    assert await state(database, 1001) == "expired"
    assert not await store.parked_authors()
    assert not await database.run("SELECT * FROM outbox_files")


async def test_a_sweep_leaves_large_files_that_wait_where_they_are(store: SqliteTurnStore) -> None:
    large = Reply(ReplyKind.ANSWER, (Page("", (ReplyFile("p.png", b"x" * 17 * 1024 * 1024),)),))
    await generate(store, QUESTION_OF_TASK)
    await store.complete_task(QUESTION_OF_TASK, large, COST)
    await store.sweep()
    [claim] = await store.unfinished()
    assert claim.reply == large


@pytest.mark.parametrize(
    "task",
    [
        PictureTask(quality="hd", style="vivid", background="transparent", file_format="webp"),
        SpeechTask(voice="cedar", speed=1.5, instructions="slowly"),
        SoundTask(action=SoundAction.TRANSLATE, keywords=("Parley", "cog"), to="French", speak=True),
    ],
    ids=lambda task: type(task).__name__,
)
def test_every_task_comes_back_as_it_was(task: Task) -> None:
    question = replace(QUESTION, task=task)
    assert question_from_json(question_to_json(question), None) == question


def schema_before(folder: Path) -> Path:
    shutil.copytree(MIGRATIONS, folder)
    for file in folder.glob("*.sql"):
        if file.name >= "0006":
            file.unlink()
    return folder


async def test_an_outbox_of_the_schema_before_is_taken_along(tmp_path: Path) -> None:
    before = schema_before(tmp_path / "before")
    clock = FakeClock()
    database = await Database.open(tmp_path / "parley.db")
    try:
        await migrate(database, before, clock=clock)
        await database.run(
            "INSERT INTO claims (trigger_id, state, author_id, channel_id, reply_kind, claimed_at, updated_at)"
            " VALUES (1, 'ready', 42, 500, 'answer', 0, 0)"
        )
        await database.run(
            "INSERT INTO pending (trigger_id, claimed_at, question) VALUES (1, 0, :question)",
            {"question": question_to_json(replace(QUESTION, trigger_id=1))},
        )
        await database.run("INSERT INTO outbox VALUES (1, 0, 'a beginning', 'answer.md', x'616263')")
        await migrate(database, MIGRATIONS, clock=clock)
        store = SqliteTurnStore(database, clock)
        [claim] = await store.unfinished()
        assert claim.reply is not None
        assert claim.reply.pages == (Page("a beginning", (ReplyFile("answer.md", b"abc"),)),)
        await answer(store, replace(QUESTION, trigger_id=2))
    finally:
        await database.close()
