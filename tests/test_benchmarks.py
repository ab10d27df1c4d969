"""``make bench`` runs and reports every figure. What the figures are is for people to read: no time is asserted."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.answer import ANSWER, ANSWER_TOKENS
from benchmarks.memory import slope
from benchmarks.processes import PROC
from benchmarks.table import Row, percentile, render
from bot.sandbox.standin.tokens import pieces_of

ROOT = Path(__file__).parent.parent
ROWS = [
    "first visible text over the model's first token, p50",
    "first visible text over the model's first token, p95",
    "end of the answer over the model's end, p50",
    "end of the answer over the model's end, p95",
    "CPU per turn, 2 channels streaming, 1 token per chunk",
    "CPU per turn, 2 channels streaming, 4 tokens per chunk",
    "resident memory after READY",
]
FIGURE = r"\s*-?\d+\.\d (?:ms|MiB) "


@pytest.mark.skipif(not (PROC / "self" / "stat").exists(), reason="make bench reads /proc, which only Linux has")
def test_it_reports_every_figure_of_both_bots() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    for name in ROWS:
        assert re.search(rf"^{re.escape(name)}\s*\|{FIGURE}\|{FIGURE}\|", ended.stdout, re.MULTILINE), ended.stdout


def test_the_answer_is_as_long_as_the_tables_say() -> None:
    assert len(pieces_of(ANSWER)) == ANSWER_TOKENS
    assert ANSWER.strip() == ANSWER


def test_a_target_is_met_up_to_its_last_bit() -> None:
    [_, _, met, missed, free] = render(
        [Row("a", "ms", 10.0, 20.0, 20.0), Row("b", "ms", 10.0, 20.1, 20.0), Row("c", "ms", None, 3.0)]
    ).splitlines()
    assert [cell.strip() for cell in met.split("|")] == ["a", "10.0 ms", "20.0 ms", "2.00", "<= 20 ms", "met"]
    assert missed.endswith("| NOT MET")
    assert [cell.strip() for cell in free.split("|")] == ["c", "", "3.0 ms", "", "", ""]


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(40, 0, -1)]
    assert percentile(values, 50) == 20.0
    assert percentile(values, 95) == 38.0
    assert percentile([7.0], 95) == 7.0


def test_a_slope_is_steady_growth_and_no_single_step() -> None:
    assert slope([(0, 10), (1, 12), (2, 14)]) == 2
    assert slope([(x, 10 if x < 3 else 20) for x in range(12)]) == 0
    assert slope([(5, 10)]) == 0
