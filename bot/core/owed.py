"""What the database has not taken yet, kept in memory until it does.

What a member was shown must not be done again after a restart: a turn that was delivered, or told that nothing can be
saved, is to end there too, however long the disk is full in between.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from bot.core.errors import StoreUnavailable

log = logging.getLogger(__name__)

MOST: Final = 1000  # turns: some hours of a busy bot; the oldest is left to the next start

Write: TypeAlias = Callable[[], Awaitable[None]]
Key: TypeAlias = int | tuple[int, int]  # a trigger, for how its turn ends; with a page, for the message that shows it


class OwedWrites:
    """What became of turns and could not be written: the last word on each, repeated until the database takes it."""

    def __init__(self) -> None:
        self._owed: dict[Key, Write] = {}  # oldest first

    async def write(self, key: Key, write: Write) -> None:
        """Write it now, or as soon as the database takes writes again. ``write`` may be made twice."""
        self._owed.pop(key, None)
        self._owed[key] = write  # from now on: whoever waits for it may be cancelled
        if len(self._owed) > MOST:
            left = next(iter(self._owed))
            del self._owed[left]
            log.error("what became of a turn is left to the next start", extra=_ids(left))
        try:
            await write()
        except StoreUnavailable as error:
            log.warning("what became of a turn is owed", extra={**_ids(key), "detail": error.detail})
            return
        except Exception:
            self._forget(key, write)
            raise
        self._forget(key, write)

    def owes(self, trigger_id: int) -> bool:
        """Whether the database still says of a turn what is no longer true."""
        return trigger_id in self._owed

    async def catch_up(self) -> None:
        """Write what is owed, for as long as the database takes it."""
        for key, write in list(self._owed.items()):
            try:
                await write()
            except StoreUnavailable:
                return
            except Exception:  # what is behind it must not wait for it
                log.exception("what became of a turn cannot be written", extra=_ids(key))
            else:
                log.info("what became of a turn is written at last", extra=_ids(key))
            self._forget(key, write)

    def _forget(self, key: Key, write: Write) -> None:
        if self._owed.get(key) is write:
            del self._owed[key]


def _ids(key: Key) -> dict[str, int]:
    return {"trigger_id": key} if isinstance(key, int) else {"trigger_id": key[0], "page": key[1]}
