"""When Discord's gateway was last heard: the one place that looks into discord.py's keep-alive."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from discord.gateway import KeepAliveHandler

if TYPE_CHECKING:
    from bot.app import Parley


def seconds_since_heard(bot: Parley) -> float | None:
    """Return how long ago the last frame came on the present connection; ``None`` without one."""
    keep_alive = getattr(bot.ws, "_keep_alive", None)
    if not isinstance(keep_alive, KeepAliveHandler):
        return None
    return time.perf_counter() - keep_alive._last_recv  # noqa: SLF001  nothing public tells it
