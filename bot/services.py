"""The composition root: the only place that knows the concrete store, provider and settings at once."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

from bot.clock import SystemClock
from bot.core.admission import Admission
from bot.core.caps import SpendingCaps
from bot.core.catalogue import Catalogue, CatalogueError
from bot.core.channels import PausedChannels, SentNonces
from bot.core.conversations import ConversationService
from bot.core.errors import StoreUnavailable
from bot.core.offering import ENDING_DAYS, EndingWatch, Offering
from bot.core.pacing import EditPace
from bot.core.parts import Parts, TurnPolicy
from bot.core.pictures.shrinking import SmallerReplies
from bot.core.pictures.work import PictureParts, PictureWork
from bot.core.ports.clock import Clock
from bot.core.ports.files import FetchFile
from bot.core.preferences import Preferences
from bot.core.sentences import Sentences
from bot.core.sound.listening import Listening
from bot.core.sound.speaking import SpeechTools, SpeechWork
from bot.core.sound.transcribing import SoundWork
from bot.core.tasks import PictureTask, SoundTask, SpeechTask
from bot.core.tokens import TokenRatios
from bot.core.turns import TurnService
from bot.endpoints import Endpoints, ending_models, models_end
from bot.gateway.identifying import IdentifyLog
from bot.gateway.link import GatewayLink
from bot.gateway.rest import RestDiscipline
from bot.pause import PAUSE_NAME, is_paused
from bot.provider.breaker import Breaker
from bot.provider.parameters import is_openai
from bot.reading.earlier import PicturesOfMessages
from bot.reading.encoding import Encoder
from bot.reading.fetching import CappedFetch
from bot.reading.reader import Reading
from bot.reading.workshop import PictureWorkshop
from bot.settings import CAPABILITIES, MICRO, Settings, SettingsError
from bot.store.call_ledger import SqliteCallLedger
from bot.store.conversations import SqliteConversationStore
from bot.store.database import Database
from bot.store.direct_messages import SqliteDirectMessages
from bot.store.figures import SqliteFigures
from bot.store.folds import SqliteFoldStore
from bot.store.identifies import SqliteIdentifyStore
from bot.store.migrations import MIGRATIONS, migrate
from bot.store.preferences import SqlitePreferenceStore
from bot.store.pulse import Pulse
from bot.store.quirks import SqliteQuirkStore
from bot.store.retention import Retention
from bot.store.token_ratios import SqliteTokenRatioStore
from bot.store.turns import SqliteTurnStore

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).parent
SWEEP_SECONDS = 600.0
PURGE_SECONDS = 86_400.0
ENDINGS_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Services:
    """What the bot works with."""

    turns: TurnService
    store: SqliteTurnStore
    conversations: ConversationService
    preferences: Preferences
    catalogue: Catalogue
    offering: Offering
    reading: Reading
    pictures: PicturesOfMessages
    sentences: Sentences
    clock: Clock
    pace: EditPace
    pulse: Pulse
    link: GatewayLink
    identifies: IdentifyLog
    rest: RestDiscipline
    paused: PausedChannels
    sent: SentNonces
    direct_messages: SqliteDirectMessages
    looks_back: bool  # for what was said while it was away
    catch_up_channels: bool
    retention: Retention
    figures: SqliteFigures
    breakers: Mapping[str, Breaker]  # by what the endpoint is asked for
    caps: SpendingCaps
    member_requests_per_hour: int
    listening: Listening
    endings: EndingWatch
    admission: Admission
    degraded: dict[str, str] = field(default_factory=dict)  # reasons for health, each under a key of who knows of it

    @property
    def message_content(self) -> bool:
        """Whether Discord gives the bot the words of messages that are not meant for it."""
        return self.link.message_content


def read_catalogue(overlay: Path | None) -> Catalogue:
    """Read the model catalogue that is shipped, with the operator's overlay over it.

    Raises ``SettingsError`` with everything that is wrong with the overlay.
    """
    if overlay is None:
        return _shipped_catalogue()
    text = (PACKAGE / "catalogue.toml").read_text(encoding="utf-8")
    try:
        return Catalogue.parse(text, overlay.read_text(encoding="utf-8"))
    except CatalogueError as error:
        raise SettingsError([f"CATALOGUE_OVERLAY: {problem}" for problem in error.problems]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"CATALOGUE_OVERLAY: the file cannot be read ({type(error).__name__})"]) from error


@cache
def _shipped_catalogue() -> Catalogue:
    return Catalogue.parse((PACKAGE / "catalogue.toml").read_text(encoding="utf-8"))


@cache
def read_sentences(language: str = "en") -> Sentences:
    """Read the sentences of one language."""
    return Sentences.parse((PACKAGE / "locales" / f"{language}.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class _Opened:
    """What has been opened and read before the services are made of it."""

    settings: Settings
    clock: Clock
    catalogue: Catalogue
    sentences: Sentences
    database: Database
    store: SqliteTurnStore
    preferences: Preferences
    token_ratios: TokenRatios
    endpoints: Endpoints
    reading: Reading
    pictures: PicturesOfMessages
    policy: TurnPolicy
    listening: Listening
    admission: Admission


@asynccontextmanager
async def open_services(
    settings: Settings,
    *,
    clock: Clock | None = None,
    turn_service: Callable[[Parts], TurnService] = TurnService,
    fetch_file: FetchFile | None = None,
    looks_back: bool = True,
) -> AsyncIterator[Services]:
    """Open the store and the provider, wire the services, and close everything at the end.

    ``turn_service`` lets the sandbox run turns in a place of their own, ``fetch_file`` fetch attachments from its own
    Discord. It also unsets ``looks_back``: nobody speaks there while it is away, and what is shown again is not new.
    """
    async with AsyncExitStack() as resources:
        opened = await _opened(settings, clock or SystemClock(), fetch_file, resources)
        yield _services(opened, turn_service(_parts(opened)), looks_back=looks_back)


async def _opened(settings: Settings, clock: Clock, fetch_file: FetchFile | None, resources: AsyncExitStack) -> _Opened:
    catalogue = read_catalogue(settings.catalogue_overlay)
    sentences = read_sentences()
    database = await Database.open(settings.database_path)
    resources.push_async_callback(database.close)
    await migrate(database, MIGRATIONS, clock=clock)
    store = SqliteTurnStore(database, clock)
    await store.sweep()
    preferences = Preferences(SqlitePreferenceStore(database, clock))
    await preferences.load()
    token_ratios = TokenRatios(SqliteTokenRatioStore(database, clock))
    await token_ratios.load()
    endpoints = Endpoints(settings, catalogue, SqliteQuirkStore(database, clock), clock)
    resources.push_async_callback(endpoints.aclose)
    capped_fetch = CappedFetch(settings.hosts_of_attachments)
    resources.push_async_callback(capped_fetch.aclose)
    reading = Reading(fetch_file or capped_fetch, splits_sounds=settings.split_long_sounds)
    policy = _policy(settings)
    listening = Listening(
        endpoints.listener,
        catalogue,
        clock,
        unpriced_call_micro_usd=policy.unpriced_call_micro_usd,
        translator=endpoints.translator,
    )
    return _Opened(
        settings=settings,
        clock=clock,
        catalogue=catalogue,
        sentences=sentences,
        database=database,
        store=store,
        preferences=preferences,
        token_ratios=token_ratios,
        endpoints=endpoints,
        reading=reading,
        pictures=PicturesOfMessages(reading.picture),
        policy=policy,
        listening=listening,
        admission=Admission(
            min_account_days=settings.min_account_age_days,
            is_paused=partial(is_paused, settings.database_path.with_name(PAUSE_NAME)),
        ),
    )


def _policy(settings: Settings) -> TurnPolicy:
    return TurnPolicy(
        model=settings.chat_model,
        caps=settings.spending_caps,
        unpriced_call_micro_usd=int(settings.unpriced_call_usd * MICRO),
        pseudonym_key=_pseudonym_key(settings),
        member_requests_per_hour=settings.member_requests_per_hour,
        allowed_models=settings.models_allowed,
        own_models=frozenset(name for each in CAPABILITIES if (name := settings.model(each)) is not None),
        priced_only=frozenset(each for each in CAPABILITIES if is_openai(settings.endpoint(each).base_url)),
    )


def _parts(opened: _Opened) -> Parts:
    settings, endpoints = opened.settings, opened.endpoints
    workshop = PictureWorkshop()
    speech = SpeechTools(endpoints.speech, Encoder(), settings.speech_model, models_end=models_end(settings, "speech"))
    return Parts(
        store=opened.store,
        folds=SqliteFoldStore(opened.database),
        ledger=SqliteCallLedger(opened.database, opened.clock),
        chat_model=endpoints.chat,
        catalogue=opened.catalogue,
        token_ratios=opened.token_ratios,
        schemas=opened.reading,
        clock=opened.clock,
        sentences=opened.sentences,
        policy=opened.policy,
        works={
            PictureTask: partial(PictureWork, PictureParts(endpoints.pictures, workshop, settings.image_model)),
            SpeechTask: partial(SpeechWork, speech),
            SoundTask: partial(SoundWork, speech),
        },
        pictures=opened.pictures,
        listening=opened.listening,
        admission=opened.admission,
        smaller=SmallerReplies(workshop, opened.sentences),
    )


def _services(opened: _Opened, turns: TurnService, *, looks_back: bool) -> Services:
    settings, database, clock = opened.settings, opened.database, opened.clock
    return Services(
        turns=turns,
        store=opened.store,
        conversations=ConversationService(SqliteConversationStore(database, clock), opened.store, turns),
        preferences=opened.preferences,
        catalogue=opened.catalogue,
        offering=Offering(opened.endpoints.sources, opened.catalogue, clock, allowed=opened.policy.allowed_models),
        reading=opened.reading,
        pictures=opened.pictures,
        sentences=opened.sentences,
        clock=clock,
        pace=EditPace(),
        pulse=Pulse(database),
        link=GatewayLink(clock, message_content=settings.message_content_intent),
        identifies=IdentifyLog(SqliteIdentifyStore(database), clock),
        rest=RestDiscipline(clock),
        paused=PausedChannels(clock),
        sent=SentNonces(),
        direct_messages=SqliteDirectMessages(database),
        looks_back=looks_back,
        catch_up_channels=settings.catch_up_channels,
        retention=Retention(database, clock, days=settings.retention_days),
        figures=SqliteFigures(database, clock),
        breakers=opened.endpoints.breakers,
        caps=opened.policy.caps,
        member_requests_per_hour=settings.member_requests_per_hour,
        listening=opened.listening,
        endings=EndingWatch(opened.catalogue, ending_models(settings), clock),
        admission=opened.admission,
    )


async def sweep_now_and_then(services: Services) -> None:
    """Wipe what is no longer needed, and once a day what is too old, for as long as the bot runs."""
    purged_at: float | None = None
    while True:
        await asyncio.sleep(SWEEP_SECONDS)  # first of all: a machine that has just started may not know the date yet
        try:
            if purged_at is None or services.clock.perf_seconds() - purged_at >= PURGE_SECONDS:
                purged = await services.retention.purge()
                purged_at = services.clock.perf_seconds()
                log.info("deleted what is too old", extra={"rows": dict(purged)})
            await services.store.sweep()
        except StoreUnavailable as error:
            log.warning("could not sweep; trying again later", extra={"detail": error.detail})


async def watch_endings(services: Services) -> None:
    """Tell the operator about models in use that are about to be shut down, for as long as the bot runs."""
    while True:
        for end in services.endings.due():
            level = logging.ERROR if end.days <= ENDING_DAYS[-1] else logging.WARNING
            extra = {"model": end.model, "shutdown": str(end.shutdown), "days": end.days, "fallback": end.fallback}
            log.log(level, "a model in use ends soon: choose another one in good time", extra=extra)
        await asyncio.sleep(ENDINGS_SECONDS)


def _pseudonym_key(settings: Settings) -> bytes:
    # Stable over restarts, and nothing that anybody else knows.
    token = settings.discord_token.get_secret_value() if settings.discord_token is not None else "sandbox"
    return hashlib.blake2b(token.encode(), person=b"parley-pseudonym").digest()
