"""Looking at conversations and changing them: whose turns they are is checked here and in the store, every time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bot.core.conversation import ConversationKey, History
from bot.core.errors.refusals import BeingAnswered, NothingKept, NotLatest, NotYours, UnknownTurn
from bot.core.folding import FoldResult
from bot.core.kept import ConversationStore, KeptTurn, Member, Overview, Undone
from bot.core.ports.money import Payer
from bot.core.ports.turns import TurnStore
from bot.core.prompt import stored_message
from bot.core.tokens import estimate_prompt_tokens, estimate_tokens
from bot.core.turns import TurnService

GO_ON = "Go on exactly where you stopped: no introduction, and repeat nothing."


@dataclass(frozen=True, slots=True)
class Description:
    """A conversation as a member sees it. ``tokens``: about how many a prompt takes from it."""

    overview: Overview
    tokens: int


class ConversationService:
    """What members do with conversations beside talking. One instance per process."""

    def __init__(self, store: ConversationStore, turn_store: TurnStore, turns: TurnService) -> None:
        self._store = store
        self._turn_store = turn_store
        self._turns = turns
        self._busy: set[int] = set()

    # Looking

    async def describe(self, key: ConversationKey) -> Description:
        """Return what a conversation is. Raises ``NothingKept``."""
        overview = await self._store.overview(key)
        if overview is None:
            raise NothingKept
        history = await self._turn_store.history(key)
        tokens = estimate_prompt_tokens([stored_message(turn) for turn in history.turns])
        return Description(overview, tokens + (estimate_tokens(history.summary) if history.summary else 0))

    async def everything(self, key: ConversationKey) -> History:
        """Return all that is kept of a conversation. Raises ``NothingKept``."""
        history = await self._store.everything(key)
        if history is None:
            raise NothingKept
        return history

    # Turns

    async def turn(self, trigger_id: int, *, channel_id: int, by: Member) -> KeptTurn:
        """Return a turn that the member may change. Raises ``UnknownTurn`` or ``NotYours``."""
        turn = await self._store.find(trigger_id, channel_id=channel_id)
        if turn is None or turn.key.member_id not in (None, by.member_id):
            raise UnknownTurn
        return _checked(turn, by)

    async def seen_turn(self, trigger_id: int, *, channel_id: int, by_id: int) -> KeptTurn:
        """Return a turn that a member sees, whoever asked it. Raises ``UnknownTurn``."""
        turn = await self._store.find(trigger_id, channel_id=channel_id)
        if turn is None or turn.key.member_id not in (None, by_id):
            raise UnknownTurn
        return turn

    async def latest_turn(self, trigger_id: int, *, channel_id: int, by: Member) -> KeptTurn:
        """Return a turn that can be answered again or gone on with. Raises ``NotLatest`` too."""
        turn = await self.turn(trigger_id, channel_id=channel_id, by=by)
        if not turn.is_latest:
            raise NotLatest
        return turn

    async def newest(self, key: ConversationKey, *, by: Member) -> KeptTurn:
        """Return the latest turn of a conversation. Raises ``NothingKept`` or ``NotYours``."""
        turn = await self._store.latest(key)
        if turn is None:
            raise NothingKept
        return _checked(turn, by)

    # Changing

    async def reset(self, key: ConversationKey, *, by: Member) -> int:
        """Forget a conversation; return how many questions were forgotten. Raises ``NotYours``."""
        return await self._store.reset(key, by=by)

    async def undo(self, key: ConversationKey, count: int, *, by: Member) -> Undone:
        """Take back the newest questions with their answers. Raises ``NothingKept`` or ``NotYours``."""
        undone = await self._store.undo(key, count, by=by)
        if undone.turns == 0:
            raise NotYours if undone.stopped_at_others else NothingKept
        return undone

    async def delete(self, trigger_id: int, *, channel_id: int, by: Member) -> Sequence[int]:
        """Forget a turn; return the Discord messages of its reply. Raises as ``ConversationStore.delete``."""
        return await self._store.delete(trigger_id, channel_id=channel_id, by=by)

    async def copy(self, turn: KeptTurn, into: ConversationKey) -> None:
        """Begin a conversation with a copy of another one up to a turn."""
        await self._store.copy(turn, into)

    async def begin_anew(self, turn: KeptTurn) -> None:
        """Begin a new conversation in the same place, with what was said up to a turn; the old one is set aside."""
        await self._store.begin_anew(turn)

    async def compact(self, key: ConversationKey, payer: Payer, *, by: Member, focus: str | None) -> FoldResult:
        """Fold a conversation into notes. Raises ``NothingKept``, ``NotYours``, or as ``TurnService.compact``."""
        if await self._store.latest(key) is None:
            raise NothingKept
        if not await self._store.is_owned(key, by=by):
            raise NotYours  # what the notes keep would be one member's choice
        return await self._turns.compact(key, payer, focus=focus)

    @contextmanager
    def alone(self, trigger_id: int) -> Iterator[None]:
        """Hold a turn for one piece of work. Raises ``BeingAnswered`` when another one holds it."""
        if trigger_id in self._busy:
            raise BeingAnswered
        self._busy.add(trigger_id)
        try:
            yield
        finally:
            self._busy.discard(trigger_id)

    # Messages of questions

    async def message_edited(self, message_id: int, text: str) -> None:
        """Let a question follow the new text of its message; never to blank, which is what Discord withholds."""
        if text:
            await self._store.revise(message_id, text)
            self._turns.revise(message_id, text)

    async def message_deleted(self, message_id: int) -> None:
        """Forget the question that a message asked, and stop answering it."""
        # First here: a claim of this message that is being written is known in memory after it.
        await self._store.forget_message(message_id)
        if await self._turns.withdraw(message_id):
            await self._store.forget_message(message_id)


def _checked(turn: KeptTurn, by: Member) -> KeptTurn:
    if not by.may_change(turn.author_id):
        raise NotYours
    return turn
