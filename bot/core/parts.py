"""What turns are made with, and what the operator decided about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.core.admission import ADMIT_EVERYBODY, Admission
from bot.core.caps import SpendingCaps
from bot.core.catalogue import Capability, Catalogue
from bot.core.limits import (
    DRAWINGS_OF_ONE,
    DRAWINGS_SIDE_BY_SIDE,
    FOLD_ABOVE_TOKENS,
    PROMPT_TOKENS,
)
from bot.core.looking import NoEarlierPictures
from bot.core.parking import Smaller, nothing_smaller
from bot.core.places import Places
from bot.core.ports.chat import ChatModel
from bot.core.ports.clock import Clock
from bot.core.ports.files import EarlierPictures, SchemaChecker
from bot.core.ports.money import CallLedger
from bot.core.ports.turns import FoldStore, TurnStore
from bot.core.queueing import TurnQueue
from bot.core.room import Room
from bot.core.sentences import Sentences
from bot.core.sound.listening import Listening
from bot.core.spending import EVERY_MODEL, AllowedModels
from bot.core.tokens import TokenRatios

if TYPE_CHECKING:
    from bot.core.working import MakeWork


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """What the operator decided. ``pseudonym_key`` makes the hashes that a provider sees instead of Discord ids."""

    model: str
    caps: SpendingCaps
    unpriced_call_micro_usd: int
    pseudonym_key: bytes
    prompt_tokens: int = PROMPT_TOKENS
    fold_above_tokens: int = FOLD_ABOVE_TOKENS
    member_requests_per_hour: int | None = None
    allowed_models: AllowedModels = EVERY_MODEL
    own_models: frozenset[str] = frozenset()  # what the operator chose for each capability
    priced_only: frozenset[Capability] = frozenset()  # asked of a server that takes money for every model


@dataclass(frozen=True, slots=True)
class Parts:
    """What turns are made with: one set per process."""

    store: TurnStore
    folds: FoldStore
    ledger: CallLedger
    chat_model: ChatModel
    catalogue: Catalogue
    token_ratios: TokenRatios
    schemas: SchemaChecker
    clock: Clock
    sentences: Sentences
    policy: TurnPolicy
    works: Mapping[type[object], MakeWork] = field(default_factory=dict)  # by the type of a question's task
    pictures: EarlierPictures = field(default_factory=NoEarlierPictures)
    # Its ``place`` is held by every turn, its ``asking`` by whatever asks for text: ``room`` is waited for in between.
    queue: TurnQueue = field(default_factory=TurnQueue)
    # Held by whatever has an upload in memory until its call has ended.
    room: Room = field(default_factory=Room)
    # Held by whatever draws. Whoever waits for ``room`` too takes this first.
    drawing: Places = field(default_factory=lambda: Places(DRAWINGS_SIDE_BY_SIDE, for_one=DRAWINGS_OF_ONE))
    listening: Listening | None = None
    admission: Admission = ADMIT_EVERYBODY
    smaller: Smaller = nothing_smaller  # for replies that Discord finds too large
