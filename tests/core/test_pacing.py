"""The pace of edits: one budget per bucket, the finished answer never waits, Discord's word counts most."""

import pytest

from bot.core.limits import EDIT_SECONDS
from bot.core.pacing import BUCKETS, EditPace


def test_unfinished_edits_keep_their_distance_however_many_answers_grow() -> None:
    pace = EditPace()
    waits = [pace.reserve("channel", 100.0) for _ in range(4)]
    assert waits == pytest.approx([0.0, EDIT_SECONDS, 2 * EDIT_SECONDS, 3 * EDIT_SECONDS])
    assert pace.reserve("another", 100.0) == 0.0


def test_five_seconds_of_edits_leave_room_for_the_finished_answer() -> None:
    pace, now, edits = EditPace(), 0.0, []
    while now < 60.0:
        now += pace.reserve("channel", now)
        edits.append(now)
    for start in edits:
        assert sum(start <= at < start + 5.0 for at in edits) <= 5


def test_a_finished_answer_moves_the_next_unfinished_edit() -> None:
    pace = EditPace()
    pace.note("channel", 100.0)
    assert pace.reserve("channel", 100.5) == pytest.approx(EDIT_SECONDS - 0.5)


def test_the_last_request_of_a_window_is_kept_for_a_finished_answer() -> None:
    pace = EditPace()
    pace.learn("channel", 100.0, remaining=2, reset_after_seconds=4.0)
    assert pace.reserve("channel", 100.0) == 0.0
    pace.learn("channel", 100.0, remaining=1, reset_after_seconds=4.0)
    assert pace.reserve("channel", 100.0) == 4.0


def test_no_more_buckets_are_remembered_than_there_are_in_use() -> None:
    """Every command has a token, and with it a bucket of its own."""
    pace = EditPace()
    for number in range(1000):
        pace.reserve(f"token-{number}", float(number))
        pace.note(f"token-{number}", number + 0.5)
    assert len(pace) <= 1 + 2 * EDIT_SECONDS


def test_a_bucket_that_is_blocked_is_remembered_until_it_is_free() -> None:
    pace = EditPace()
    pace.learn("channel", 100.0, remaining=0, reset_after_seconds=60.0)
    assert pace.reserve("another", 150.0) == 0.0
    assert pace.reserve("channel", 150.0) == pytest.approx(10.0)


def test_memory_is_bounded_however_many_are_in_use() -> None:
    pace = EditPace()
    for number in range(BUCKETS + 50):
        pace.reserve(str(number), 0.0)
    assert len(pace) == BUCKETS
