"""What is kept of conversations, looked at and changed. Every public method is one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from bot.core.conversation import ClaimState, ConversationKey, History, Quote
from bot.core.errors.refusals import BeingAnswered, NotYours, UnknownTurn
from bot.core.kept import KeptTurn, Member, Overview, Undone
from bot.core.ports.clock import Clock
from bot.store import conversation_sql as sql
from bot.store import turn_sql
from bot.store.database import Database, Transaction, milliseconds, moment
from bot.store.questions import (
    attachments_from_json,
    options_from_json,
    question_from_json,
    question_to_json,
    storable,
)
from bot.store.turn_rows import contiguous, turn_from_row


class SqliteConversationStore:
    """Implements ``ConversationStore``."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # Looking

    async def overview(self, key: ConversationKey) -> Overview | None:
        """Return what a conversation is, ``None`` when nothing is kept of it."""

        async def work(transaction: Transaction) -> Overview | None:
            for conversation in await transaction.run(sql.CONVERSATION, _key(key)):
                named = {"conversation_id": conversation["conversation_id"], "channel_id": key.channel_id}
                [row] = await transaction.run(sql.OVERVIEW, named)
                if row["turns"]:
                    return Overview(row["turns"], row["micro_usd"], conversation["summary"], moment(row["since"]))
            return None

        return await self._database.transaction(work)

    async def everything(self, key: ConversationKey) -> History | None:
        """Return all that is kept of a conversation, the turns before its summary too."""

        async def work(transaction: Transaction) -> History | None:
            for row in await transaction.run(sql.CONVERSATION, _key(key)):
                turns = await transaction.run(sql.EVERYTHING, {"conversation_id": row["conversation_id"]})
                if turns:
                    kept = tuple(map(turn_from_row, turns))
                    return History(row["conversation_id"], row["epoch"], kept, row["summary"])
            return None

        return await self._database.transaction(work)

    async def find(self, trigger_id: int, *, channel_id: int) -> KeptTurn | None:
        """Return a turn of a conversation in this channel."""
        return await self._kept(sql.FIND, {"trigger_id": trigger_id, "channel_id": channel_id})

    async def latest(self, key: ConversationKey) -> KeptTurn | None:
        """Return the latest turn of a conversation."""
        return await self._kept(sql.LATEST, _key(key))

    async def is_owned(self, key: ConversationKey, *, by: Member) -> bool:
        """Whether all turns of a conversation are the member's to change."""
        theirs = {**_key(key), "author_id": by.member_id}
        return by.is_moderator or not await self._database.run(sql.OTHERS_TURNS, theirs)

    # Changing

    async def reset(self, key: ConversationKey, *, by: Member) -> int:
        """Start a new epoch; return how many questions were forgotten.

        A conversation without turns gets a new epoch too: an answer may be on its way.
        """

        async def work(transaction: Transaction) -> int:
            for conversation in await transaction.run(sql.CONVERSATION, _key(key)):
                named = {"conversation_id": conversation["conversation_id"], "channel_id": key.channel_id}
                theirs = {**_key(key), "author_id": by.member_id}
                if not by.is_moderator:
                    for others in (sql.OTHERS_TURNS, sql.OTHERS_ANSWERS):
                        if await transaction.run(others, theirs):
                            raise NotYours
                [row] = await transaction.run(sql.OVERVIEW, named)
                await transaction.run(turn_sql.NEW_EPOCH, _key(key))
                await transaction.run(turn_sql.DELETE_TURNS, named)
                if key.member_id is None:
                    await transaction.run(sql.DELETE_SET_ASIDE, named)
                return int(row["turns"])
            return 0

        return await self._database.transaction(work)

    async def undo(self, key: ConversationKey, count: int, *, by: Member) -> Undone:
        """Take back the newest questions with their answers, up to the first that is not the member's to change."""

        async def work(transaction: Transaction) -> Undone:
            undone = 0
            for conversation in await transaction.run(sql.CONVERSATION, _key(key)):
                named = {"conversation_id": conversation["conversation_id"]}
                for row in await transaction.run(sql.NEWEST, {**named, "count": count}):
                    pair = {**named, "trigger_id": row["trigger_id"]}
                    if not by.may_change(row["author_id"]):
                        return Undone(undone, stopped_at_others=True)
                    if await transaction.run(sql.BEING_ANSWERED, pair):
                        raise BeingAnswered
                    await transaction.run(sql.FORGET_NOTES, pair)
                    await transaction.run(sql.DELETE_PAIR_HERE, pair)
                    undone += 1
            return Undone(undone, stopped_at_others=False)

        return await self._database.transaction(work)

    async def delete(self, trigger_id: int, *, channel_id: int, by: Member) -> Sequence[int]:
        """Forget a turn wherever it was copied to; return the Discord messages that show its reply, page by page."""
        named = {"trigger_id": trigger_id}

        async def work(transaction: Transaction) -> list[int]:
            claims = await transaction.run(sql.CLAIM, named)
            if not claims or claims[0]["channel_id"] != channel_id:
                raise UnknownTurn
            family = await transaction.run(sql.FAMILY, named)
            if claims[0]["author_id"] != by.member_id:
                for row in family:
                    if await transaction.run(sql.IS_PRIVATE, {"trigger_id": row["trigger_id"]}):
                        raise UnknownTurn
            if not by.may_change(claims[0]["author_id"]):
                raise NotYours
            if any(row["state"] not in turn_sql.ENDED for row in family):
                raise BeingAnswered
            await _delete_family(transaction, family, channel_id)
            shown: list[int] = []
            for row in family:
                if row["channel_id"] == channel_id:
                    places = await transaction.run(sql.MESSAGES, {"trigger_id": row["trigger_id"]})
                    shown += [place["message_id"] for place in places if place["message_id"] not in shown]
            return shown

        return await self._database.transaction(work)

    async def copy(self, turn: KeptTurn, into: ConversationKey) -> None:
        """Begin a conversation with a copy of another one up to a turn. Raises ``UnknownTurn`` when that is gone."""

        await self._database.transaction(lambda transaction: self._copy(transaction, turn, into))

    async def begin_anew(self, turn: KeptTurn) -> None:
        """Set the conversation in the turn's place aside, and begin one there with a copy up to the turn."""

        async def work(transaction: Transaction) -> None:
            await transaction.run(sql.SET_ASIDE, _key(turn.key))
            await self._copy(transaction, turn, turn.key)

        await self._database.transaction(work)

    async def _copy(self, transaction: Transaction, turn: KeptTurn, into: ConversationKey) -> None:
        row = await _pair(transaction, turn)
        [new] = await transaction.run(sql.NEW_COPY, {**_key(into), "guild_id": into.guild_id, "now": self._now()})
        end, first = row["last_turn_id"] + 1, row["first_turn_id"]
        part = {"conversation_id": turn.conversation_id, "copy_id": new["conversation_id"]}
        if first <= end:  # the notes are on turns before this one
            await transaction.run(sql.COPY_TURNS, {**part, "from_turn_id": 0, "before_turn_id": first})
            await transaction.run(sql.COPY_NOTES, part)
        else:
            first = 0
        await transaction.run(sql.COPY_TURNS, {**part, "from_turn_id": first, "before_turn_id": end})

    # Messages of questions

    async def revise(self, message_id: int, text: str) -> None:
        """Let the question that a message asked follow its new text, whether it is stored yet or not."""

        async def work(transaction: Transaction) -> None:
            for row in await transaction.run(sql.CLAIMS_OF_MESSAGE, {"message_id": message_id}):
                question = replace(question_from_json(row["question"], None), text=text)
                written = {"trigger_id": row["trigger_id"], "question": question_to_json(question)}
                await transaction.run(sql.SET_QUESTION, written)
            for row in await transaction.run(sql.REVISE, {"message_id": message_id, "text": storable(text)}):
                # Notes would remember the old words.
                await transaction.run(sql.FORGET_NOTES, {"trigger_id": row["trigger_id"]})

        await self._database.transaction(work)

    async def forget_message(self, message_id: int) -> None:
        """Forget the question that a message asked, with its answer, wherever it was copied to."""
        named = {"message_id": message_id}

        async def work(transaction: Transaction) -> None:
            for row in await transaction.run(sql.CLAIMS_OF_MESSAGE, named):
                if row["state"] == ClaimState.FAILED:  # it was kept for "Try again"
                    await transaction.run(turn_sql.FORGET_QUESTION, {"trigger_id": row["trigger_id"]})
            await transaction.run(sql.FORGET_TASKS_OF_MESSAGE, named)
            for row in await transaction.run(sql.TURNS_OF_MESSAGE, named):
                for channel in await transaction.run(sql.CLAIM, {"trigger_id": row["trigger_id"]}):
                    family = await transaction.run(sql.FAMILY, {"trigger_id": row["trigger_id"]})
                    await _delete_family(transaction, family, channel["channel_id"])
                await _delete_pair(transaction, row["trigger_id"])

        await self._database.transaction(work)

    async def _kept(self, statement: str, parameters: dict[str, int]) -> KeptTurn | None:
        async def work(transaction: Transaction) -> KeptTurn | None:
            for row in await transaction.run(statement, parameters):
                return _kept_turn(row, await transaction.run(sql.MESSAGES, {"trigger_id": row["trigger_id"]}))
            return None

        return await self._database.transaction(work)

    def _now(self) -> int:
        return milliseconds(self._clock.now())


