"""What is known of the connection to Discord, for everybody who asks: health, metrics, cogs."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.core.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class GatewayState:
    """The connection at one moment.

    ``identify_wait_seconds``: how long the next login still has to wait for its limits; 0 when none waits.
    ``content_intent_lost``: the operator asked for message content and Discord refuses it.
    """

    connected: bool
    last_dispatch_age_seconds: float | None
    identify_wait_seconds: float
    content_intent_lost: bool


@dataclass(slots=True)
class GatewayLink:
    """The connection as the supervisor sees it. ``message_content``: whether the bot gets the words of messages."""

    clock: Clock
    message_content: bool
    connected: bool = False
    content_intent_lost: bool = False
    _heard_at: float | None = field(default=None, init=False)
    _may_identify_at: float = field(default=0.0, init=False)

    def heard(self) -> None:
        """Note that Discord sent something."""
        self._heard_at = self.clock.perf_seconds()

    def waits_to_identify(self, seconds: float) -> None:
        """Note that the next login has to wait so long; 0: that it need not."""
        self._may_identify_at = self.clock.perf_seconds() + seconds

    def lose_message_content(self) -> None:
        """Go on without the words of messages that are not meant for the bot."""
        self.message_content = False
        self.content_intent_lost = True

    def state(self) -> GatewayState:
        """Return how the connection is now."""
        now = self.clock.perf_seconds()
        return GatewayState(
            connected=self.connected,
            last_dispatch_age_seconds=None if self._heard_at is None else now - self._heard_at,
            identify_wait_seconds=max(0.0, self._may_identify_at - now),
            content_intent_lost=self.content_intent_lost,
        )
