"""What is known of limits that are reached: whose they are, for how long they are believed, who was told."""

from datetime import timedelta

from bot.core.caps import CapPeriod, CapScope
from bot.core.errors.limits import BudgetExhausted, MemberLimitReached
from bot.core.spending import RECHECK_AFTER, ReachedLimits
from tests.clock import FakeClock

ORDINARY = 100


def reached(clock: FakeClock, scope: CapScope, scope_id: int, *, micro_usd: int = ORDINARY) -> BudgetExhausted:
    ends = CapPeriod.MONTH.end(clock.now())
    return BudgetExhausted(scope, CapPeriod.MONTH, ends, scope_id=scope_id, micro_usd=micro_usd)


def test_a_cap_refuses_those_it_holds_for_and_is_looked_at_again() -> None:
    clock = FakeClock()
    limits = ReachedLimits(clock)
    member, server = reached(clock, CapScope.MEMBER, 1), reached(clock, CapScope.SERVER, 900)
    limits.note(member, 1, ordinary_micro_usd=ORDINARY)
    limits.note(server, 2, ordinary_micro_usd=ORDINARY)
    assert limits.refusal(1, None) is limits.refusal(1, 901) is member
    assert limits.refusal(2, 900) is limits.refusal(3, 900) is server
    assert limits.refusal(2, None) is limits.refusal(2, 901) is None
    bot = reached(clock, CapScope.BOT, 0)
    limits.note(bot, 4, ordinary_micro_usd=ORDINARY)
    assert limits.refusal(5, None) is limits.refusal(1, 900) is bot
    clock.advance(RECHECK_AFTER)
    assert limits.refusal(1, 900) is None


def test_a_dear_question_says_nothing_about_ordinary_ones() -> None:
    clock = FakeClock()
    limits = ReachedLimits(clock)
    limits.note(reached(clock, CapScope.MEMBER, 1, micro_usd=ORDINARY + 1), 1, ordinary_micro_usd=ORDINARY)
    assert limits.refusal(1, 900) is None


def test_each_cap_is_told_to_each_member_once_a_day_until_it_ends() -> None:
    clock = FakeClock()
    limits = ReachedLimits(clock)
    here, there, own = (
        reached(clock, CapScope.SERVER, 900), reached(clock, CapScope.SERVER, 901), reached(clock, CapScope.MEMBER, 1)
    )  # fmt: skip
    hourly = MemberLimitReached(clock.now() + timedelta(hours=1), limit=60)
    assert [limits.tell(error, 1) for error in (here, there, own, hourly)] == [True] * 4
    assert [limits.tell(error, 1) for error in (here, there, own, hourly)] == [False] * 4
    assert limits.tell(here, 2)
    clock.advance(timedelta(hours=23, minutes=59))
    assert not limits.tell(here, 1)
    assert limits.was_told(here, 1)
    clock.advance(timedelta(minutes=1))
    assert not limits.was_told(here, 1)
    assert limits.tell(here, 1)
    clock.advance(here.resets_at - clock.now() - timedelta(hours=2))
    assert limits.tell(here, 1)
    clock.advance(timedelta(hours=2))
    assert limits.tell(here, 1)
