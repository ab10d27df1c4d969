"""What must be true after a random run: the promises P1 to P12, as far as the two stand-ins and the database tell."""

from __future__ import annotations

import json
import re
from bisect import bisect
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from statistics import quantiles

from bot.core.pages import quote_block
from bot.sandbox.standin import StandIn
from tests.wire.asking import Asked, Way
from tests.wire.discord_standin import DiscordStandIn, Message
from tests.wire.judging import QUOTED_CHARS
from tests.wire.oracles import SPENT, cost_micro_usd, damage, leaks, wrong_bill
from tests.wire.program import Bench
from tests.wire.soak.members import Doing
from tests.wire.stored import Stored
from tests.wire.talking import (
    CANNOT_SAVE,
    DRAWING,
    LISTENING,
    MEMBER_CANARY,
    READING_ALOUD,
    RESULT_UNSAVED,
    UNSAVED,
    WRITING,
)

IN_FLIGHT_SECONDS = 5.0  # an event may be lost when the connection goes away so soon after it
MICRO = 1_000_000
QUESTION = re.compile(rf"{MEMBER_CANARY} number \d+ conversation-\w+(?: as a long answer)?")
COST = "sum(coalesce(settled_micro_usd, reserved_micro_usd))"
SPENT_BY_MEMBERS = f"SELECT {COST} FROM usage_ledger GROUP BY author_id"
SPENT_BY_TRIGGERS = f"SELECT trigger_id, {COST} FROM usage_ledger GROUP BY trigger_id"
CONVERSATION = re.compile(r"conversation-\w+")
# The bot tried for ten seconds and does not know whether Discord took it: nothing is spent on it.
UNACKNOWLEDGED = re.compile(r"an interaction was not acknowledged trigger_id=(\d+)")
# The first picture and the first sound load what reads them: a shorter life says nothing.
SLOPE_AFTER_SECONDS, SLOPE_SECONDS = 120.0, 300.0
TOLD_BEFORE = ("busy", "member_limit_reached", "budget_exhausted")  # the member has been told a moment ago
GROWING = (WRITING, DRAWING, LISTENING, READING_ALOUD)
MEDIA = ("/v1/images/", "/v1/audio/speech")
ENDED = ("done", "failed", "expired", "cancelled")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run left, besides what the stand-ins and the database know."""

    doings: list[Doing]
    outages: list[float]
    faults: dict[str, int]
    crashes: list[str]
    rss: list[list[tuple[float, int]]]


@dataclass(slots=True)
class Verdict:
    """Zero of everything but turns and faults is what is promised."""

    seed: int
    turns: int = 0
    answered: int = 0
    told: int = 0
    away: int = 0  # asked while the bot was away, or Discord says itself that a command was not answered
    faults: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)  # of an answer, of the bill, of the file, of the process
    pings: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    acknowledged_seconds: list[float] = field(default_factory=list)  # of commands and buttons
    begun_seconds: list[float] = field(default_factory=list)  # of messages, until the bot types or answers
    rss_slope_mib_per_hour: float | None = None

    @property
    def problems(self) -> list[str]:
        kinds = {"lost": self.lost, "doubled": self.doubled, "broken": self.broken, "ping": self.pings,
                 "leak": self.leaked}  # fmt: skip
        return [f"{kind}: {problem}" for kind, found in kinds.items() for problem in found]

    def __str__(self) -> str:
        slope = self.rss_slope_mib_per_hour
        return (
            f"seed {self.seed}: {self.turns} turns ({self.answered} answered, {self.told} told why not, "
            f"{self.away} while it was away), "
            f"{sum(self.faults.values())} faults {self.faults}, lost {len(self.lost)}, doubled {len(self.doubled)}, "
            f"pings {len(self.pings)}, leaks {len(self.leaked)}, other {len(self.broken)}, RSS slope "
            + ("not known, no process lived for seven minutes" if slope is None else f"{slope:+.1f} MiB/h")
            + f"; commands acknowledged after {_spread(self.acknowledged_seconds)}, "
            + f"messages taken up after {_spread(self.begun_seconds)}, faults included"
        )


def judge(
    seed: int,
    evidence: Evidence,
    bench: Bench,
    discord: DiscordStandIn,
    openai: StandIn,
    stored: Stored,
    *,
    cap_usd: int,
    member_cap_usd: int,
) -> Verdict:
    """Return what came of a run."""
    verdict = Verdict(seed, turns=len(evidence.doings), faults=evidence.faults)
    verdict.pings = sorted(discord.pinged)
    verdict.leaked = leaks(bench, discord, openai) + _mixed(openai)
    verdict.broken = evidence.crashes + damage(bench.database) + wrong_bill(bench, openai) + discord.violations
    [(spent,)] = stored.rows(SPENT)
    if spent > cap_usd * MICRO:
        verdict.broken.append("the cap was passed")
    dearest = max((row[0] for row in stored.rows(SPENT_BY_MEMBERS)), default=0)
    if dearest > member_cap_usd * MICRO:
        verdict.broken.append("a member's cap was passed")
    verdict.leaked += _private_in_public(evidence.doings, discord)
    verdict.broken += _underbooked(evidence.doings, openai, stored)
    _Judge(verdict, evidence, discord, openai, stored, bench.logs()).look_at_everything()
    verdict.rss_slope_mib_per_hour = _slope(evidence.rss)
    return verdict


def _mixed(openai: StandIn) -> list[str]:
    found = [set(CONVERSATION.findall(json.dumps(request.body, default=str))) for request in openai.requests]
    return [f"a request knows {sorted(names)}" for names in found if len(names) > 1]


def _private_in_public(doings: list[Doing], discord: DiscordStandIn) -> list[str]:
    """Return where something that one member may see was ever shown to all."""
    public = [
        (message.message_id, shown.content)
        for message in discord.world.messages.values()
        if message.author == discord.world.bot and not message.ephemeral
        for shown in message.versions
    ]
    secrets = {doing.text for doing in doings if doing.private}
    return [
        f"message {message_id} shows a private answer"
        for message_id, content in public
        if any(found in secrets for found in QUESTION.findall(content))
    ]


def _touched(doings: list[Doing]) -> set[int]:
    """Return the triggers under whose replies a button was pressed."""
    return {int(doing.pressed.partition(":")[2]) for doing in doings if doing.pressed}


def _underbooked(doings: list[Doing], openai: StandIn, stored: Stored) -> list[str]:
    """Return which questions and tasks cost more than the ledger has for them; not those with a button pressed."""
    touched = _touched(doings)
    costs: Counter[str] = Counter()
    for request in openai.requests:
        body = request.body or {}
        asked = body["messages"][-1] if "messages" in body else body  # what came before is history
        for found in QUESTION.findall(json.dumps(asked, ensure_ascii=False, default=str))[-1:]:
            costs[found] += cost_micro_usd(request)
    booked = dict(stored.rows(SPENT_BY_TRIGGERS))
    return [
        f"{doing.trigger_id} cost {costs[doing.text]}, {booked.get(doing.trigger_id, 0)} are booked (micro USD)"
        for doing in doings
        if doing.trigger_id not in touched and costs[doing.text] > booked.get(doing.trigger_id, 0)
    ]


class _Judge:
    """Looks at each thing that a member did, then at each message that the bot shows."""

    def __init__(
        self,
        verdict: Verdict,
        evidence: Evidence,
        discord: DiscordStandIn,
        openai: StandIn,
        stored: Stored,
        logs: str,
    ) -> None:
        self._verdict = verdict
        self._evidence = evidence
        self._discord = discord
        self._stored = stored
        self._states: dict[int, tuple[str, str | None]] = {
            row[0]: row[1:] for row in stored.rows("SELECT trigger_id, state, reason FROM claims")
        }
        self._unacknowledged = {int(found) for found in UNACKNOWLEDGED.findall(logs)}
        self._pages: dict[int, list[Message]] = {}
        for trigger_id, message_id in stored.rows("SELECT trigger_id, message_id FROM reply_messages ORDER BY page"):
            if message := discord.world.messages.get(message_id):
                self._pages.setdefault(trigger_id, []).append(message)
        self._parked = {row[0] for row in stored.rows("SELECT trigger_id FROM claims WHERE parked_at IS NOT NULL")}
        self._paid = [
            json.dumps(request.body, ensure_ascii=False, default=str)
            for request in openai.requests
            if request.path.startswith(MEDIA) and (request.status == HTTPStatus.OK or request.aborted)
        ]
        self._limited = {
            row[0] for row in stored.rows("SELECT author_id FROM claims WHERE reason = 'budget_exhausted'")
        }
        # While the disk is full, nobody can write down which message shows a page.
        self._was_full = "disk" in evidence.faults
        placed = {page.message_id for pages in self._pages.values() for page in pages}
        shown = (m for m in discord.world.messages.values() if m.author == discord.world.bot and not m.deleted)
        self._unplaced = [message for message in shown if message.message_id not in placed]
        self._typing: dict[int, list[float]] = {}  # when, by channel, oldest first
        for called in discord.requests("POST", "/typing"):
            self._typing.setdefault(int(called.path["channel_id"]), []).append(called.at)
        self._touched = _touched(evidence.doings)

    def look_at_everything(self) -> None:
        for doing in self._evidence.doings:
            state, reason = self._states.get(doing.trigger_id, (None, None))
            self._note_times(doing)
            if state is None:
                self._unclaimed(doing)
            elif state == "ready" and doing.trigger_id in self._parked:
                self._verdict.told += 1  # parked: shown at the member's next command
            elif state not in ENDED:
                self._verdict.lost.append(f"{doing.trigger_id} is {state}")
            elif state == "expired" and doing.pressed is None and reason not in TOLD_BEFORE:
                self._verdict.lost.append(f"{doing.trigger_id} has expired: {reason}")
            else:
                if reason == "unexpected":
                    self._verdict.broken.append(f"{doing.trigger_id} failed in an unexpected way")
                self._verdict.answered += state == "done"
                self._verdict.told += state != "done"
                if state != "expired":
                    self._shown(doing, state)
        self._orphans()

    def _note_times(self, doing: Doing) -> None:
        if doing.interaction is not None:
            if doing.interaction.acked_at is not None:
                self._verdict.acknowledged_seconds.append(doing.interaction.acked_at - doing.interaction.created_at)
        elif doing.asked is not None and (pages := doing.asked.first_pages(self._discord)):
            typing = self._typing.get(doing.asked.channel.channel_id, [])
            signs = [page.versions[0].at for page in pages] + typing[bisect(typing, doing.at) :][:1]
            self._verdict.begun_seconds.append(min(signs) - doing.at)

    def _unclaimed(self, doing: Doing) -> None:
        """A trigger that nobody claimed is lost, unless it never came or Discord itself says so."""
        interaction = doing.interaction
        if interaction is not None and (interaction.acked_at is None or doing.trigger_id in self._unacknowledged):
            self._verdict.away += 1  # Discord says that it was not answered
            return
        if interaction is not None and (interaction.original is None or not interaction.original.loading):
            self._verdict.told += 1  # refused at once, or a button that says something
            return
        if doing.asked is not None and _author_id(doing.asked) in self._limited:
            self._verdict.told += 1  # what is used up is told once a day
            return
        if doing.asked is not None and any(map(_is_unsaved, doing.asked.first_pages(self._discord))):
            self._verdict.told += 1  # that nothing can be saved
            return
        if any(0 <= at - doing.at < IN_FLIGHT_SECONDS for at in self._evidence.outages) or not doing.connected:
            self._verdict.away += 1
            return
        self._verdict.lost.append(f"{doing.trigger_id} was never claimed")

    def _shown(self, doing: Doing, state: str) -> None:
        asked = doing.asked
        if doing.trigger_id in self._touched:
            return
        if doing.shows is not None:
            self._task_shown(doing, state, doing.shows)
        if asked is None:
            return
        first = asked.first_pages(self._discord)
        if len(first) > 1:
            self._verdict.doubled.append(f"{doing.trigger_id} has {len(first)} answers")
        if not first and not any(m.deleted for m in self._pages.get(doing.trigger_id, [])):
            self._verdict.lost.append(f"{doing.trigger_id} is {state} and nothing is shown")
        if any(_is_unfinished(message) for message in first):
            self._verdict.broken.append(f"{doing.trigger_id} is {state} and looks unfinished")
        turns = self._stored.turns(doing.trigger_id)
        if state == "done" and turns and not self._is_whole(doing, turns[-1][1]):
            self._verdict.broken.append(f"{doing.trigger_id} does not show what is stored")

    def _task_shown(self, doing: Doing, state: str, files: int) -> None:
        """Look at pictures, sound or a transcript: there once with its files, or its loss is told in one message."""
        pages = [page for page in self._pages.get(doing.trigger_id, []) if not page.deleted]
        if not pages and doing.interaction is not None and doing.interaction.original is not None:
            pages = list(filter(_is_unsaved, [doing.interaction.original]))  # not even that could be written down
        if not pages:
            self._verdict.lost.append(f"{doing.trigger_id} is {state} and nothing is shown")
        if any(_is_unfinished(page) for page in pages):
            self._verdict.broken.append(f"{doing.trigger_id} is {state} and looks unfinished")
        shown = sum(len(page.attachments) for page in pages)
        if shown != (files if state == "done" else 0):
            self._verdict.broken.append(f"{doing.trigger_id} is {state} and shows {shown} files")
        if state == "done" and not files and doing.text not in " ".join(page.content for page in pages):
            self._verdict.broken.append(f"{doing.trigger_id} does not show what was said")
        if self._calls(doing.text) > 1 and files:
            self._verdict.doubled.append(f"{doing.trigger_id} was asked of the model more than once")

    def _calls(self, text: str) -> int:
        """Return how many requests for pictures or sound with this text were, or may have been, paid for."""
        return sum(text in words for words in self._paid)

    def _is_whole(self, doing: Doing, answer: str) -> bool:
        asked, pages = doing.asked, [m for m in self._pages.get(doing.trigger_id, []) if not m.deleted]
        assert asked is not None
        words = " ".join(answer.split())
        goes_on = [
            m for m in self._unplaced if self._was_full and m.reply_to is None and " ".join(m.content.split()) in words
        ]
        pages += [m for m in goes_on if m.channel == asked.channel]
        files = [attachment.upload.payload.decode() for page in pages for attachment in page.attachments]
        if files:
            return files == [answer]
        quote = quote_block(asked.text, QUOTED_CHARS) if asked.way is Way.CHAT and not self._is_private(doing) else ""
        if asked.way is Way.VOICE:
            quote = quote_block(asked.text, QUOTED_CHARS)
        expected = f"{quote}\n{answer}".split()
        return " ".join(page.content for page in pages).split()[: len(expected)] == expected

    def _is_private(self, doing: Doing) -> bool:
        interaction = doing.interaction
        return interaction is not None and interaction.original is not None and interaction.original.ephemeral

    def _orphans(self) -> None:
        """Every message of the bot is a page of a reply, or answers an interaction by itself.

        While the disk was full nothing could be written down: what alone answers a message, or goes on with a stored
        answer, is no mistake then.
        """
        stored = "\n".join(row[0] for row in self._stored.rows("SELECT text FROM turns WHERE chat_role = 'assistant'"))
        for message in self._unplaced:
            is_known = message.interaction is not None or _is_unsaved(message)
            if not is_known and self._was_full:
                asked = message.reply_to
                is_known = message.content in stored if asked is None else self._discord.replies_to(asked) == [message]
            if not is_known:
                what = "an unfinished message" if WRITING in message.content else "a message"
                self._verdict.doubled.append(f"{what} {message.message_id} belongs to no reply")


def _spread(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return "(too few)"
    cuts = quantiles(seconds, n=100, method="inclusive")
    return f"{cuts[49]:.2f} s (p50), {cuts[94]:.2f} s (p95), {cuts[98]:.2f} s (p99)"


def _author_id(asked: Asked) -> int:
    event = asked.event
    return event.author.user_id if isinstance(event, Message) else event.user.user_id


def _is_unsaved(message: Message) -> bool:
    """Whether it says that nothing can be saved, so that it may be written down nowhere."""
    return any(sentence in message.content for sentence in (UNSAVED, CANNOT_SAVE, RESULT_UNSAVED))


def _is_unfinished(message: Message) -> bool:
    return message.loading or any(mark in message.content for mark in GROWING)


def _slope(rss: list[list[tuple[float, int]]]) -> float | None:
    """Return how fast the longest-lived process grew once it was warm, in MiB per hour."""
    lives = [[(at, kib) for at, kib in life if at - life[0][0] > SLOPE_AFTER_SECONDS] for life in rss if life]
    longest = max(lives, key=len, default=[])
    if len(longest) < 2 or longest[-1][0] - longest[0][0] < SLOPE_SECONDS:
        return None
    mean_at = sum(at for at, _ in longest) / len(longest)
    mean_kib = sum(kib for _, kib in longest) / len(longest)
    above = sum((at - mean_at) * (kib - mean_kib) for at, kib in longest)
    return above / sum((at - mean_at) ** 2 for at, _ in longest) * 3600 / 1024
