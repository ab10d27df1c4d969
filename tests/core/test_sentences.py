"""Every failure has a sentence that says what happened and what to do; every key that the program names exists."""

import re
import string
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.core import errors
from bot.core.caps import CapPeriod, CapScope
from bot.core.conversation import EndReason
from bot.core.errors import ParleyError
from bot.core.errors.files import FileProblem, FileRefused
from bot.core.errors.limits import (
    AccountTooNew,
    BudgetExhausted,
    LimitReached,
    MemberLimitReached,
    ModelNotAllowed,
    ModelUnpriced,
)
from bot.core.errors.provider import ModelNotFound, NoVision
from bot.services import read_sentences

ROOT = Path(__file__).parent.parent.parent
# Never shown: what they stand for is retried or ends in the log.
SILENT = {"delivery_failed", "delivery_refused"}


def every_error() -> list[type[ParleyError]]:
    found = [ParleyError]
    for error in found:
        found += error.__subclasses__()
    return [error for error in found if error.__module__.startswith(errors.__name__)]


def made(error: type[ParleyError]) -> ParleyError:
    if error is BudgetExhausted:
        return BudgetExhausted(CapScope.BOT, CapPeriod.DAY, datetime(2026, 11, 23, tzinfo=UTC))
    if error is LimitReached:
        return LimitReached(datetime(2026, 11, 23, tzinfo=UTC))
    if error is MemberLimitReached:
        return MemberLimitReached(datetime(2026, 11, 23, tzinfo=UTC), limit=60)
    if error is AccountTooNew:
        return AccountTooNew(datetime(2026, 11, 23, tzinfo=UTC), days=7)
    if error is ModelNotAllowed:
        return ModelNotAllowed("gpt-0", allowed="`gpt-1`")
    if error is ModelUnpriced:
        return ModelUnpriced(model="gpt-0")
    if error is ModelNotFound:
        return ModelNotFound(model="gpt-0")
    if error is NoVision:
        return NoVision(model="gpt-0")
    return error()


@pytest.mark.parametrize("problem", FileProblem)
def test_every_problem_with_a_file_has_a_sentence(problem: FileProblem) -> None:
    about = {"number": 2, "limit": 4, "width": 64, "height": 32, "minutes": 120, "megabytes": 100}
    refused = FileRefused(problem, where="#/properties/name", **about)
    sentence = read_sentences().notice(refused, "12ab34cd").splitlines()[0]
    assert sentence.endswith(".")
    assert not re.search(r"\{|\}", sentence)


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.code)
def test_every_failure_has_a_sentence_and_shows_its_error_id(error: type[ParleyError]) -> None:
    if error.code in SILENT:
        return
    notice = read_sentences().notice(made(error), "12ab34cd")
    assert "12ab34cd" in notice
    sentence = notice.splitlines()[0]
    assert sentence.rstrip().endswith(".")
    assert not re.search(r"\{|\}|Error|Exception", sentence)
    assert len(notice) < 500


@pytest.mark.parametrize("scope", CapScope)
@pytest.mark.parametrize("period", CapPeriod)
def test_every_cap_has_a_sentence_with_its_end(scope: CapScope, period: CapPeriod) -> None:
    ends = datetime(2026, 12, 1, tzinfo=UTC)
    notice = read_sentences().notice(BudgetExhausted(scope, period, ends), "12ab34cd")
    assert f"<t:{int(ends.timestamp())}:R>" in notice
    assert ("this month" if period is CapPeriod.MONTH else "today") in notice
    assert {CapScope.BOT: "This bot", CapScope.SERVER: "This server", CapScope.MEMBER: "You"}[scope] in notice


def test_every_end_that_is_no_full_stop_is_told() -> None:
    sentences = read_sentences()
    for reason in EndReason:
        if reason is not EndReason.STOP:
            assert sentences(f"notes.{reason.value}").startswith("-# ")


def test_every_key_that_the_program_names_exists_and_none_is_left_over() -> None:
    sentences = read_sentences()
    source = "\n".join(p.read_text(encoding="utf-8") for d in ("bot", "cogs") for p in (ROOT / d).rglob("*.py"))
    for key in sentences.by_key:
        section, _, name = key.partition(".")
        by_value = name in [r.value for r in EndReason] or name.startswith(("mode_", "alt_", "voice_"))
        assert section == "errors" or by_value or f'"{key}"' in source or f"'{key}'" in source, f"nobody says {key}"
    sections = "notices|notes|buttons|replies|errors|models|help|menus|pictures|sound"
    for key in re.findall(rf'"((?:{sections})\.[a-z_]+)"', source):
        assert key in sentences.by_key


def test_gaps_are_named_as_the_program_fills_them() -> None:
    for text in read_sentences().by_key.values():
        gaps = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        assert gaps <= {
            "sentence", "error_id", "resets_at", "seconds", "model", "options", "asked", "channel",
            "number", "limit", "where", "path", "rule", "name", "chars",
            "turns", "since", "tokens", "usd", "thread", "link", "question",
            "option", "changes", "made", "count", "kinds",
            "width", "height", "pictures",
            "voice", "length", "done", "parts",
            "allowed", "mention", "models", "capability", "input", "output", "day", "days",
            "minutes", "megabytes", "part",
        }  # fmt: skip
