"""The socket under a response, to leave its bytes in the kernel for a moment. The only use of private names of the SDK.

Without it everything works, at a higher price: each network packet wakes the event loop, and at 100 tokens per second
that costs more than all that is done with the tokens. A test says when the SDK has moved the names.
"""

from __future__ import annotations

import asyncio

import aiohttp
import httpx2


class Flow:
    """Holds back the bytes of one response."""

    def __init__(self, response: httpx2.Response) -> None:
        bound = getattr(response.stream, "_stream", None)
        inner = getattr(bound, "_aiohttp_response", None)
        self._response = inner if isinstance(inner, aiohttp.ClientResponse) else None

    @property
    def transport(self) -> asyncio.Transport | None:
        """The response's own transport; ``None`` once the body has ended, when others may use it."""
        connection = self._response.connection if self._response is not None else None
        transport = connection.transport if connection is not None else None
        return transport if isinstance(transport, asyncio.Transport) else None

    async def gather(self, seconds: float) -> None:
        """Let bytes gather for a while before they are read."""
        transport = self.transport
        if transport is None:
            return
        transport.pause_reading()
        try:
            await asyncio.sleep(seconds)
        finally:
            transport.resume_reading()
