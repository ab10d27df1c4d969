from datetime import timedelta

import pytest

from bot.core.errors.provider import (
    ContextOverflow,
    KeyRejected,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
)
from bot.provider.breaker import Breaker
from tests.clock import FakeClock


@pytest.fixture
def breaker(clock: FakeClock) -> Breaker:
    return Breaker(clock)


def fail(breaker: Breaker, times: int, error: ProviderError | None = None) -> None:
    for _ in range(times):
        breaker.record(error or ProviderUnavailable())


def test_four_failures_are_no_outage(breaker: Breaker) -> None:
    fail(breaker, 4)
    breaker.check()


@pytest.mark.parametrize("error", [ProviderUnavailable(), ProviderTimeout()])
def test_five_failures_open_it(breaker: Breaker, error: ProviderError) -> None:
    fail(breaker, 5, error)
    with pytest.raises(ProviderUnavailable):
        breaker.check()


def test_five_failures_over_more_than_half_a_minute_do_not(breaker: Breaker, clock: FakeClock) -> None:
    for _ in range(10):
        fail(breaker, 1)
        clock.advance(timedelta(seconds=7.6))
    breaker.check()


def test_failures_count_from_the_last_answer_on(breaker: Breaker) -> None:
    fail(breaker, 4)
    breaker.record(None)
    fail(breaker, 4)
    breaker.check()


@pytest.mark.parametrize("error", [RateLimited(), ContextOverflow()])
def test_an_error_that_the_server_answers_with_is_no_failure(breaker: Breaker, error: ProviderError) -> None:
    fail(breaker, 9, error)
    breaker.check()


@pytest.mark.parametrize(("error", "seconds"), [(ProviderUnavailable, 15), (QuotaExhausted, 600), (KeyRejected, 60)])
def test_while_open_the_same_error_is_repeated(
    breaker: Breaker, clock: FakeClock, error: type[ProviderError], seconds: int
) -> None:
    fail(breaker, 5 if error is ProviderUnavailable else 1, error())
    clock.advance(timedelta(seconds=seconds - 0.5))
    with pytest.raises(error):
        breaker.check()
    clock.advance(timedelta(seconds=0.5))
    breaker.check()


class TestHalfOpen:
    @pytest.fixture(autouse=True)
    def probing(self, breaker: Breaker, clock: FakeClock) -> None:
        fail(breaker, 5)
        clock.advance(timedelta(seconds=15))
        breaker.check()

    def test_only_one_request_tries(self, breaker: Breaker) -> None:
        with pytest.raises(ProviderUnavailable):
            breaker.check()

    def test_its_answer_closes_it(self, breaker: Breaker) -> None:
        breaker.record(None)
        for _ in range(3):
            breaker.check()
        fail(breaker, 4)
        breaker.check()

    def test_its_failure_opens_it_again(self, breaker: Breaker, clock: FakeClock) -> None:
        fail(breaker, 1)
        clock.advance(timedelta(seconds=14.5))
        with pytest.raises(ProviderUnavailable):
            breaker.check()
        clock.advance(timedelta(seconds=0.5))
        breaker.check()

    def test_its_failure_opens_it_again_after_a_long_silence(self, breaker: Breaker, clock: FakeClock) -> None:
        clock.advance(timedelta(hours=1))
        fail(breaker, 1)
        clock.advance(timedelta(seconds=14.5))
        with pytest.raises(ProviderUnavailable):
            breaker.check()

    def test_a_probe_that_is_never_heard_of_again_is_followed_by_another(
        self, breaker: Breaker, clock: FakeClock
    ) -> None:
        clock.advance(timedelta(seconds=15))
        breaker.check()


def test_a_probe_of_an_exhausted_quota_that_is_stopped_does_not_cost_another_ten_minutes(
    breaker: Breaker, clock: FakeClock
) -> None:
    breaker.record(QuotaExhausted())
    clock.advance(timedelta(seconds=600))
    breaker.check()
    clock.advance(timedelta(seconds=15))
    breaker.check()


def test_another_error_of_the_probe_takes_the_place_of_the_first(breaker: Breaker, clock: FakeClock) -> None:
    breaker.record(QuotaExhausted())
    clock.advance(timedelta(seconds=600))
    breaker.check()
    breaker.record(ProviderUnavailable())
    with pytest.raises(ProviderUnavailable):
        breaker.check()
