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


class OwedWrites:
    """How turns end that could not be ended: the last word on each, to be repeated until the database takes it."""

    def __init__(self) -> None:
        self._owed: dict[int, Write] = {}  # by trigger, oldest first

    async def write(self, trigger_id: int, write: Write) -> None:
        """End a turn now, or as soon as the database takes writes again. ``write`` may be made twice."""
        self._owed.pop(trigger_id, None)
        self._owed[trigger_id] = write  # from now on: whoever waits for it may be cancelled
        if len(self._owed) > MOST:
            left = next(iter(self._owed))
            del self._owed[left]
            log.error("the end of a turn is left to the next start", extra={"trigger_id": left})
        try:
            await write()
        except StoreUnavailable as error:
            log.warning("the end of a turn is owed", extra={"trigger_id": trigger_id, "detail": error.detail})
            return
        except Exception:
            self._forget(trigger_id, write)
            raise
        self._forget(trigger_id, write)

    def owes(self, trigger_id: int) -> bool:
        """Whether the database still says of a turn what is no longer true."""
        return trigger_id in self._owed

    async def catch_up(self) -> None:
        """Write what is owed, for as long as the database takes it."""
        for trigger_id, write in list(self._owed.items()):
            try:
                await write()
            except StoreUnavailable:
                return
            except Exception:  # what is behind it must not wait for it
                log.exception("a turn cannot be ended", extra={"trigger_id": trigger_id})
            else:
                log.info("a turn has ended at last", extra={"trigger_id": trigger_id})
            self._forget(trigger_id, write)

    def _forget(self, trigger_id: int, write: Write) -> None:
        if self._owed.get(trigger_id) is write:
            del self._owed[trigger_id]
