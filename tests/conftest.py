"""What tests of every layer share."""

from collections.abc import AsyncIterator

import pytest

from bot.sandbox.standin import StandIn
from tests.contract import check_request


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    """An OpenAI-compatible server on loopback; the test fails when a request breaks the API's contract."""
    async with StandIn(check=check_request) as server:
        yield server
