"""Calls to Discord that hang, or that nobody should repeat."""

from __future__ import annotations

import asyncio
import json

import pytest

from bot.core.errors.delivery import DeliveryFailed
from cogs.ui.calls import CALL_SECONDS, PAUSES_SECONDS, UPLOAD_SECONDS, call
from tests.clock import FakeClock


async def test_a_call_that_hangs_is_given_up_and_made_again() -> None:
    made = 0

    async def hang() -> None:
        nonlocal made
        made += 1
        await asyncio.Event().wait()

    with pytest.raises(DeliveryFailed, match="TimeoutError"):
        await call(hang, clock=FakeClock(), seconds=0.01)
    assert made == len(PAUSES_SECONDS) + 1
    assert (CALL_SECONDS, UPLOAD_SECONDS) == (15, 60)


async def test_no_call_is_made_again_after_a_minute() -> None:
    clock, made = FakeClock(), 0

    async def take_long() -> None:
        nonlocal made
        made += 1
        await clock.sleep(40)
        raise ConnectionResetError

    with pytest.raises(DeliveryFailed):
        await call(take_long, clock=clock)
    assert made == 2


async def test_half_an_answer_counts_as_none() -> None:
    async def answer() -> object:
        return json.loads('{"id": "1')

    with pytest.raises(DeliveryFailed, match="JSONDecodeError"):
        await call(answer, clock=FakeClock())
