"""The six caps: of the bot, each server and each member, for a day and a month; one check for every reservation."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.caps import CapPeriod, CapScope, SpendingCaps
from bot.core.conversation import ConversationKey
from bot.core.errors.limits import BudgetExhausted
from bot.core.ports.money import Payer, Reservation, Settlement
from bot.store.call_ledger import SqliteCallLedger
from bot.store.database import Database
from bot.store.figures import SqliteFigures
from bot.store.retention import Retention
from bot.store.turns import SqliteTurnStore
from tests.clock import FakeClock
from tests.store.samples import ANSWER, NOTICE, REPLY, RESERVATION, SETTLEMENT, ask, billed, generate, open_database

NO_BOT_CAP = SpendingCaps(10**12)
COST = RESERVATION.micro_usd
FIELDS = ("bot_day", "bot_month", "server_day", "server_month", "member_day", "member_month")


async def begin(
    store: SqliteTurnStore, trigger_id: int, caps: SpendingCaps, *, member: int = 42, server: int | None = 900
) -> BudgetExhausted | None:
    """Claim and reserve, and return the refusal."""
    await store.claim(ask(trigger_id, author_id=member, guild_id=server, conversation=None))
    try:
        await store.begin(trigger_id, RESERVATION, caps=caps)
    except BudgetExhausted as error:
        return error
    return None


@pytest.mark.parametrize(
    ("field", "elsewhere"),
    [
        ("bot_day", None),
        ("bot_month", None),
        ("server_day", {"server": 901}),
        ("server_month", {"server": 901}),
        ("member_day", {"member": 43}),
        ("member_month", {"member": 43}),
    ],
)
async def test_each_cap_refuses_whom_it_holds_for_until_it_ends_and_nobody_else(
    database: Database, store: SqliteTurnStore, clock: FakeClock, field: str, elsewhere: Mapping[str, int] | None
) -> None:
    caps = replace(NO_BOT_CAP, **{field: COST})
    scope, period = field.split("_")
    assert await begin(store, 1, caps) is None
    refused = await begin(store, 2, caps)
    assert refused is not None
    assert (refused.scope, refused.period) == (scope, period)
    assert refused.scope_id == {"bot": 0, "server": 900, "member": 42}[scope]
    ends = datetime(2026, 3, 2, tzinfo=UTC) if period == "day" else datetime(2026, 4, 1, tzinfo=UTC)
    assert refused.resets_at == ends
    assert await billed(database) == COST, "nothing is written of what is refused"
    if elsewhere is not None:
        assert await begin(store, 3, caps, **elsewhere) is None
    else:
        assert await begin(store, 3, caps, member=43, server=901) is not None
    clock.advance(ends - clock.now() - timedelta(milliseconds=1))
    assert await begin(store, 4, caps) is not None
    clock.advance(timedelta(milliseconds=1))
    assert await begin(store, 5, caps) is None


async def test_a_direct_message_counts_for_its_member_and_the_bot_and_for_no_server(store: SqliteTurnStore) -> None:
    assert await begin(store, 1, replace(NO_BOT_CAP, server_day=0, server_month=0), server=None) is None
    for trigger_id, caps in enumerate((replace(NO_BOT_CAP, member_day=COST), SpendingCaps(COST)), 2):
        refused = await begin(store, trigger_id, caps, server=None)
        assert refused is not None
    assert await begin(store, 4, replace(NO_BOT_CAP, server_day=COST)) is None, "and the server pays nothing for it"


async def test_a_member_has_one_cap_for_all_servers_and_a_server_one_for_all_members(store: SqliteTurnStore) -> None:
    assert await begin(store, 1, NO_BOT_CAP, member=42, server=900) is None
    assert await begin(store, 2, replace(NO_BOT_CAP, member_day=COST), member=42, server=901) is not None
    assert await begin(store, 3, replace(NO_BOT_CAP, server_day=COST), member=43, server=900) is not None


async def test_of_several_caps_the_one_that_ends_last_is_told(store: SqliteTurnStore) -> None:
    assert await begin(store, 1, NO_BOT_CAP) is None
    refused = await begin(store, 2, SpendingCaps(COST, member_day=COST, member_month=COST, server_month=COST))
    assert refused is not None
    assert (refused.scope, refused.period) == (CapScope.SERVER, CapPeriod.MONTH)
    refused = await begin(store, 3, SpendingCaps(COST, member_day=COST))
    assert refused is not None
    assert refused.scope is CapScope.BOT


async def test_what_is_answered_again_counts_for_whoever_pressed(store: SqliteTurnStore) -> None:
    caps = replace(NO_BOT_CAP, member_day=COST)
    await store.claim(ask(1, conversation=None))
    await store.begin(1, RESERVATION, caps=caps, payer_id=7)
    assert await begin(store, 2, caps, member=42) is None
    assert await begin(store, 3, caps, member=7) is not None


async def test_a_second_call_of_a_question_and_a_call_without_one_meet_the_same_caps(
    database: Database, store: SqliteTurnStore, clock: FakeClock
) -> None:
    caps = replace(NO_BOT_CAP, member_month=COST + SETTLEMENT.micro_usd - 1)
    await generate(store, ask(1))
    with pytest.raises(BudgetExhausted) as caught:
        await store.begin_again(1, SETTLEMENT, RESERVATION, caps=caps)
    assert (caught.value.scope, caught.value.period) == ("member", "month")
    assert await billed(database) == SETTLEMENT.micro_usd
    calls = SqliteCallLedger(database, clock)
    for payer in (Payer(8, 42, 500, None), Payer(8, 42, 500, 901)):
        with pytest.raises(BudgetExhausted):
            await calls.reserve(payer, RESERVATION, caps=caps)
    with pytest.raises(BudgetExhausted):
        await calls.reserve(Payer(8, 43, 500, 900), RESERVATION, caps=replace(NO_BOT_CAP, server_day=COST))
    await calls.reserve(Payer(8, 43, 500, 900), RESERVATION, caps=caps)


@pytest.mark.parametrize("field", FIELDS)
async def test_what_grows_after_midnight_counts_for_the_new_day_and_month(
    database: Database, store: SqliteTurnStore, clock: FakeClock, field: str
) -> None:
    caps = replace(NO_BOT_CAP, **{field: 2 * COST})
    clock.advance(datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC) - clock.now())
    assert await begin(store, 1, caps) is None
    clock.advance(timedelta(seconds=2))
    with pytest.raises(BudgetExhausted) as caught:
        await store.reserve_more(1, COST + 1, caps=caps)
    assert caught.value.micro_usd == COST + 1
    assert await billed(database) == COST, "nothing is written of what is refused"
    await store.reserve_more(1, COST, caps=caps)
    with pytest.raises(BudgetExhausted):
        await store.reserve_more(1, 1, caps=caps)
    assert await begin(store, 2, caps) is not None


async def test_a_restart_forgets_no_cap(path: Path) -> None:
    caps = SpendingCaps(COST)
    async with open_database(path) as database:
        assert await begin(SqliteTurnStore(database, FakeClock()), 1, caps) is None
    for field in FIELDS:
        async with open_database(path) as database:
            store = SqliteTurnStore(database, FakeClock())
            assert await begin(store, 2, replace(NO_BOT_CAP, **{field: COST})) is not None


async def test_what_is_kept_shortest_still_knows_the_whole_month(
    database: Database, store: SqliteTurnStore, clock: FakeClock
) -> None:
    await generate(store, ask(1))  # on the first, at noon
    clock.advance(timedelta(days=30, hours=11))
    await Retention(database, clock, days=1).purge()
    assert await begin(store, 2, SpendingCaps(10**12, COST)) is not None
    assert await SqliteFigures(database, clock).spent_micro_usd(CapPeriod.MONTH) == COST
    assert await SqliteFigures(database, clock).spent_micro_usd(CapPeriod.DAY) == 0


@pytest.mark.parametrize(
    ("now", "day", "month"),
    [
        ("2028-02-29T23:59:59Z", "2028-03-01", "2028-03-01"),
        ("2026-12-31T12:00:00Z", "2027-01-01", "2027-01-01"),
        ("2026-01-31T00:00:00Z", "2026-02-01", "2026-02-01"),
        ("2026-04-01T00:00:00Z", "2026-04-02", "2026-05-01"),
    ],
)
def test_days_and_months_are_the_calendars(now: str, day: str, month: str) -> None:
    at = datetime.fromisoformat(now)
    assert CapPeriod.DAY.end(at).isoformat() == f"{day}T00:00:00+00:00"
    assert CapPeriod.MONTH.end(at).isoformat() == f"{month}T00:00:00+00:00"
    assert CapPeriod.DAY.start(at).isoformat() == f"{now[:10]}T00:00:00+00:00"
    assert CapPeriod.MONTH.start(at).isoformat() == f"{now[:7]}-01T00:00:00+00:00"


@dataclass(frozen=True)
class Call:
    """``outcome``: a crash leaves it open, it is settled with ``cost`` at most, or it fails and cost nothing."""

    member: int
    server: int | None
    day: int
    reserved: int
    outcome: bool | None
    cost: int
    claimed: bool

    @property
    def settlement(self) -> Settlement:
        return Settlement(min(self.cost, self.reserved), None, "v")


amounts = st.integers(min_value=0, max_value=1000)
calls_of = st.builds(
    Call,
    member=st.sampled_from([1, 2]),
    server=st.sampled_from([None, 10]),
    day=st.integers(0, 2),
    reserved=amounts,
    outcome=st.none() | st.booleans(),
    cost=amounts,
    claimed=st.booleans(),
)
SUMS = """
SELECT author_id, guild_id, created_at, coalesce(settled_micro_usd, reserved_micro_usd) AS micro_usd FROM usage_ledger
"""


def passed(rows: list[tuple[int, int | None, int, int]], caps: SpendingCaps) -> list[str]:
    """Return what passed its cap, counted anew from the rows: each day and month, server and member by itself."""
    found = []
    for field in FIELDS:
        (scope, period), cap = field.split("_"), getattr(caps, field)
        sums: dict[tuple[object, str], int] = {}
        for author, guild, created_at, micro_usd in rows:
            whose = {"bot": 0, "server": guild, "member": author}[scope]
            day = datetime.fromtimestamp(created_at / 1000, tz=UTC).isoformat()
            if whose is not None:
                key = (whose, day[: 10 if period == "day" else 7])
                sums[key] = sums.get(key, 0) + micro_usd
        found += [
            f"{scope} {period} {key}: {spent} of {cap}"
            for key, spent in sums.items()
            if cap is not None and spent > cap
        ]
    return found


async def claimed_call(store: SqliteTurnStore, number: int, call: Call, caps: SpendingCaps) -> None:
    key = ConversationKey(500, call.server)
    await store.claim(ask(number, author_id=call.member, guild_id=call.server, conversation=key))
    await store.begin(number, Reservation("chat", "m", call.reserved), caps=caps)
    if call.outcome is True:
        await store.complete(number, ANSWER, REPLY, call.settlement, history=None)
    elif call.outcome is False:
        await store.fail(number, "x", "e", NOTICE, billed=False)


async def grown_call(store: SqliteTurnStore, number: int, call: Call, caps: SpendingCaps) -> None:
    await store.reserve_more(number, call.reserved, caps=caps)


async def other_call(ledger: SqliteCallLedger, number: int, call: Call, caps: SpendingCaps) -> None:
    payer = Payer(number, call.member, 500, call.server)
    entry = await ledger.reserve(payer, Reservation("summary", "m", call.reserved), caps=caps)
    if call.outcome is not None:
        await ledger.settle(entry, call.settlement if call.outcome else None)


async def looked_at(database: Database, caps: SpendingCaps, calls: asyncio.Future[list[BaseException | None]]) -> None:
    """Look at every cap between any two steps of the calls, and once more after them."""
    ended = False
    while not ended:
        ended = calls.done()
        rows = [(r["author_id"], r["guild_id"], r["created_at"], r["micro_usd"]) for r in await database.run(SUMS)]
        assert passed(rows, caps) == []
        await asyncio.sleep(0)


@pytest.mark.parametrize("field", FIELDS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(calls=st.lists(calls_of, min_size=12, max_size=30), cap=st.integers(0, 1200))
def test_calls_side_by_side_never_pass_any_cap(field: str, calls: list[Call], cap: int) -> None:
    """H10, P11. Waves over the end of a month, in which open calls grow; no other cap hides what this one lets by."""
    caps = replace(NO_BOT_CAP, **{field: cap})

    async def run(path: Path) -> None:
        clock = FakeClock(datetime(2026, 3, 30, 23, 59, tzinfo=UTC))
        async with open_database(path) as database:
            store, ledger = SqliteTurnStore(database, clock), SqliteCallLedger(database, clock)
            still_open: list[tuple[int, Call]] = []
            for day in range(3):
                wave = [(number, call) for number, call in enumerate(calls, 1) if call.day == day]
                growing, still_open = still_open, []
                running = asyncio.gather(
                    *(grown_call(store, number, call, caps) for number, call in growing),
                    *(
                        claimed_call(store, number, call, caps)
                        if call.claimed
                        else other_call(ledger, number, call, caps)
                        for number, call in wave
                    ),
                    return_exceptions=True,
                )
                await looked_at(database, caps, running)
                for (number, call), refused in zip(growing + wave, await running, strict=True):
                    if refused is not None:
                        assert isinstance(refused, BudgetExhausted)
                        assert refused.micro_usd == call.reserved
                    elif call.claimed and call.outcome is None:
                        still_open.append((number, call))
                clock.advance(timedelta(days=1))

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder) / "parley.db"))


@pytest.mark.parametrize("field", FIELDS)
async def test_calls_that_fit_exactly_all_pass_and_no_more(
    database: Database, store: SqliteTurnStore, field: str
) -> None:
    caps = replace(NO_BOT_CAP, **{field: 20 * COST})
    refusals = await asyncio.gather(*(begin(store, number, caps) for number in range(1, 31)))
    assert refusals.count(None) == 20
    assert await billed(database) == 20 * COST
