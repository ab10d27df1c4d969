"""The ratio between a model's own token counts and the estimate: learned, bounded, kept."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import StoreUnavailable
from bot.core.tokens import RATIO_RANGE, TokenRatios

MODEL = "some-model"


class MemoryStore:
    """Implements ``TokenRatioStore`` in memory; ``broken`` refuses to write."""

    def __init__(self) -> None:
        self.ratios: dict[str, float] = {}
        self.writes = 0
        self.broken = False

    async def token_ratios(self) -> dict[str, float]:
        return dict(self.ratios)

    async def remember_token_ratio(self, model: str, ratio: float) -> None:
        if self.broken:
            raise StoreUnavailable("SQLITE_FULL")
        self.ratios[model] = ratio
        self.writes += 1


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def learn(ratios: TokenRatios, counted: int, *, times: int = 1, model: str = MODEL) -> None:
    for _ in range(times):
        ratios.learn(model, estimated=1_000, counted=counted)


def test_an_unknown_model_counts_as_estimated(store: MemoryStore) -> None:
    ratios = TokenRatios(store)
    assert ratios.of(MODEL) == 1.0
    assert ratios.at_most(MODEL, 1_000) == 1_100
    assert ratios.within(MODEL, 1_200) == 1_090


def test_what_is_reserved_never_trusts_a_model_that_counted_less(store: MemoryStore) -> None:
    ratios = TokenRatios(store)
    learn(ratios, 500, times=40)
    assert ratios.of(MODEL) < 0.6
    assert ratios.at_most(MODEL, 1_000) == 1_100


def test_each_answer_moves_it_a_fifth_of_the_way(store: MemoryStore) -> None:
    ratios = TokenRatios(store)
    learn(ratios, 1_500)
    assert ratios.of(MODEL) == pytest.approx(1.1)
    learn(ratios, 1_500, times=40)
    assert ratios.of(MODEL) == pytest.approx(1.5, abs=0.01)
    assert ratios.of("another") == 1.0


@given(st.lists(st.tuples(st.integers(-5, 10**9), st.integers(-5, 10**9))))
def test_it_stays_within_bounds_whatever_a_server_returns(returned: list[tuple[int, int]]) -> None:
    ratios = TokenRatios(MemoryStore())
    for estimated, counted in returned:
        ratios.learn(MODEL, estimated=estimated, counted=counted)
    assert RATIO_RANGE[0] <= ratios.of(MODEL) <= RATIO_RANGE[1]


@given(st.integers(500, 3_000), st.integers(1, 100_000))
def test_what_fits_a_limit_is_never_counted_beyond_it(counted: int, limit: int) -> None:
    ratios = TokenRatios(MemoryStore())
    learn(ratios, counted, times=20)
    assert ratios.within(MODEL, limit) * ratios.of(MODEL) <= limit


async def test_it_survives_a_restart(store: MemoryStore) -> None:
    ratios = TokenRatios(store)
    learn(ratios, 1_500, times=5)
    await ratios.save()
    again = TokenRatios(store)
    await again.load()
    assert again.of(MODEL) == ratios.of(MODEL) != 1.0


async def test_only_a_change_that_matters_is_written(store: MemoryStore) -> None:
    ratios = TokenRatios(store)
    learn(ratios, 1_010)
    await ratios.save()
    assert store.writes == 0
    learn(ratios, 1_500)
    await ratios.save()
    await ratios.save()
    assert store.writes == 1


async def test_what_cannot_be_written_now_is_written_later(
    store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    ratios = TokenRatios(store)
    learn(ratios, 1_500)
    store.broken = True
    with caplog.at_level(logging.WARNING):
        await ratios.save()
    assert "cannot be remembered" in caplog.text
    store.broken = False
    await ratios.save()
    assert store.ratios == {MODEL: pytest.approx(1.1)}
