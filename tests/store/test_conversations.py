"""History: whole pairs, of one conversation, of one epoch."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path

from bot.core.caps import CapScope
from bot.core.conversation import ChatRole, ConversationKey, History, Quote, Turn
from bot.store import turn_sql
from bot.store.database import Database
from bot.store.reserving import RESERVE, SPENT_BY
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import ANSWER, CHANNEL, QUESTION, REPLY, SETTLEMENT, answer, ask, generate, open_database


async def texts(store: SqliteTurnStore, key: ConversationKey = CHANNEL) -> list[str]:
    return [turn.text for turn in (await store.history(key)).turns]


async def test_a_new_conversation_is_made_once(store: SqliteTurnStore) -> None:
    found = await asyncio.gather(*(store.history(CHANNEL) for _ in range(5)))
    assert set(found) == {History(found[0].conversation_id, found[0].epoch, ())}


async def test_turns_keep_who_asked_what_when_about_what(store: SqliteTurnStore) -> None:
    await answer(store, ask(1, quote=Quote("Other", "earlier words")))
    question, reply = (await store.history(CHANNEL)).turns
    asked_at = QUESTION.asked_at
    quote = Quote("Other", "earlier words")
    assert question == Turn(
        question.turn_id, ChatRole.USER, QUESTION.text, "Asker", quote, asked_at, trigger_id=1, author_id=42
    )
    assert reply == Turn(reply.turn_id, ChatRole.ASSISTANT, ANSWER.text, trigger_id=1)
    assert question.turn_id < reply.turn_id


async def test_words_never_change_a_role(store: SqliteTurnStore) -> None:
    await answer(store, ask(1, text="assistant", author_name="system"), "user")
    assert [turn.chat_role for turn in (await store.history(CHANNEL)).turns] == [ChatRole.USER, ChatRole.ASSISTANT]


async def test_turns_are_in_the_order_of_completion(store: SqliteTurnStore) -> None:
    history = await store.history(CHANNEL)
    for trigger_id in (1, 2, 3):
        await generate(store, ask(trigger_id, text=f"q{trigger_id}"))
    for trigger_id in (3, 1, 2):
        await store.complete(trigger_id, replace(ANSWER, text=f"a{trigger_id}"), REPLY, SETTLEMENT, history=history)
    assert await texts(store) == ["q3", "a3", "q1", "a1", "q2", "a2"]


async def test_a_question_without_its_answer_is_never_history(store: SqliteTurnStore) -> None:
    await store.claim(ask(1))
    assert await texts(store) == []
    await generate(store, ask(2))
    assert await texts(store) == []
    await store.fail(2, "rate_limited", "e1", REPLY, billed=False)
    await store.finish(2)
    assert await texts(store) == []


async def test_a_one_shot_question_leaves_no_turn(database: Database, store: SqliteTurnStore) -> None:
    await answer(store, ask(1, conversation=None))
    await store.finish(1)
    assert await database.run("SELECT * FROM turns") == []


async def test_history_survives_a_restart(path: Path) -> None:
    async with open_database(path) as database:
        store = SqliteTurnStore(database, FakeClock())
        await answer(store, ask(1))
        before = await store.history(CHANNEL)
    async with open_database(path) as database:
        assert await SqliteTurnStore(database, FakeClock()).history(CHANNEL) == before
    assert len(before.turns) == 2


async def test_trimmed_turns_stay_stored_but_are_not_history(database: Database, store: SqliteTurnStore) -> None:
    for trigger_id in (1, 2, 3):
        await answer(store, ask(trigger_id, text=f"q{trigger_id}"), f"a{trigger_id}")
    history = await store.history(CHANNEL)
    await store.trim(history.conversation_id, history.turns[4].turn_id)
    assert await texts(store) == ["q3", "a3"]
    await store.trim(history.conversation_id, history.turns[2].turn_id)
    assert await texts(store) == ["q3", "a3"], "a turn that finished late does not bring old ones back"
    [row] = await database.run("SELECT count(*) FROM turns")
    assert row[0] == 6


async def test_a_reset_deletes_the_turns_of_one_conversation(database: Database, store: SqliteTurnStore) -> None:
    other = ConversationKey(501, 900)
    await answer(store, ask(1))
    await answer(store, ask(2, conversation=other, text="stays"))
    before = await store.history(CHANNEL)
    await store.reset(CHANNEL)
    after = await store.history(CHANNEL)
    assert after == History(before.conversation_id, before.epoch + 1, ())
    assert (await texts(store, other))[0] == "stays"
    [row] = await database.run("SELECT count(*) FROM turns")
    assert row[0] == 2
    await store.reset(ConversationKey(999))  # nobody ever talked there


async def test_an_answer_from_before_a_reset_is_shown_but_not_stored(store: SqliteTurnStore) -> None:
    history = await store.history(CHANNEL)
    await generate(store, ask(1))
    await store.reset(CHANNEL)
    await store.complete(1, ANSWER, REPLY, SETTLEMENT, history=history)
    assert await texts(store) == []
    [claim] = await store.unfinished()
    assert claim.reply == REPLY


async def test_a_trim_from_before_a_reset_hides_nothing(store: SqliteTurnStore) -> None:
    await answer(store, ask(1))
    old = await store.history(CHANNEL)
    await store.reset(CHANNEL)
    await answer(store, ask(2, text="new"), "words")
    await store.trim(old.conversation_id, old.turns[-1].turn_id)
    assert await texts(store) == ["new", "words"], "turn ids are never used twice"


async def test_conversations_do_not_mix(store: SqliteTurnStore) -> None:
    """H12: a canary of one conversation is never in another's history, over channels, members, servers and resets."""
    keys = [
        ConversationKey(channel, guild, member)
        for channel, guild in ((500, 900), (501, 900), (502, 901), (503, None))
        for member in (None, 42, 43)
    ]
    choose = random.Random(5)
    expected: dict[ConversationKey, list[str]] = {key: [] for key in keys}
    histories = {key: await store.history(key) for key in keys}
    for trigger_id in range(1, 150):
        key = choose.choice(keys)
        canary = f"canary-{keys.index(key)}-{trigger_id}"
        if choose.random() < 0.05:
            await store.reset(key)
            histories[key] = await store.history(key)
            expected[key] = []
        await generate(store, ask(trigger_id, conversation=key, text=canary))
        await store.complete(trigger_id, replace(ANSWER, text=canary), REPLY, SETTLEMENT, history=histories[key])
        expected[key] += [canary, canary]
    for key in keys:
        assert await texts(store, key) == expected[key]


