"""The OpenAI client of one endpoint: no retries and no deadlines but ours."""

from __future__ import annotations

from functools import cache
from ssl import SSLContext
from typing import Final

from httpx2 import Limits, create_ssl_context
from openai import AsyncOpenAI, DefaultAioHttpClient, Timeout

from bot.provider.parameters import is_openai

CONNECT_SECONDS: Final = 5.0
CONNECTIONS: Final = 1000
KEEP_ALIVE_SECONDS: Final = 60.0  # the SDK's 5 s would mean a new TLS connection for nearly every question


@cache
def _trusted() -> SSLContext:
    """Return what every client checks certificates with: reading the machine's takes each 30 ms and a megabyte."""
    return create_ssl_context()


def make_client(*, base_url: str, api_key: str) -> AsyncOpenAI:
    """Return a client that its owner closes."""
    # Only connecting has a deadline there: the others are ours, and move with what comes.
    timeout = Timeout(None, connect=CONNECT_SECONDS)
    limits = Limits(max_connections=CONNECTIONS, keepalive_expiry=KEEP_ALIVE_SECONDS)
    client = AsyncOpenAI(
        base_url=base_url,
        api_key=api_key,
        max_retries=0,
        timeout=timeout,
        # The SDK's aiohttp transport reads a stream with half of the CPU that its default one takes.
        http_client=DefaultAioHttpClient(timeout=timeout, limits=limits, verify=_trusted()),
    )
    if not is_openai(base_url):
        # The SDK takes these from the environment; other servers have no business with them.
        client.organization = None
        client.project = None
    return client
