"""Conversations looked at and changed: whose turns, which copies, what the notes still know."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.conversation import (
    Answer,
    AttachedText,
    ChatOptions,
    ConversationKey,
    EndReason,
    Page,
    Question,
    Quote,
    Reply,
    ReplyKind,
    ReplyRoute,
    TriggerKind,
)
from bot.core.errors.refusals import BeingAnswered, NotYours, UnknownTurn
from bot.core.kept import KeptTurn, Member, Undone
from bot.store.conversations import SqliteConversationStore
from bot.store.database import Database
from bot.store.folds import SqliteFoldStore
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import (
    ANSWER,
    CHANNEL,
    NOTICE,
    REPLY,
    SETTLEMENT,
    answer,
    ask,
    billed,
    generate,
    state,
)

THREAD = ConversationKey(channel_id=501, guild_id=900)
ASKER, OTHER = Member(42, is_moderator=False), Member(43, is_moderator=False)
MODERATOR = Member(1, is_moderator=True)


@pytest.fixture
def kept(database: Database, clock: FakeClock) -> SqliteConversationStore:
    return SqliteConversationStore(database, clock)


async def texts(store: SqliteTurnStore, key: ConversationKey = CHANNEL) -> list[str]:
    return [turn.text for turn in (await store.history(key)).turns]


async def asked(store: SqliteTurnStore, *trigger_ids: int, **changes: object) -> None:
    """Ask and answer: q1 with a1, and so on."""
    for trigger_id in trigger_ids:
        await answer(store, ask(trigger_id, text=f"q{trigger_id}", **changes), f"a{trigger_id}")
        await store.finish(trigger_id)


async def turn_of(kept: SqliteConversationStore, trigger_id: int) -> KeptTurn:
    turn = await kept.find(trigger_id, channel_id=CHANNEL.channel_id)
    assert turn is not None
    return turn


def again(turn: KeptTurn, trigger_id: int, *, in_place: bool = False) -> Question:
    route = ReplyRoute(channel_id=500)
    asked_at = ask(1).asked_at
    return turn.asked_again(trigger_id=trigger_id, route=route, asked_at=asked_at, by=42, in_place=in_place)


async def fold(database: Database, store: SqliteTurnStore, pairs: int) -> None:
    history = await store.history(CHANNEL)
    assert await SqliteFoldStore(database).fold(history, history.turns[: 2 * pairs], "notes")


# Looking


async def test_a_turn_is_found_as_it_was_asked(store: SqliteTurnStore, kept: SqliteConversationStore) -> None:
    question = ask(
        1,
        options=ChatOptions(model="m", temperature=0.5),
        quote=Quote("Other", "earlier"),
        attachments=(AttachedText("a.txt", "text", 3, "abc"),),
    )
    await answer(store, question)
    await store.place(1, 0, 70)
    await store.place(1, 1, 71)
    await store.finish(1)
    turn = await turn_of(kept, 1)
    assert (turn.author_id, turn.text, turn.answer, turn.message_id) == (42, question.text, ANSWER.text, 1)
    assert (turn.options, turn.quote, turn.attachments) == (question.options, question.quote, question.attachments)
    assert turn.shown_ids == (70, 71)
    assert turn.is_latest
    assert again(turn, 9).options == question.options
    assert again(turn, 9).source_message_id == 1
    await asked(store, 2)
    assert not (await turn_of(kept, 1)).is_latest
    assert (await kept.latest(CHANNEL)) == await turn_of(kept, 2)
    assert await kept.find(1, channel_id=501) is None
    assert await kept.find(99, channel_id=500) is None


async def test_an_overview_counts_what_was_asked_and_paid_here(
    store: SqliteTurnStore, kept: SqliteConversationStore, clock: FakeClock
) -> None:
    assert await kept.overview(CHANNEL) is None
    await store.history(CHANNEL)
    assert await kept.overview(CHANNEL) is None
    since = clock.now()
    await asked(store, 1)
    clock.advance(timedelta(hours=1))
    await asked(store, 2)
    overview = await kept.overview(CHANNEL)
    assert overview is not None
    assert (overview.turns, overview.micro_usd, overview.since) == (2, 2 * SETTLEMENT.micro_usd, since)
    await kept.copy(await turn_of(kept, 2), THREAD)
    copied = await kept.overview(THREAD)
    assert copied is not None
    assert (copied.turns, copied.micro_usd) == (2, 0), "the copy was paid for in the channel"


# Asked again


async def test_a_new_answer_takes_the_old_ones_place(
    database: Database, store: SqliteTurnStore, kept: SqliteConversationStore
) -> None:
    await asked(store, 1, 2)
    await store.place(2, 0, 70)
    question = again(await turn_of(kept, 2), 9, in_place=True)
    history = await store.history(CHANNEL)
    assert [turn.text for turn in history.without(2).turns] == ["q1", "a1"]
    await generate(store, question)
    [claim] = await store.unfinished()
    assert claim.question == question
    assert claim.message_ids == (70,), "what shows the old answer shows the new one, also after a crash"
    await store.complete(9, replace(ANSWER, text="better"), REPLY, SETTLEMENT, history=history)
    assert await texts(store) == ["q1", "a1", "q2", "better"]


def unkept() -> Reply:
    return Reply(ReplyKind.ANSWER, (Page("not kept"),))


@pytest.mark.parametrize("meanwhile", ["another turn", "reset"])
async def test_what_is_no_longer_the_latest_is_not_replaced(
    store: SqliteTurnStore, kept: SqliteConversationStore, meanwhile: str
) -> None:
    await asked(store, 1)
    await generate(store, again(await turn_of(kept, 1), 9))
    history = await store.history(CHANNEL)
    if meanwhile == "reset":
        await kept.reset(CHANNEL, by=MODERATOR)
    else:
        await asked(store, 2)
    before = await texts(store)
    reply = await store.complete(9, ANSWER, REPLY, SETTLEMENT, history=history, unkept=unkept)
    assert reply == unkept()
    [claim] = await store.unfinished()
    assert claim.reply == unkept()
    assert await texts(store) == before


@pytest.mark.parametrize("about", ["replaces", "continues"])
async def test_a_turn_is_answered_again_by_one_claim_at_a_time(
    store: SqliteTurnStore, kept: SqliteConversationStore, about: str
) -> None:
    await asked(store, 1)
    first = ask(8, kind=TriggerKind.INTERACTION, **{about: 1})
    await generate(store, first)
    for other in ("replaces", "continues"):
        with pytest.raises(BeingAnswered):
            await store.claim(ask(9, kind=TriggerKind.INTERACTION, **{other: 1}))
    assert [claim.question.trigger_id for claim in await store.unfinished()] == [8]
    assert not await store.claim(first), "the same trigger again is nothing new"
    for refused in (kept.delete(1, channel_id=CHANNEL.channel_id, by=ASKER), kept.undo(CHANNEL, 1, by=ASKER)):
        with pytest.raises(BeingAnswered):
            await refused
    await store.fail(8, "rate_limited", "e1", NOTICE, billed=False)
    await store.finish(8)
    assert await store.claim(ask(9, kind=TriggerKind.INTERACTION, **{about: 1}))


async def test_whether_an_answer_goes_on_survives(store: SqliteTurnStore) -> None:
    await generate(store, ask(1))
    cut = replace(ANSWER, end_reason=EndReason.LENGTH)
    reply = Reply(ReplyKind.ANSWER, (Page("half"),), incomplete=True)
    await store.complete(1, cut, reply, SETTLEMENT, history=None)
    [claim] = await store.unfinished()
    assert claim.reply == reply


# Taken back


async def test_only_a_moderator_resets_what_others_said(store: SqliteTurnStore, kept: SqliteConversationStore) -> None:
    await asked(store, 1)
    await asked(store, 2, author_id=43)
    assert not await kept.is_owned(CHANNEL, by=ASKER)
    with pytest.raises(NotYours):
        await kept.reset(CHANNEL, by=ASKER)
    assert len(await texts(store)) == 4
    epoch = (await store.history(CHANNEL)).epoch
    assert await kept.reset(CHANNEL, by=MODERATOR) == 2
    assert (await store.history(CHANNEL)).epoch == epoch + 1
    assert await texts(store) == []
    await asked(store, 3)
    assert await kept.is_owned(CHANNEL, by=ASKER)
    assert await kept.reset(CHANNEL, by=ASKER) == 1


async def test_a_first_answer_that_grows_is_its_askers(store: SqliteTurnStore, kept: SqliteConversationStore) -> None:
    question = ask(1)
    await generate(store, question)
    history = await store.history(CHANNEL)
    with pytest.raises(NotYours):
        await kept.reset(CHANNEL, by=OTHER)
    own = replace(CHANNEL, member_id=OTHER.member_id)
    await store.history(own)
    assert await kept.reset(own, by=OTHER) == 0, "another conversation in the same channel"
    assert (await store.history(CHANNEL)).epoch == history.epoch
    assert await kept.reset(CHANNEL, by=ASKER) == 0
    assert await kept.reset(CHANNEL, by=MODERATOR) == 0
    assert (await store.history(CHANNEL)).epoch == history.epoch + 2
    await store.expire(1, "given up")
    assert await kept.reset(CHANNEL, by=OTHER) == 0


async def test_undo_goes_back_to_the_first_of_somebody_else(
    store: SqliteTurnStore, kept: SqliteConversationStore
) -> None:
    await asked(store, 1)
    await asked(store, 2, author_id=43)
    await asked(store, 3, 4)
    assert await kept.undo(CHANNEL, 1, by=ASKER) == Undone(1, stopped_at_others=False)
    assert await kept.undo(CHANNEL, 10, by=ASKER) == Undone(1, stopped_at_others=True)
    assert await texts(store) == ["q1", "a1", "q2", "a2"]
    assert await kept.undo(CHANNEL, 10, by=MODERATOR) == Undone(2, stopped_at_others=False)
    assert await kept.undo(CHANNEL, 10, by=MODERATOR) == Undone(0, stopped_at_others=False)


async def test_delete_checks_whose_it_is_and_names_the_messages(
    store: SqliteTurnStore, kept: SqliteConversationStore
) -> None:
    await asked(store, 1, 2)
    await store.place(1, 0, 70)
    await store.place(1, 1, 71)
    await kept.copy(await turn_of(kept, 2), THREAD)
    with pytest.raises(UnknownTurn):
        await kept.delete(99, channel_id=CHANNEL.channel_id, by=MODERATOR)
    with pytest.raises(NotYours):
        await kept.delete(1, channel_id=CHANNEL.channel_id, by=OTHER)
    assert list(await kept.delete(1, channel_id=CHANNEL.channel_id, by=ASKER)) == [70, 71]
    assert await texts(store) == await texts(store, THREAD) == ["q2", "a2"]
    assert list(await kept.delete(1, channel_id=CHANNEL.channel_id, by=ASKER)) == [70, 71], (
        "pressed again: nothing is left to forget"
    )


async def test_deleting_an_answer_that_was_not_kept_forgets_the_one_that_was(
    store: SqliteTurnStore, kept: SqliteConversationStore
) -> None:
    await asked(store, 1)
    await store.place(1, 0, 70)
    await generate(store, again(await turn_of(kept, 1), 9, in_place=True))
    history = await store.history(CHANNEL)
    await asked(store, 2)
    await store.complete(9, ANSWER, REPLY, SETTLEMENT, history=history, unkept=unkept)
    with pytest.raises(BeingAnswered):
        await kept.delete(9, channel_id=CHANNEL.channel_id, by=ASKER)
    await store.place(9, 1, 71)
    await store.finish(9)
    with pytest.raises(NotYours):
        await kept.delete(9, channel_id=CHANNEL.channel_id, by=OTHER)
    assert sorted(await kept.delete(9, channel_id=CHANNEL.channel_id, by=ASKER)) == [70, 71]
    assert await texts(store) == ["q2", "a2"]


async def test_the_pages_that_brought_an_answer_back_are_deleted_with_it(
    store: SqliteTurnStore, kept: SqliteConversationStore
) -> None:
    await asked(store, 1)
    await store.place(1, 0, 70)
    await generate(store, again(await turn_of(kept, 1), 9, in_place=True))
    await store.fail(9, "rate_limited", "e1", NOTICE, billed=False)
    await store.place(9, 1, 71)
    await store.finish(9)
    assert sorted(await kept.delete(1, channel_id=CHANNEL.channel_id, by=ASKER)) == [70, 71]


async def test_what_went_on_from_a_turn_goes_with_it(store: SqliteTurnStore, kept: SqliteConversationStore) -> None:
    await asked(store, 1, 2)
    await asked(store, 3, continues=2)
    await store.place(3, 0, 72)
    assert list(await kept.delete(2, channel_id=CHANNEL.channel_id, by=ASKER)) == [72]
    assert await texts(store) == ["q1", "a1"]
    await asked(store, 4, continues=1, kind=TriggerKind.INTERACTION)
    await kept.forget_message(1)
    assert await texts(store) == []


async def test_deleting_in_a_branch_leaves_what_was_asked_elsewhere(
    store: SqliteTurnStore, kept: SqliteConversationStore
) -> None:
    await asked(store, 1)
    await kept.copy(await turn_of(kept, 1), THREAD)
    copied = await kept.latest(THREAD)
    assert copied is not None
    question = replace(again(copied, 9), route=ReplyRoute(channel_id=THREAD.channel_id))
    history = await store.history(THREAD)
    await asked(store, 2, conversation=THREAD, route=ReplyRoute(channel_id=THREAD.channel_id))
    await generate(store, question)
    await store.complete(9, ANSWER, REPLY, SETTLEMENT, history=history, unkept=unkept)
    await store.finish(9)
    await kept.delete(9, channel_id=THREAD.channel_id, by=ASKER)
    assert await texts(store, THREAD) == ["q2", "a2"]
    assert await texts(store) == ["q1", "a1"]


@pytest.mark.parametrize("gone", [False, True])
async def test_what_goes_on_is_kept_only_with_what_it_goes_on_from(
    store: SqliteTurnStore, kept: SqliteConversationStore, gone: bool
) -> None:
    await asked(store, 1)
    history = await store.history(CHANNEL)
    await generate(store, ask(9, kind=TriggerKind.INTERACTION, text="go on", continues=1))
    if gone:
        await kept.forget_message(1)
    reply = await store.complete(9, ANSWER, REPLY, SETTLEMENT, history=history, unkept=unkept)
    assert (reply == unkept()) == gone
    assert await texts(store) == ([] if gone else ["q1", "a1", "go on", ANSWER.text])


async def test_notes_on_a_forgotten_turn_are_forgotten(
    database: Database, store: SqliteTurnStore, kept: SqliteConversationStore
) -> None:
    await asked(store, 1, 2, 3)
    await fold(database, store, 2)
    await kept.delete(3, channel_id=CHANNEL.channel_id, by=ASKER)
    assert (await store.history(CHANNEL)).summary == "notes"
    await kept.delete(1, channel_id=CHANNEL.channel_id, by=ASKER)
    history = await store.history(CHANNEL)
    assert history.summary is None
    assert [turn.text for turn in history.turns] == ["q2", "a2"]


# Branches


async def test_a_copy_ends_with_its_turn_and_is_another_conversation(
    store: SqliteTurnStore, kept: SqliteConversationStore
) -> None:
    await asked(store, 1, 2, 3)
    await kept.copy(await turn_of(kept, 2), THREAD)
    assert await texts(store, THREAD) == ["q1", "a1", "q2", "a2"]
    await asked(store, 4, conversation=THREAD, route=ReplyRoute(channel_id=501))
    assert len(await texts(store)) == 6
    assert await kept.find(4, channel_id=501) is not None
    gone = await turn_of(kept, 3)
    await kept.undo(CHANNEL, 1, by=ASKER)
    with pytest.raises(UnknownTurn):
        await kept.copy(gone, ConversationKey(502, 900))


async def test_a_copy_joins_what_was_said_there_already(store: SqliteTurnStore, kept: SqliteConversationStore) -> None:
    await asked(store, 1)
    await store.history(THREAD)  # the first message in a thread that has just been opened
    await kept.copy(await turn_of(kept, 1), THREAD)
    assert await texts(store, THREAD) == ["q1", "a1"]


@pytest.mark.parametrize(("folded", "summary", "sent"), [(1, "notes", ["q2", "a2"]), (2, "notes", []), (3, None, None)])
async def test_a_copy_takes_the_notes_along_unless_they_know_more_than_it(
    database: Database,
    store: SqliteTurnStore,
    kept: SqliteConversationStore,
    folded: int,
    summary: str | None,
    sent: list[str] | None,
) -> None:
    await asked(store, 1, 2, 3, 4)
    await fold(database, store, folded)
    await kept.copy(await turn_of(kept, 2), THREAD)
    everything = ["q1", "a1", "q2", "a2"]
    history = await store.history(THREAD)
    assert history.summary == summary
    assert [turn.text for turn in history.turns] == (everything if sent is None else sent)
    whole = await kept.everything(THREAD)
    assert whole is not None
    assert [turn.text for turn in whole.turns] == everything


async def test_a_new_conversation_in_the_same_place_sets_the_old_one_aside(
    store: SqliteTurnStore, kept: SqliteConversationStore
) -> None:
    await asked(store, 1, 2, 3)
    before = await store.history(CHANNEL)
    await generate(store, ask(4, text="q4"))
    await kept.begin_anew(await turn_of(kept, 1))
    assert await texts(store) == ["q1", "a1"]
    await store.complete(4, ANSWER, REPLY, SETTLEMENT, history=before, unkept=unkept)
    assert await texts(store) == ["q1", "a1"], "what was on its way does not get into the new one"
    assert (await turn_of(kept, 1)).is_latest
    later = await turn_of(kept, 3)
    assert (later.text, later.is_latest, later.key) == ("q3", False, CHANNEL)
    await asked(store, 5)
    await kept.begin_anew(later)  # back to where the first one was
    assert await texts(store) == ["q1", "a1", "q2", "a2", "q3", "a3"]
    assert (await turn_of(kept, 3)).is_latest
    await kept.delete(2, channel_id=CHANNEL.channel_id, by=ASKER)
    assert await kept.find(2, channel_id=CHANNEL.channel_id) is None
    await kept.reset(CHANNEL, by=ASKER)
    for trigger_id in (1, 3, 5):
        assert await kept.find(trigger_id, channel_id=CHANNEL.channel_id) is None, "a reset forgets all of it"


# Messages of questions


async def test_an_edit_reaches_the_waiting_the_stored_and_the_copied(
    store: SqliteTurnStore, kept: SqliteConversationStore
) -> None:
    await asked(store, 1)
    await kept.copy(await turn_of(kept, 1), THREAD)
    await store.claim(ask(2, text="secnod"))
    await kept.revise(1, "first")
    await kept.revise(2, "second")
    assert await texts(store) == await texts(store, THREAD) == ["first", "a1"]
    [claim] = await store.unfinished()
    assert claim.question == ask(2, text="second")


async def test_what_is_stored_is_what_the_message_says_by_then(
    store: SqliteTurnStore, kept: SqliteConversationStore
) -> None:
    history = await store.history(CHANNEL)
    await generate(store, ask(1, text="wrods"))
    await kept.revise(1, "words")
    await store.complete(1, ANSWER, REPLY, SETTLEMENT, history=history)
    assert (await texts(store))[0] == "words"


async def test_a_deleted_message_takes_its_turn_and_its_kept_question_along(
    store: SqliteTurnStore, kept: SqliteConversationStore
) -> None:
    await asked(store, 1)
    await kept.copy(await turn_of(kept, 1), THREAD)
    await generate(store, again(await turn_of(kept, 1), 9))  # asked again: another trigger, the same message
    await store.complete(9, ANSWER, REPLY, SETTLEMENT, history=await store.history(CHANNEL))
    await store.finish(9)
    await store.claim(ask(2))
    await store.fail(2, "rate_limited", "e1", NOTICE, billed=False)
    await store.finish(2)
    for message_id in (1, 2, 99):
        await kept.forget_message(message_id)
    assert await texts(store) == await texts(store, THREAD) == []
    assert await store.take_failed(2, 42) is None


@pytest.mark.parametrize(("sent", "cost"), [(False, 0), (True, 1000)])
async def test_a_withdrawn_question_ends_and_releases_what_was_not_spent(
    database: Database, store: SqliteTurnStore, sent: bool, cost: int
) -> None:
    history = await store.history(CHANNEL)
    await generate(store, ask(1))
    await store.cancel(1, billed=sent, reason="withdrawn")
    assert await state(database, 1) == "cancelled"
    assert await billed(database) == cost
    assert not await store.unfinished()
    # What was on its way when it was withdrawn changes nothing.
    await store.complete(1, Answer("late", "m", EndReason.STOP), REPLY, SETTLEMENT, history=history)
    assert await texts(store) == []
    assert await state(database, 1) == "cancelled"
    assert not await store.claim(ask(1))


async def test_a_reply_that_was_stored_in_the_same_moment_is_withdrawn_too(
    database: Database, store: SqliteTurnStore, kept: SqliteConversationStore
) -> None:
    await answer(store, ask(1))
    await store.cancel(1, billed=True, reason="withdrawn")
    await kept.forget_message(1)
    assert await billed(database) == SETTLEMENT.micro_usd
    assert await texts(store) == []
    assert [row[0] for row in await database.run("SELECT count(*) FROM outbox")] == [0]


async def test_notes_on_an_edited_turn_are_forgotten(
    database: Database, store: SqliteTurnStore, kept: SqliteConversationStore
) -> None:
    await asked(store, 1, 2, 3)
    await fold(database, store, 2)
    await database.run("UPDATE turns SET message_id = 500 WHERE trigger_id = 1 AND chat_role = 'user'")
    await kept.revise(500, "q1")
    assert (await store.history(CHANNEL)).summary == "notes", "nothing has changed"
    await kept.revise(500, "another question")
    history = await store.history(CHANNEL)
    assert history.summary is None
    assert [turn.text for turn in history.turns] == ["another question", "a1", "q2", "a2", "q3", "a3"]
