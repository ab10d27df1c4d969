"""Three members ask in one channel at once: whether each is answered, and how late the last words are shown.

Three growing answers share the channel's budget of edits, so this is where a bot falls behind its model. Every round
has a channel and members of its own; the two bots take turns.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.answer import ANSWER, QUESTION
from benchmarks.rig import BARE, PARLEY, TURN_SECONDS, Place, Rig, running
from benchmarks.table import Row, percentile
from bot.sandbox.standin import Pace
from tests.wire.discord_standin import Message

MEMBERS = 3
FIRST_TOKEN_SECONDS = 0.2
PAUSE_SECONDS = 0.5  # after a round


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int = 10
    tokens_per_second: float = 100.0


FULL = Size()
QUICK = Size(rounds=1, tokens_per_second=1000.0)


@dataclass(frozen=True, slots=True)
class Crowd:
    """``late_seconds``: of every answer, the time from the model's end until Discord had the whole of it."""

    unanswered: int
    late_seconds: list[float]


async def measure(*, quick: bool, folder: Path) -> list[Row]:
    """Measure both bots."""
    size = QUICK if quick else FULL
    pace = Pace(FIRST_TOKEN_SECONDS, size.tokens_per_second)
    async with AsyncExitStack() as stack:
        bare, parley = [
            await stack.enter_async_context(running(program, places=size.rounds, pace=pace, folder=folder / name))
            for name, program in (("bare", BARE), ("parley", PARLEY))
        ]
        one, ours = Crowd(0, []), Crowd(0, [])
        for number in range(size.rounds):
            one = await _round(bare, bare.places[number], one)
            ours = await _round(parley, parley.places[number], ours)
    asked = MEMBERS * size.rounds

    def late(percent: int, target: float | None) -> Row:
        return Row(
            f"end of an answer over the model's end, p{percent}",
            "s",
            percentile(one.late_seconds, percent),
            percentile(ours.late_seconds, percent),
            target,
        )

    return [
        Row(f"unanswered, of {asked} asked by {MEMBERS} at once", "", one.unanswered, ours.unanswered, 0.0),
        late(50, 1.0),
        late(95, None),
    ]


async def _round(rig: Rig, place: Place, before: Crowd) -> Crowd:
    """Let three members ask at once, and wait until each is answered or has waited long enough."""
    discord = rig.discord
    members = [place.member, *(discord.world.add_user(f"{place.member.name}-{n}") for n in range(1, MEMBERS))]
    questions = [discord.say(place.channel, member, QUESTION, mentions=[discord.world.bot]) for member in members]
    with suppress(AssertionError):  # not in time: whoever is not answered by then is counted below
        await discord.wait_for(lambda: all(_whole_at(rig, question) for question in questions), timeout=TURN_SECONDS)
    ends = sorted(filter(None, (_whole_at(rig, question) for question in questions)))
    known = len(before.late_seconds)
    stamps = (await rig.model_stamps(known + len(ends)))[known : known + len(ends)]
    # Nothing in a stamp says whose answer it was. The three come at the same pace: the first to end at the model is
    # taken for the first that was shown as a whole, and so on.
    model_ends = sorted(stamp["last_text_at"] for stamp in stamps)
    late = [end - model_end for end, model_end in zip(ends, model_ends, strict=True)]
    await asyncio.sleep(PAUSE_SECONDS)
    return Crowd(before.unanswered + MEMBERS - len(ends), before.late_seconds + late)


def _whole_at(rig: Rig, question: Message) -> float | None:
    """Return when the whole answer to a question was shown, once, in one message."""
    replies = rig.discord.replies_to(question)
    if len(replies) != 1 or replies[0].content.strip() != ANSWER:
        return None
    return replies[0].versions[-1].at