async def plan(database: Database, sql: str, **parameters: int) -> str:
    rows = await database.run(f"EXPLAIN QUERY PLAN {sql}", parameters)
    return "\n".join(row["detail"] for row in rows)


async def test_what_every_turn_asks_stays_flat_as_the_tables_grow(database: Database) -> None:
    """Each is a walk along an index: no scan of a table, no sorting of one."""
    zeros = dict.fromkeys(("channel_id", "member_id", "trigger_id", "run_id", "micro_usd", "now"), 0)
    history = await plan(database, turn_sql.HISTORY, **zeros)
    assert "INDEX turns_by_conversation (conversation_id=? AND turn_id>?)" in history
    assert "SCAN" not in history
    assert "TEMP B-TREE" not in history
    reserve = await plan(database, RESERVE, **zeros, capability=0, model=0, author_id=0, guild_id=0)
    assert "SEARCH usage_ledger USING" in reserve
    assert "(trigger_id=?)" in reserve
    assert "SCAN" not in reserve.replace("SCAN CONSTANT ROW", "")
    for scope, index in {
        CapScope.BOT: "usage_by_time (created_at>?)",
        CapScope.SERVER: "usage_by_guild (guild_id=? AND created_at>?)",
        CapScope.MEMBER: "usage_by_author (author_id=? AND created_at>?)",
    }.items():
        assert await plan(database, SPENT_BY[scope], since=0, scope_id=0) == (
            f"SEARCH usage_ledger USING COVERING INDEX {index}"
        )
    for small_table in (
        turn_sql.UNFINISHED,
        turn_sql.UNFINISHED_PLACES,
        turn_sql.SWEEP_TOKENS,
        turn_sql.SWEEP_QUESTIONS,
    ):
        walk = await plan(database, small_table, before=0)
        assert walk.count("SCAN") == walk.count("SCAN pending")
