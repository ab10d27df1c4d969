"""The composition root: the only place that knows the concrete store, provider and settings at once."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.clock import SystemClock
from bot.core.catalogue import Catalogue, CatalogueError
from bot.core.errors import StoreUnavailable
from bot.core.generating import Parts, TurnPolicy
from bot.core.pacing import EditPace
from bot.core.ports import Clock
from bot.core.preferences import Preferences
from bot.core.sentences import Sentences
from bot.core.turns import TurnService
from bot.provider.chat import OpenAIChatModel
from bot.settings import Settings, SettingsError
from bot.store.database import Database
from bot.store.migrations import migrate
from bot.store.preferences import SqlitePreferenceStore
from bot.store.quirks import SqliteQuirkStore
from bot.store.turns import SqliteTurnStore

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).parent
MIGRATIONS = PACKAGE.parent / "migrations"
SWEEP_SECONDS = 600.0
KEYLESS = "none"  # the SDK wants a key; servers that need none take any
MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Services:
    """What the bot works with."""

    turns: TurnService
    store: SqliteTurnStore
    preferences: Preferences
    catalogue: Catalogue
    sentences: Sentences
    clock: Clock
    pace: EditPace
    message_content: bool


def read_catalogue(overlay: Path | None) -> Catalogue:
    """Read the model catalogue that is shipped, with the operator's overlay over it.

    Raises ``SettingsError`` with everything that is wrong with the overlay.
    """
    text = (PACKAGE / "catalogue.toml").read_text(encoding="utf-8")
    try:
        return Catalogue.parse(text, overlay.read_text(encoding="utf-8") if overlay is not None else None)
    except CatalogueError as error:
        raise SettingsError([f"CATALOGUE_OVERLAY: {problem}" for problem in error.problems]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"CATALOGUE_OVERLAY: the file cannot be read ({type(error).__name__})"]) from error


def read_sentences(language: str = "en") -> Sentences:
    """Read the sentences of one language."""
    return Sentences.parse((PACKAGE / "locales" / f"{language}.toml").read_text(encoding="utf-8"))


@asynccontextmanager
async def open_services(
    settings: Settings,
    *,
    clock: Clock | None = None,
    turn_service: Callable[[Parts], TurnService] = TurnService,
) -> AsyncIterator[Services]:
    """Open the store and the provider, wire the services, and close everything at the end.

    ``turn_service`` lets the sandbox run turns in a place of their own.
    """
    clock = clock or SystemClock()
    catalogue = read_catalogue(settings.catalogue_overlay)
    sentences = read_sentences()
    database = await Database.open(settings.database_path)
    try:
        await migrate(database, MIGRATIONS, clock=clock)
        store = SqliteTurnStore(database, clock)
        await store.sweep()
        preferences = Preferences(SqlitePreferenceStore(database, clock))
        await preferences.load()
        endpoint = settings.chat_endpoint
        chat_model = OpenAIChatModel(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key.get_secret_value() if endpoint.api_key is not None else KEYLESS,
            catalogue=catalogue,
            quirks=SqliteQuirkStore(database, clock),
            clock=clock,
        )
        try:
            policy = TurnPolicy(
                model=settings.chat_model,
                daily_cap_micro_usd=int((settings.daily_budget_usd or 0) * MICRO),
                unpriced_call_micro_usd=int(settings.unpriced_call_usd * MICRO),
                pseudonym_key=_pseudonym_key(settings),
            )
            parts = Parts(store, chat_model, catalogue, clock, sentences, policy)
            yield Services(
                turns=turn_service(parts),
                store=store,
                preferences=preferences,
                catalogue=catalogue,
                sentences=sentences,
                clock=clock,
                pace=EditPace(),
                message_content=settings.message_content_intent,
            )
        finally:
            await chat_model.aclose()
    finally:
        await database.close()


async def sweep_now_and_then(services: Services) -> None:
    """Wipe what is no longer needed, for as long as the bot runs."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await services.store.sweep()
        except StoreUnavailable as error:
            log.warning("could not sweep; trying again later", extra={"detail": error.detail})


def _pseudonym_key(settings: Settings) -> bytes:
    # Stable over restarts, and nothing that anybody else knows.
    token = settings.discord_token.get_secret_value() if settings.discord_token is not None else "sandbox"
    return hashlib.blake2b(token.encode(), person=b"parley-pseudonym").digest()
