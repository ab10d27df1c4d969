"""A conversation of sixty turns: what its input tokens cost with the provider's prompt cache, and what it forgets.

The bot's own services answer over real HTTP; only Discord is left out. The stand-in caches prompts like OpenAI:
identical beginnings of at least 1,024 tokens, in steps of 128. Cached tokens count as a tenth, and the requests for
notes count like all others. Nothing depends on time, so the figures are the same on every machine.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.table import Row
from benchmarks.talk import FACT_WORDS, Exchange, exchanges
from bot.core.conversation import ConversationKey, Question, Reply, ReplyRoute, TriggerKind
from bot.core.parts import Parts
from bot.core.ports.screen import Draft
from bot.core.turns import TurnService
from bot.sandbox.standin import Say, StandIn
from bot.services import Services, open_services
from bot.settings import Settings

TURNS = 60
QUICK_TURNS = 4
CACHED_PRICE = 0.1  # of an input token that is not cached
KEY = ConversationKey(channel_id=20, guild_id=10)
BEGINNING = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PAUSE = timedelta(minutes=3)


class NoScreen:
    """Implements ``Screen`` for nobody."""

    def show(self, draft: Draft) -> None:
        pass

    async def deliver(self, reply: Reply) -> None:
        pass

    def abandon(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Spent:
    """What a conversation took. ``forgetful``: requests without the fact of the first turn."""

    requests: int
    notes: int
    tokens: int
    cached: int
    forgetful: int

    @property
    def paid(self) -> float:
        """Input tokens, cached ones at their price."""
        return self.tokens - self.cached * (1 - CACHED_PRICE)

    @property
    def missed_percent(self) -> float:
        """How many of 100 input tokens the cache did not serve."""
        return 100 * (1 - self.cached / self.tokens)


async def measure(*, quick: bool, folder: Path) -> list[Row]:
    """Measure the conversation, the same without folding, and the same with all texts twice as long."""
    turns = QUICK_TURNS if quick else TURNS
    usual = await spent_on(exchanges(turns), folder / "usual")
    whole = await spent_on(exchanges(turns), folder / "whole", fold=False)
    longer = await spent_on(exchanges(turns, size=2.0), folder / "longer")
    return [
        Row(f"input tokens that the cache does not serve, {turns} turns", "%", None, usual.missed_percent, 10.0),
        Row(f"input tokens paid for, cached at a tenth, {turns} turns", "tokens", None, usual.paid, 45_000.0),
        Row("requests without the fact of turn 1", "requests", None, usual.forgetful, 0.0),
        Row("times that old turns became notes", "times", None, usual.notes),
        Row("with nothing folded: paid for", "tokens", None, whole.paid),
        Row("with everything twice as long: not served by the cache", "%", None, longer.missed_percent),
        Row("with everything twice as long: paid for", "tokens", None, longer.paid),
        Row("with everything twice as long: without the fact", "requests", None, longer.forgetful, 0.0),
    ]


async def spent_on(talk: Sequence[Exchange], folder: Path, *, fold: bool = True) -> Spent:
    """Have a conversation, one question after the other; what is folded is folded before the next one."""

    def turn_service(parts: Parts) -> TurnService:
        unlimited = replace(parts.policy, fold_above_tokens=sys.maxsize, prompt_tokens=sys.maxsize)
        return TurnService(parts if fold else replace(parts, policy=unlimited))

    async with StandIn() as standin:
        settings = {
            "openai_base_url": standin.base_url,
            "openai_api_key": standin.key,
            "daily_budget_usd": "100",
            "member_requests_per_hour": "100000",
            "database_url": f"sqlite:///{folder / 'parley.db'}",
        }
        async with open_services(_settings(settings), turn_service=turn_service) as services:
            for number, exchange in enumerate(talk):
                standin.script(Say(exchange.answer))
                await _ask(services, number, exchange.question)
            await services.turns.close(grace_seconds=10)
        sent = [request for request in standin.requests if request.usage is not None]
        usages = [dict(request.usage or {}) for request in sent]
        return Spent(
            requests=len(sent),
            notes=len(sent) - len(talk),
            tokens=sum(usage["prompt_tokens"] for usage in usages),
            cached=sum(usage["prompt_tokens_details"]["cached_tokens"] for usage in usages),
            forgetful=sum(not _knows_the_fact(request.body) for request in sent),
        )


def _settings(given: dict[str, Any]) -> Settings:
    return Settings(**given)


async def _ask(services: Services, number: int, text: str) -> None:
    question = Question(
        trigger_id=1000 + number,
        kind=TriggerKind.MESSAGE,
        author_id=1,
        author_name="Asker",
        text=text,
        route=ReplyRoute(channel_id=KEY.channel_id),
        asked_at=BEGINNING + number * PAUSE,
        guild_id=KEY.guild_id,
        conversation=KEY,
    )
    await services.turns.ask(question, NoScreen())
    await services.turns.settled()


def _knows_the_fact(body: dict[str, Any]) -> bool:
    sent = "\n".join(str(message["content"]) for message in body["messages"])
    return all(words in sent for words in FACT_WORDS)
