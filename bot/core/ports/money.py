"""What calls cost: reserved before they are made, settled afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.core.caps import SpendingCaps
from bot.core.conversation import Usage


@dataclass(frozen=True, slots=True)
class Reservation:
    """The worst case of one call, reserved before it is made, in millionths of a US dollar."""

    capability: str
    model: str
    micro_usd: int


@dataclass(frozen=True, slots=True)
class MediaUsage:
    """What a call about pictures or sound used, as the provider returned it or as it was measured here."""

    input_tokens: int = 0
    input_image_tokens: int = 0
    input_audio_tokens: int = 0
    output_tokens: int = 0
    output_audio_tokens: int = 0
    pictures: int = 0
    seconds: float = 0.0
    characters: int = 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a call really cost. ``micro_usd`` is the reservation where the server returned no usage."""

    micro_usd: int
    usage: Usage | MediaUsage | None
    price_version: str


@dataclass(frozen=True, slots=True)
class Payer:
    """For whom a call outside of a claim is made. ``trigger_id``: what made the bot call; it need not be claimed."""

    trigger_id: int
    author_id: int
    channel_id: int
    guild_id: int | None


class CallLedger(Protocol):
    """Reserves and settles calls that belong to no claim, against the same caps. All raise ``StoreUnavailable``."""

    async def reserve(
        self, payer: Payer, reservation: Reservation, *, caps: SpendingCaps, member_requests_per_hour: int | None = None
    ) -> int:
        """Reserve a call's worst case and return the id of its entry; raises the ``LimitReached``."""
        ...

    async def settle(self, entry_id: int, settlement: Settlement | None) -> None:
        """Settle a reservation; ``None`` releases it: the call cost nothing."""
        ...
