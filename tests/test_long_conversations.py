"""The figures of long conversations that depend on no clock: they are the same on every machine, so they are held."""

from pathlib import Path

import pytest

from benchmarks import conversation, crowd, history
from benchmarks.processes import PROC
from benchmarks.talk import exchanges
from bot.sandbox.standin.tokens import pieces_of


async def test_sixty_turns_keep_the_fact_and_stay_cheap(tmp_path: Path) -> None:
    spent = await conversation.spent_on(exchanges(conversation.TURNS), tmp_path)
    assert spent.requests == conversation.TURNS + spent.notes
    assert spent.notes >= 1
    assert spent.forgetful == 0
    assert spent.missed_percent <= 10
    assert spent.paid <= 45_000


async def test_without_folding_they_would_cost_more(tmp_path: Path) -> None:
    spent = await conversation.spent_on(exchanges(conversation.TURNS), tmp_path, fold=False)
    assert spent.notes == 0
    assert spent.paid > 45_000


def test_the_talk_has_the_sizes_that_the_tables_say() -> None:
    talk = exchanges(conversation.TURNS)
    assert round(sum(len(pieces_of(one.question)) for one in talk) / len(talk)) == 25
    assert round(sum(len(pieces_of(one.answer)) for one in talk) / len(talk)) == 128
    assert talk == exchanges(conversation.TURNS)


async def test_a_history_is_read_from_a_filled_database(tmp_path: Path) -> None:
    rows = await history.measure(quick=True, folder=tmp_path)
    assert [row.name.rpartition(", ")[2] for row in rows] == ["p50", "p99"]


@pytest.mark.skipif(not (PROC / "self" / "stat").exists(), reason="make bench reads /proc, which only Linux has")
async def test_three_who_ask_at_once_are_all_answered(tmp_path: Path) -> None:
    unanswered, *_ = await crowd.measure(quick=True, folder=tmp_path)
    assert unanswered.parley == 0