async def _pair(transaction: Transaction, turn: KeptTurn) -> sqlite3.Row:
    named = {"trigger_id": turn.trigger_id, "conversation_id": turn.conversation_id}
    for row in await transaction.run(sql.FIND_IN_CONVERSATION, named):
        return row
    raise UnknownTurn


async def _delete_family(transaction: Transaction, family: Sequence[sqlite3.Row], channel_id: int) -> None:
    """Delete turns wherever they were copied to; of those that were asked elsewhere, only their copies here."""
    for row in family:
        if row["channel_id"] == channel_id:
            await _delete_pair(transaction, row["trigger_id"])
        else:
            copy = {"trigger_id": row["trigger_id"], "channel_id": channel_id}
            await transaction.run(sql.FORGET_NOTES_IN_CHANNEL, copy)
            await transaction.run(sql.DELETE_PAIR_IN_CHANNEL, copy)


async def _delete_pair(transaction: Transaction, trigger_id: int) -> None:
    await transaction.run(sql.FORGET_NOTES, {"trigger_id": trigger_id})
    await transaction.run(sql.DELETE_PAIR, {"trigger_id": trigger_id})
    await transaction.run(turn_sql.FORGET_TASK, {"trigger_id": trigger_id})


def _kept_turn(row: sqlite3.Row, places: list[sqlite3.Row]) -> KeptTurn:
    is_set_aside = row["member_id"] < 0
    return KeptTurn(
        trigger_id=row["trigger_id"],
        conversation_id=row["conversation_id"],
        key=ConversationKey(row["channel_id"], row["guild_id"], max(row["member_id"], 0) or None),
        author_id=row["author_id"],
        author_name=row["author_name"],
        text=row["text"],
        answer=row["answer"],
        incomplete=bool(row["answer_incomplete"]),
        is_latest=bool(row["is_latest"]) and not is_set_aside,
        quote=None if row["quote_text"] is None else Quote(row["quote_author_name"], row["quote_text"]),
        options=options_from_json(row["options"]),
        attachments=attachments_from_json(row["attachments"]),
        message_id=row["message_id"],
        shown_ids=contiguous({place["page"]: place["message_id"] for place in places}),
    )


def _key(key: ConversationKey) -> dict[str, int]:
    return {"channel_id": key.channel_id, "member_id": key.member_id or 0}
