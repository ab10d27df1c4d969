"""Fetches what a server answered with an address instead of the bytes: at once, within a size, from nowhere near."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from bot.core.errors.provider import InvalidReply
from bot.core.pictures.formats import kind_of_picture

CONNECT_SECONDS: Final = 5.0
DOWNLOAD_SECONDS: Final = 60.0
CHUNK_BYTES: Final = 64 * 1024


class _PublicAddresses(AbstractResolver):
    """Knows no host that lies in a private network: an answer must not lead into the operator's own."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_UNSPEC) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        public = [address for address in found if ipaddress.ip_address(address["host"]).is_global]
        if not public:
            raise OSError("no public address")
        return public

    async def close(self) -> None:
        await self._resolver.close()


class Downloads:
    """Fetches from any public host by https, and from the configured server itself; follows nothing."""

    def __init__(self, base_url: str) -> None:
        self._own = _origin(base_url)
        timeout = aiohttp.ClientTimeout(total=DOWNLOAD_SECONDS, connect=CONNECT_SECONDS)
        options: dict[str, Any] = {
            "timeout": timeout,
            "cookie_jar": aiohttp.DummyCookieJar(),
            "auto_decompress": False,
            "trust_env": False,
        }
        self._sessions = {
            True: aiohttp.ClientSession(**options),
            False: aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=_PublicAddresses()), **options),
        }

    async def aclose(self) -> None:
        """Close the connections."""
        await asyncio.gather(*(session.close() for session in self._sessions.values()))

    async def picture(self, url: str, *, limit_bytes: int) -> bytes:
        """Return the picture that lies there. Raises ``InvalidReply``."""
        content = await self._fetch(url, limit_bytes=limit_bytes)
        if kind_of_picture(content) is None:
            raise InvalidReply("a picture's address leads to something else")
        return content

    async def _fetch(self, url: str, *, limit_bytes: int) -> bytes:
        own = _origin(url) == self._own
        if not (own or _is_public(url)):
            raise InvalidReply("a picture's address that is not followed")
        headers = {"Accept-Encoding": "identity"}
        try:
            async with self._sessions[own].get(url, allow_redirects=False, headers=headers) as response:
                if response.status != 200:
                    raise InvalidReply(f"a picture's address answers {response.status}")
                content = bytearray()
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    content += chunk
                    if len(content) > limit_bytes:
                        raise InvalidReply("a picture's address leads to too much")
                return bytes(content)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise InvalidReply(f"a picture's address: {type(error).__name__}") from None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", None, None
    return parts.scheme, parts.hostname, port


def _is_public(url: str) -> bool:
    """Whether an address may be public; where its name leads is looked at when it is resolved."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme != "https" or not parts.hostname or parts.username is not None or port not in (None, 443):
        return False
    try:
        return ipaddress.ip_address(parts.hostname).is_global
    except ValueError:
        return True
