"""Fetches attachments: from Discord's hosts only, without redirects, within a size and a time."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from bot.core.errors.files import FileProblem, FileRefused
from bot.core.ports.files import AttachedFile

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 5.0
FETCH_SECONDS: Final = 30.0
CHUNK_BYTES: Final = 64 * 1024


class CappedFetch:
    """Implements ``FetchFile``. Remembers no cookies, takes no proxy from the environment, unpacks nothing."""

    def __init__(self, hosts: Collection[str], *, total_seconds: float = FETCH_SECONDS) -> None:
        self._hosts = frozenset(hosts)
        timeout = aiohttp.ClientTimeout(total=total_seconds, connect=CONNECT_SECONDS)
        self._session = aiohttp.ClientSession(
            timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def __call__(self, file: AttachedFile, *, limit_bytes: int) -> bytes:
        """Return the file's bytes; raises ``FileRefused`` when it is gone or larger than the limit."""
        if not self._is_allowed(file.url):
            log.warning("a file lies on a host that is not listed")
            raise FileRefused(FileProblem.GONE)
        try:
            return await self._fetched(file.url, limit_bytes)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            log.info("a file was not fetched", extra={"detail": type(error).__name__})
            raise FileRefused(FileProblem.GONE) from None

    async def _fetched(self, url: str, limit_bytes: int) -> bytes:
        headers = {"Accept-Encoding": "identity"}
        async with self._session.get(url, allow_redirects=False, headers=headers) as response:
            packed = response.headers.get("Content-Encoding", "identity") != "identity"
            if response.status != 200 or packed:
                log.info("a file was not fetched", extra={"status": response.status})
                raise FileRefused(FileProblem.GONE)
            if (response.content_length or 0) > limit_bytes:
                raise FileRefused(FileProblem.TOO_LARGE)
            content = bytearray()
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                content += chunk
                if len(content) > limit_bytes:
                    raise FileRefused(FileProblem.TOO_LARGE)
            return bytes(content)

    def _is_allowed(self, url: str) -> bool:
        """Whether a URL is https on a listed host; plain http and any port only on a listed loopback address."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return False
        if parts.username is not None or parts.password is not None or parts.hostname not in self._hosts:
            return False
        if _is_loopback(parts.hostname):
            return parts.scheme in ("http", "https")
        return parts.scheme == "https" and port in (None, 443)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
