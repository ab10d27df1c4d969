"""Which models can be chosen: what the server really offers, as far as the operator allows it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from bot.core.catalogue import Capability, Catalogue, ModelEntry, OfferedModel, Price
from bot.core.errors.provider import ProviderError
from bot.core.ports.clock import Clock
from bot.core.spending import AllowedModels

log = logging.getLogger(__name__)

LIST_SECONDS = 300.0  # so long a list is taken for current
NAME_CHARS = 100  # of a model: what a Discord choice takes
ENDING_DAYS = (60, 30, 7)  # before a model is shut down: when it is marked, ever more


class ModelLister(Protocol):
    """Lists what a server offers."""

    async def list_models(self) -> list[OfferedModel]:
        """Return the models; nothing where the server has no such list. Raises a ``ProviderError``."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """A model that can be chosen. ``ends_in_days``: until it is shut down, where that is known."""

    model: str
    price: Price | None
    shutdown: date | None
    ends_in_days: int | None
    is_default: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """Models to choose from. ``from_server``: as the server lists them; otherwise as the catalogue knows them."""

    models: tuple[Choice, ...]
    from_server: bool


@dataclass(frozen=True, slots=True)
class Source:
    """Where the models of a capability come from, and the one that is used when nobody chose.

    ``only_known``: models that the catalogue does not know, or not the price of, are left out: OpenAI lists models for
    every purpose without saying which, and takes money for each. ``alone``: the server is asked for nothing but this
    capability, so that its unknown models are for it.
    """

    models: ListedModels
    default_model: str
    only_known: bool
    alone: bool = False


class ListedModels:
    """What one server lists, read now and then."""

    def __init__(self, lister: ModelLister, clock: Clock) -> None:
        self._lister = lister
        self._clock = clock
        self._lock = asyncio.Lock()
        self._listed: list[OfferedModel] = []
        self._read_at_seconds: float | None = None

    async def read(self) -> list[OfferedModel]:
        """Return the list; what was read last where the server cannot be asked."""
        async with self._lock:
            now_seconds = self._clock.perf_seconds()
            if self._read_at_seconds is None or now_seconds - self._read_at_seconds >= LIST_SECONDS:
                try:
                    self._listed = await self._lister.list_models()
                except ProviderError as error:
                    log.warning("the server's models cannot be listed", extra={"code": error.code})
                    return self._listed
                self._read_at_seconds = now_seconds
            return self._listed


class Offering:
    """Tells which models there are for each capability that has a source."""

    def __init__(
        self, sources: Mapping[Capability, Source], catalogue: Catalogue, clock: Clock, *, allowed: AllowedModels
    ) -> None:
        self._sources = sources
        self._catalogue = catalogue
        self._clock = clock
        self._allowed = allowed

    async def choices(self, capability: Capability) -> Choices:
        """Return the models of a capability, the default first; the catalogue's where the server cannot be asked."""
        today = self._clock.now().date()
        source = self._sources.get(capability)
        offered = [] if source is None else await source.models.read()
        listed = [
            self._listed(capability, model, today)
            for model in offered
            if source is not None
            and self._is_for(model.model, capability, source)
            and self._may_choose(capability, model.model, today)
        ]
        usable = [choice for choice in listed if choice.ends_in_days is None or choice.ends_in_days > 0]
        if listed:
            return Choices(tuple(sorted(usable, key=_order)), from_server=True)
        known = [self._known(capability, name, entry, today) for name, entry in self.known(capability)]
        return Choices(tuple(sorted(known, key=_order)), from_server=False)

    def known(self, capability: Capability) -> list[tuple[str, ModelEntry]]:
        """Return the allowed models that the catalogue, or the operator's list of allowed ones, knows by name."""
        today = self._clock.now().date()
        rows = self._catalogue.offered(capability, today)
        names = {name for name, _ in rows}
        more = [
            (name, entry)
            for name in self._allowed.whole_names
            if name not in names and (entry := self._catalogue.entry(name)).capability == capability
        ]
        return [(name, entry) for name, entry in [*rows, *more] if self._may_choose(capability, name, today)]

    def _is_for(self, model: str, capability: Capability, source: Source) -> bool:
        if self._catalogue.knows(model):
            return self._catalogue.entry(model).capability == capability
        return self._is_default(capability, model) or (not source.only_known and (capability == "chat" or source.alone))

    def _listed(self, capability: Capability, offered: OfferedModel, today: date) -> Choice:
        entry = self._catalogue.entry(offered.model)
        shutdown = offered.shutdown or entry.shutdown
        days = None if shutdown is None else (shutdown - today).days
        is_default = self._is_default(capability, offered.model)
        return Choice(offered.model[:NAME_CHARS], entry.price(today), shutdown, days, is_default)

    def _known(self, capability: Capability, name: str, entry: ModelEntry, today: date) -> Choice:
        days = self._catalogue.shutdown_in_days(name, today)
        return Choice(name, entry.price(today), entry.shutdown, days, self._is_default(capability, name))

    def _may_choose(self, capability: Capability, model: str, today: date) -> bool:
        if self._is_default(capability, model):
            return True
        source = self._sources.get(capability)
        priced_only = source is not None and source.only_known
        if priced_only and not self._allowed.names_model(model) and self._catalogue.entry(model).price(today) is None:
            return False
        return model in self._allowed

    def _is_default(self, capability: Capability, model: str) -> bool:
        source = self._sources.get(capability)
        return source is not None and source.default_model == model


def _order(choice: Choice) -> tuple[bool, bool, str]:
    return not choice.is_default, choice.shutdown is not None, choice.model


@dataclass(frozen=True, slots=True)
class Ending:
    """A model in use that is about to be shut down, or has been."""

    model: str
    shutdown: date
    days: int
    fallback: str | None


class EndingWatch:
    """Tells about each model in use 60, 30 and 7 days before it ends and on the day, once each."""

    def __init__(self, catalogue: Catalogue, models: Collection[str], clock: Clock) -> None:
        self._catalogue = catalogue
        self._models = sorted(models)
        self._clock = clock
        self._told: dict[str, int] = {}

    def due(self) -> list[Ending]:
        """Return what is to be told now."""
        today = self._clock.now().date()
        found = []
        for model in self._models:
            end = ending(self._catalogue, model, today)
            stage = 0 if end is None else sum(end.days <= days for days in (*ENDING_DAYS, 0))
            if end is not None and stage > self._told.get(model, 0):
                self._told[model] = stage
                found.append(end)
        return found


def ending(catalogue: Catalogue, model: str, on: date) -> Ending | None:
    """Return when a model ends, where that is within 60 days or past."""
    entry = catalogue.entry(model)
    days = catalogue.shutdown_in_days(model, on)
    if entry.shutdown is None or days is None or days > ENDING_DAYS[0]:
        return None
    return Ending(model, entry.shutdown, days, entry.fallback)
