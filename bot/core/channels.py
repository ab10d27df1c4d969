"""What is known of channels for a while: where Discord refuses messages, and which messages this process sent."""

from __future__ import annotations

from collections import OrderedDict

from bot.core.ports.clock import Clock

PAUSE_SECONDS = 600.0
CHANNELS = 10_000
NONCES = 2000  # far more than a RESUME repeats


class PausedChannels:
    """Channels in which nothing is answered for ten minutes, so that no answer is paid for that nobody can see."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: OrderedDict[int, float] = OrderedDict()

    def pause(self, channel_id: int) -> None:
        """Answer nothing there from now on; pausing again begins anew."""
        self._until[channel_id] = self._clock.perf_seconds() + PAUSE_SECONDS
        self._until.move_to_end(channel_id)
        if len(self._until) > CHANNELS:
            self._until.popitem(last=False)

    def is_paused(self, channel_id: int) -> bool:
        """Whether Discord refused a message there in the last ten minutes."""
        return self._until.get(channel_id, 0.0) > self._clock.perf_seconds()


class SentNonces:
    """The nonces that this process sent, the newest ones."""

    def __init__(self) -> None:
        self._nonces: OrderedDict[str, None] = OrderedDict()

    def add(self, nonce: str) -> str:
        """Remember a nonce, before its message is sent, and return it."""
        self._nonces[nonce] = None
        if len(self._nonces) > NONCES:
            self._nonces.popitem(last=False)
        return nonce

    def __contains__(self, nonce: object) -> bool:
        """Whether this process sent it."""
        return nonce in self._nonces
