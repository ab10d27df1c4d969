"""Calls to Discord with a deadline of their own, retries where the call is safe to repeat, and our errors."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

import aiohttp
import discord

from bot.core.conversation import ReplyKind
from bot.core.errors.delivery import DeliveryFailed, DeliveryRefused, ReplyBlocked, ReplyTooLarge
from bot.core.limits import NONCE_CHARS
from bot.core.ports.clock import Clock

T = TypeVar("T")

CALL_SECONDS = 15.0
UPLOAD_SECONDS = 60.0
TRYING_SECONDS = 60.0  # no new try after that: the outbox goes on
PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0)
NO_RIGHT = frozenset({50001, 50013})  # Missing Access, Missing Permissions
BLOCKED = frozenset({200000, 200001, 240000})  # by AutoMod, or for its links
TOO_LARGE = frozenset({40005, 50045})

UNKNOWN_MESSAGE = 10008
# What discord.py raises at an answer that is not what Discord's API sends: a proxy's page, a field that is missing.
UNREADABLE = (TypeError, ValueError, LookupError, AttributeError)
NO_HISTORY = 160002  # a reply needs Read Message History; a plain message does not
# Discord will say the same tomorrow: no permission, channel or token gone, thread locked, blocked by AutoMod.
FINAL_CODES = NO_RIGHT | {10003, 10004, 10015, 10062, 50007, 50027, 50083, 160006}


def nonce(kind: ReplyKind, trigger_id: int, page: int) -> str:
    """Return the nonce of one page: the same after a restart, so that Discord drops the second create."""
    digest = hashlib.blake2b(f"{kind.value}|{trigger_id}|{page}".encode(), digest_size=16).digest()
    return base64.b32encode(digest).decode("ascii").lower()[:NONCE_CHARS]


def is_refused_reference(error: DeliveryRefused) -> bool:
    """Whether only the reference to the question was refused."""
    return isinstance(error.__cause__, discord.HTTPException) and error.__cause__.code == NO_HISTORY


def is_missing_right(error: DeliveryRefused) -> bool:
    """Whether the bot lacks a permission in the channel."""
    return isinstance(error.__cause__, discord.HTTPException) and error.__cause__.code in NO_RIGHT


def refusal_of(error: discord.HTTPException) -> DeliveryRefused | None:
    """Return what Discord will say the same tomorrow; ``None`` for what may work later."""
    detail = f"status {error.status} code {error.code}"
    if error.code in BLOCKED:
        return ReplyBlocked(detail)
    if error.code in TOO_LARGE or error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return ReplyTooLarge(detail)
    if error.code in FINAL_CODES:
        return DeliveryRefused(detail)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR or error.status == HTTPStatus.TOO_MANY_REQUESTS:
        return None
    return DeliveryRefused(detail)  # also our own mistakes


async def call(make: Callable[[], Awaitable[T]], *, clock: Clock, seconds: float = CALL_SECONDS) -> T:
    """Await what ``make`` returns, repeating it after faults of the network or of Discord's servers.

    Only for calls that may be repeated: edits, and creates with a nonce. Raises ``DeliveryFailed`` when it may work
    later, ``DeliveryRefused`` when it never will, and ``discord.NotFound`` for a message that is gone. An answer that
    is no JSON counts as a fault: something between Discord and here gave it.
    """
    detail = ""
    began_at = clock.perf_seconds()
    for pause in (*PAUSES_SECONDS, None):
        try:
            async with asyncio.timeout(seconds):
                return await make()
        except (TimeoutError, OSError, aiohttp.ClientError, *UNREADABLE) as error:
            detail = type(error).__name__
        except discord.RateLimited as error:
            raise DeliveryFailed(f"rate limited for {error.retry_after:.0f} s") from error
        except discord.HTTPException as error:
            detail = f"status {error.status} code {error.code}"
            if isinstance(error, discord.NotFound) and error.code == UNKNOWN_MESSAGE:
                raise
            if (refusal := refusal_of(error)) is not None:
                raise refusal from error
            if error.status == HTTPStatus.TOO_MANY_REQUESTS:  # without Via it is a ban
                raise DeliveryFailed(detail) from error
        if pause is None or clock.perf_seconds() - began_at > TRYING_SECONDS:
            break
        await clock.sleep(pause)
    raise DeliveryFailed(detail)
