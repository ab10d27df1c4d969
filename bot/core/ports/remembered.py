"""What is learned or set once and holds for later questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class TokenRatioStore(Protocol):
    """Remembers how a model's token counts compare with the estimate. Both raise ``StoreUnavailable``."""

    async def token_ratios(self) -> Mapping[str, float]:
        """Return every remembered ratio by model."""
        ...

    async def remember_token_ratio(self, model: str, ratio: float) -> None:
        """Remember a model's ratio in place of an earlier one."""
        ...


@dataclass(frozen=True, slots=True)
class Quirk:
    """A parameter that a server refuses for a model, and what to send instead (``None``: leave it out)."""

    base_url: str
    model: str
    parameter: str
    replacement: str | None


class QuirkStore(Protocol):
    """Remembers what servers refuse, so that each refusal is paid for once."""

    async def quirks(self) -> Sequence[Quirk]:
        """Return everything remembered."""
        ...

    async def remember(self, quirk: Quirk) -> None:
        """Remember one refusal; the newest replacement for the same parameter wins."""
        ...


class PreferenceScope(StrEnum):
    """What a preference is set for. The scope id of BOT is 0."""

    BOT = "bot"
    GUILD = "guild"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True)
class Preference:
    """One stored preference. ``name`` and ``value`` are the core's words, checked before they are stored."""

    scope: PreferenceScope
    scope_id: int
    name: str
    value: str


class PreferenceStore(Protocol):
    """Preferences of servers and channels: few, so all of them are kept in memory by the core."""

    async def preferences(self) -> Sequence[Preference]:
        """Return all stored preferences."""
        ...

    async def set_preference(self, preference: Preference, *, changed_by: int) -> None:
        """Store a preference and who changed it, replacing an earlier value."""
        ...
