"""What the counters of the REST discipline count."""

from hypothesis import given
from hypothesis import strategies as st

from bot.gateway.bucket import TokenBucket, WindowCount


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=200))
def test_no_second_has_more_than_the_rate_and_the_burst(gaps: list[float]) -> None:
    bucket = TokenBucket(per_second=30, burst=15)
    now, times = 0.0, []
    for gap in gaps:
        now += gap
        times.append(now + bucket.reserve(now))
    assert times == sorted(times), "in the order of asking"
    for first in times:
        assert sum(first <= at < first + 1 for at in times) <= 46  # one more where a second begins within the burst


def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    bucket = TokenBucket(per_second=10, burst=5)
    assert [round(bucket.reserve(0.0), 3) for _ in range(8)] == [0, 0, 0, 0, 0, 0.1, 0.2, 0.3]
    assert bucket.left(0.0) == -3
    assert bucket.left(100.0) == 5


def test_a_window_is_full_until_its_oldest_leaves() -> None:
    count = WindowCount(seconds=600, most=3)
    for at in (0.0, 10.0):
        count.add(at)
    assert count.seconds_full(10.0) == 0
    count.add(20.0)
    assert count.seconds_full(20.0) == 580
    assert count.seconds_full(600.0) == 0
