"""A place for work that SimCord must not look at: it runs on the real clock, and the environment settles meanwhile.

SimCord follows every task of the bot. Its timers become virtual while it waits for something outside, and a wait that
SimCord does not know (a queue, a lock, a socket) holds up every action on the page. A turn is full of both. So a turn
runs here, in a task that SimCord does not own, and the bot's own task declares that it waits for it.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any, TypeVar

import simcord

from bot.core.conversation import Claim, ConversationKey, Question
from bot.core.folding import FoldResult
from bot.core.parts import Parts
from bot.core.ports.files import FileReader
from bot.core.ports.money import Payer
from bot.core.ports.screen import Screen
from bot.core.turns import Elsewhere, TurnService

T = TypeVar("T")


class Outside:
    """Runs coroutines for the bot where SimCord does not follow them.

    Make it before the environment starts: it keeps the context of that moment, to which no task of the bot belongs.
    """

    def __init__(self) -> None:
        self._context = contextvars.copy_context()
        self._env: simcord.Env | None = None

    def join(self, env: simcord.Env) -> None:
        """Work for the bot of this environment."""
        self._env = env

    async def call(self, work: Coroutine[Any, Any, T], *, reason: str) -> T:
        """Run the work outside and return what it returns, or raise what it raises.

        Only for tasks of the bot. Cancelling the caller cancels the work.
        """
        if self._env is None:
            work.close()
            raise RuntimeError("no environment to work for")
        task = self._context.copy().run(asyncio.create_task, self._with_discord(self._env, work))
        result: T = await self._env.external_wait(task, reason=reason)
        return result

    @staticmethod
    async def _with_discord(env: simcord.Env, work: Coroutine[Any, Any, T]) -> T:
        # Calls to Discord (interaction responses too) reach the simulated one, and it tells the time of messages.
        with env.time_context():
            return await work


class OutsideTurns(TurnService):
    """Answers questions outside: waiting in the queue, streaming, pacing edits, delivering again."""

    def __init__(self, parts: Parts, outside: Outside) -> None:
        super().__init__(parts)
        self._outside = outside

    async def ask(
        self,
        question: Question,
        screen: Screen,
        files: FileReader | None = None,
        *,
        retries: int | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """Answer a question, unless its trigger was claimed before."""
        asked = super().ask(question, screen, files, retries=retries, elsewhere=elsewhere)
        await self._outside.call(asked, reason="an answer")

    async def resume(self, claim: Claim, screen: Screen, files: FileReader | None = None) -> None:
        """Do what a restart left of a turn."""
        await self._outside.call(super().resume(claim, screen, files), reason="an answer of the last run")

    async def withdraw(self, message_id: int) -> bool:
        """Give up answering a question whose message was deleted."""
        return await self._outside.call(super().withdraw(message_id), reason="an answer being withdrawn")

    async def abandon(self, *, guild_id: int | None = None, channel_id: int | None = None) -> None:
        """Give up every question of a server or a channel that is gone."""
        given_up = super().abandon(guild_id=guild_id, channel_id=channel_id)
        await self._outside.call(given_up, reason="answers being given up")

    async def compact(self, key: ConversationKey, payer: Payer, *, focus: str | None = None) -> FoldResult:
        """Fold everything but the newest question and answer into the notes."""
        return await self._outside.call(super().compact(key, payer, focus=focus), reason="notes")
