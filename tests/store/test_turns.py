"""A trigger's way through the tables, once each, over restarts and double calls."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.conversation import (
    AttachedText,
    ChatOptions,
    ClaimState,
    ConversationKey,
    EndReason,
    Page,
    Quote,
    Reply,
    ReplyFile,
    ReplyKind,
    ReplyRoute,
    TriggerKind,
)
from bot.core.ports.turns import TurnStore
from bot.store.database import Database
from bot.store.questions import question_from_json, question_to_json, storable
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import (
    ANSWER,
    CHANNEL,
    NO_CAP,
    NOTICE,
    QUESTION,
    REPLY,
    RESERVATION,
    SETTLEMENT,
    answer,
    ask,
    billed,
    generate,
    open_database,
    state,
)

SLASH = replace(
    QUESTION,
    trigger_id=2002,
    kind=TriggerKind.INTERACTION,
    route=ReplyRoute(500, application_id=77, interaction_token="secret-token", ephemeral=True, single_page=True),
    conversation=ConversationKey(500, 900, member_id=42),
    quote=Quote("Other", "look: ζ 🦊"),
    options=ChatOptions(model="m", temperature=0.5, max_tokens=9, json=True, system_prompt="be brief"),
    show_question=True,
)


def test_the_store_fits_its_port(store: SqliteTurnStore) -> None:
    port: TurnStore = store
    assert port is store


async def test_a_trigger_is_claimed_once_however_often_it_comes(store: SqliteTurnStore) -> None:
    assert await store.claim(ask(1))
    outcomes = await asyncio.gather(*(store.claim(ask(trigger)) for trigger in (1, 2, 2, 2, 1)))
    assert outcomes.count(True) == 1
    await answer(store, ask(3))
    await store.finish(3)
    assert not await store.claim(ask(3))


@pytest.mark.parametrize("question", [QUESTION, SLASH, replace(QUESTION, conversation=None, guild_id=None)])
async def test_after_a_restart_a_claim_is_the_question_that_was_asked(path: Path, question: object) -> None:
    assert isinstance(question, type(QUESTION))
    async with open_database(path) as database:
        await SqliteTurnStore(database, FakeClock()).claim(question)
    async with open_database(path) as database:
        [claim] = await SqliteTurnStore(database, FakeClock()).unfinished()
    assert claim.question == question
    assert (claim.state, claim.generations, claim.message_ids, claim.reply) == (ClaimState.CLAIMED, 0, (), None)


async def test_after_a_restart_the_store_says_what_is_left(path: Path) -> None:
    reply = Reply(ReplyKind.ANSWER, (Page("one"), Page("two", (ReplyFile("answer.md", b"\x00\xff"),))))
    async with open_database(path) as database:
        store = SqliteTurnStore(database, FakeClock())
        await generate(store, ask(30))
        await store.begin(30, RESERVATION, caps=NO_CAP)
        await store.place(30, 0, 555)
        await generate(store, ask(20))
        await store.place(20, 1, 502)
        await store.place(20, 0, 500)
        await store.place(20, 0, 501)
        await store.complete(20, ANSWER, reply, SETTLEMENT, history=None)
        await store.claim(ask(40))
        await store.fail(40, "busy", "e1", NOTICE, billed=False)
        await store.place(40, 1, 600)  # page 0 is missing: nobody can say what this one shows
        for ended in (50, 51):
            await answer(store, ask(ended))
        await store.finish(50)
        await store.expire(51, "too old")
    async with open_database(path) as database:
        first, second, third = await SqliteTurnStore(database, FakeClock()).unfinished()
    assert (first.question, first.state, first.message_ids, first.reply) == (
        ask(20),
        ClaimState.READY,
        (501, 502),
        reply,
    )
    assert (second.question.trigger_id, second.state, second.generations, second.message_ids, second.reply) == (
        30,
        ClaimState.GENERATING,
        2,
        (555,),
        None,
    )
    assert (third.question.trigger_id, third.state, third.message_ids, third.reply) == (
        40,
        ClaimState.READY,
        (),
        NOTICE,
    )


async def test_an_answer_ends_done_and_a_notice_failed(database: Database, store: SqliteTurnStore) -> None:
    await answer(store, ask(1))
    await store.finish(1)
    await generate(store, ask(2))
    await store.fail(2, "provider_timeout", "e2", NOTICE, billed=True)
    await store.finish(2)
    await generate(store, ask(3))
    await store.expire(3, "too old")
    assert [await state(database, trigger) for trigger in (1, 2, 3)] == ["done", "failed", "expired"]
    rows = await database.run("SELECT reason, error_id FROM claims ORDER BY trigger_id")
    assert [tuple(row) for row in rows] == [(None, None), ("provider_timeout", "e2"), ("too old", None)]
    assert await store.unfinished() == []


Call = Callable[[SqliteTurnStore], Awaitable[object]]
OTHER = Reply(ReplyKind.ANSWER, (Page("another answer"),))


async def complete_again(store: SqliteTurnStore) -> None:
    history = await store.history(CHANNEL)
    await store.complete(1, replace(ANSWER, text="another answer"), OTHER, SETTLEMENT, history=history)


async def fail_again(store: SqliteTurnStore) -> None:
    await store.fail(1, "late", "e9", NOTICE, billed=False)


@pytest.mark.parametrize("again", [complete_again, fail_again])
async def test_the_first_reply_of_a_claim_stays(database: Database, store: SqliteTurnStore, again: Call) -> None:
    await answer(store, ask(1))
    await again(store)
    [claim] = await store.unfinished()
    assert claim.reply == REPLY
    assert [turn.text for turn in (await store.history(CHANNEL)).turns] == [QUESTION.text, ANSWER.text]
    assert await billed(database) == SETTLEMENT.micro_usd


@pytest.mark.parametrize("again", [complete_again, fail_again])
async def test_an_ended_claim_stays_ended(database: Database, store: SqliteTurnStore, again: Call) -> None:
    await answer(store, ask(1))
    await store.finish(1)
    await again(store)
    await store.finish(1)
    await store.expire(1, "late")
    assert await state(database, 1) == "done"
    assert await store.unfinished() == []
    assert await database.run("SELECT * FROM outbox") == []
    assert len((await store.history(CHANNEL)).turns) == 2


async def test_an_answer_after_its_claim_expired_is_paid_for_but_not_kept(
    database: Database, store: SqliteTurnStore
) -> None:
    history = await store.history(CHANNEL)
    await generate(store, ask(1))
    await store.expire(1, "too old")
    await store.complete(1, ANSWER, REPLY, SETTLEMENT, history=history)
    assert await state(database, 1) == "expired"
    assert (await store.history(CHANNEL)).turns == ()
    assert await billed(database) == SETTLEMENT.micro_usd


async def test_a_call_out_of_order_is_a_mistake_that_changes_nothing(
    database: Database, store: SqliteTurnStore
) -> None:
    calls: list[Call] = [
        lambda store: store.begin(1, RESERVATION, caps=NO_CAP),
        lambda store: store.complete(1, ANSWER, REPLY, SETTLEMENT, history=None),
        lambda store: store.fail(1, "late", "e9", NOTICE, billed=True),
        lambda store: store.finish(1),
        lambda store: store.expire(1, "late"),
    ]
    for call in calls:
        with pytest.raises(LookupError, match="claim 1 is unknown"):
            await call(store)
    await generate(store, ask(1))
    with pytest.raises(LookupError, match="claim 1 is generating"):
        await store.finish(1)
    await store.complete(1, ANSWER, REPLY, SETTLEMENT, history=None)
    with pytest.raises(LookupError, match="claim 1 is ready"):
        await store.begin(1, RESERVATION, caps=NO_CAP)
    assert await billed(database) == SETTLEMENT.micro_usd


async def test_a_failed_question_is_given_back_once_and_to_its_author(store: SqliteTurnStore) -> None:
    await store.claim(SLASH)
    await store.fail(SLASH.trigger_id, "rate_limited", "e1", NOTICE, billed=False)
    assert await store.take_failed(SLASH.trigger_id, SLASH.author_id) is None, "its notice is not delivered yet"
    await store.finish(SLASH.trigger_id)
    assert await store.take_failed(SLASH.trigger_id, 43) is None
    kept = await store.take_failed(SLASH.trigger_id, SLASH.author_id)
    assert kept == replace(SLASH, route=replace(SLASH.route, interaction_token=None))
    assert await store.take_failed(SLASH.trigger_id, SLASH.author_id) is None


async def test_two_presses_at_once_give_a_failed_question_back_once(store: SqliteTurnStore) -> None:
    await store.claim(ask(1))
    await store.fail(1, "rate_limited", "e1", NOTICE, billed=False)
    await store.finish(1)
    taken = await asyncio.gather(*(store.take_failed(1, 42) for _ in range(5)))
    assert [question is None for question in taken].count(False) == 1


async def test_only_a_retryable_notice_keeps_its_question(store: SqliteTurnStore) -> None:
    await store.claim(ask(1))
    await store.fail(1, "key_rejected", "e1", replace(NOTICE, retryable=False), billed=False)
    await store.finish(1)
    await answer(store, ask(2))
    await store.finish(2)
    assert await store.take_failed(1, 42) is None
    assert await store.take_failed(2, 42) is None


@pytest.mark.parametrize("reason", EndReason)
async def test_a_cut_answer_is_marked(database: Database, store: SqliteTurnStore, reason: EndReason) -> None:
    history = await store.history(CHANNEL)
    await generate(store, ask(1))
    await store.complete(1, replace(ANSWER, end_reason=reason), REPLY, SETTLEMENT, history=history)
    rows = await database.run("SELECT incomplete, message_id FROM turns ORDER BY turn_id")
    assert [tuple(row) for row in rows] == [(0, 1), (int(reason is not EndReason.STOP), None)]


# What Discord and a model can send: any code point, halves of surrogate pairs included.
anything = st.text(st.characters(codec=None), max_size=40)


@given(anything)
@settings(deadline=None)
def test_storable_text_is_the_text_where_it_is_text(text: str) -> None:
    stored = storable(text)
    stored.encode()
    try:
        text.encode()
    except UnicodeEncodeError:
        assert stored != text
    else:
        assert stored == text


@given(text=anything, name=anything)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_question_survives_its_storage(text: str, name: str) -> None:
    question = replace(SLASH, text=text, author_name=name, quote=Quote(name, text))
    read_back = question_from_json(question_to_json(question), "secret-token")
    assert read_back == replace(
        question,
        text=storable(text),
        author_name=storable(name),
        quote=Quote(storable(name), storable(text)),
    )


def test_halves_of_a_surrogate_pair_are_joined_and_lone_ones_replaced() -> None:
    assert storable("a\ud83e\udd8ab") == "a🦊b"
    assert storable("\ud83e!") == "\ufffd!"


async def test_text_with_lone_surrogates_and_nul_is_stored(store: SqliteTurnStore) -> None:
    text = "nul \x00 half \ud83e end"
    history = await store.history(CHANNEL)
    await generate(store, ask(1, text=text))
    reply = Reply(ReplyKind.ANSWER, (Page(text),))
    await store.complete(1, replace(ANSWER, text=text), reply, SETTLEMENT, history=history)
    assert {turn.text for turn in (await store.history(CHANNEL)).turns} == {"nul \x00 half \ufffd end"}


def test_a_question_of_another_version_is_read() -> None:
    written = question_to_json(QUESTION)
    newer = written.replace('"text":', '"mood": "good", "text":').replace('"json":', '"stars": 5, "json":')
    assert newer != written
    assert question_from_json(newer, None) == QUESTION
    older = written.replace(', "show_question": false', "").replace(', "single_page": false', "")
    assert older != written
    assert question_from_json(older, None) == QUESTION


def test_the_token_is_never_part_of_the_json() -> None:
    assert "secret-token" not in question_to_json(SLASH)


async def test_what_was_read_from_files_is_kept_with_the_question(store: SqliteTurnStore) -> None:
    question = replace(QUESTION, unread_files=True)
    await store.claim(question)
    attached = (AttachedText("a.txt", "text", 3, "lone \ud800 half", cut=True),)
    options = ChatOptions(json=True, schema='{"type": "object"}', schema_name="book")
    await store.revise(replace(question, text="not its words", attachments=attached, options=options))
    (claim,) = await store.unfinished()
    kept = replace(attached[0], text="lone \ufffd half")
    assert claim.question == replace(question, attachments=(kept,), options=options, unread_files=False)
    history = await store.history(CHANNEL)
    await store.begin(1001, RESERVATION, caps=NO_CAP)
    await store.complete(1001, ANSWER, REPLY, SETTLEMENT, history=history)
    asked, answered = (await store.history(CHANNEL)).turns
    assert (asked.attachments, answered.attachments) == ((kept,), ())


async def test_a_generation_that_goes_on_is_settled_by_itself(store: SqliteTurnStore, database: Database) -> None:
    await store.claim(QUESTION)
    await store.begin(1001, RESERVATION, caps=NO_CAP)
    await store.settle_attempt(1001, SETTLEMENT)
    await store.begin(1001, RESERVATION, caps=NO_CAP)
    await store.complete(1001, ANSWER, REPLY, replace(SETTLEMENT, micro_usd=7), history=None)
    rows = await database.run("SELECT attempt, settled_micro_usd FROM usage_ledger ORDER BY attempt", {})
    assert [tuple(row) for row in rows] == [(1, 400), (2, 7)]


async def test_a_question_that_goes_on_elsewhere_is_answered_there_after_a_crash(
    database: Database, store: SqliteTurnStore
) -> None:
    route = ReplyRoute(channel_id=500, application_id=5, interaction_token="token", response_id=77)
    question = ask(1, kind=TriggerKind.INTERACTION, route=route)
    assert await store.claim(question)
    moved = replace(question, route=ReplyRoute(channel_id=501), conversation=ConversationKey(501, 900))
    await store.move(moved)
    [claim] = await store.unfinished()
    assert (claim.question.route.channel_id, claim.question.conversation) == (501, moved.conversation)
    assert claim.message_ids == (), "nothing is shown there yet"
    [row] = await database.run("SELECT channel_id FROM claims")
    assert row["channel_id"] == 501
    await store.begin(1, RESERVATION, caps=NO_CAP)
    with pytest.raises(LookupError):
        await store.move(question)


async def test_of_two_deliveries_at_the_same_moment_one_is_claimed_a_thousand_times(store: SqliteTurnStore) -> None:
    """Live and by a look at the history: both come to the same claim, in any order and any number of steps apart."""

    async def deliver(trigger_id: int, steps: int) -> bool:
        for _ in range(steps):
            await asyncio.sleep(0)
        return await store.claim(ask(trigger_id))

    for seed in range(1000):
        choose = random.Random(seed)
        won = await asyncio.gather(*(deliver(seed + 1, choose.randrange(8)) for _ in range(2)))
        assert sorted(won) == [False, True], f"seed {seed}"
