"""The composition root: the only place that knows the concrete store, provider and settings at once."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bot.clock import SystemClock
from bot.core.catalogue import Catalogue, CatalogueError
from bot.core.conversations import ConversationService
from bot.core.errors import StoreUnavailable
from bot.core.generating import Parts, TurnPolicy
from bot.core.limits import MEDIA_CALLS
from bot.core.offering import ENDING_DAYS, EndingWatch, Offering
from bot.core.pacing import EditPace
from bot.core.ports import Clock, FetchFile
from bot.core.preferences import Preferences
from bot.core.sentences import Sentences
from bot.core.sound.listening import Listener, Listening
from bot.core.sound.speaking import SpeechTools, SpeechWork
from bot.core.sound.transcribing import SoundWork
from bot.core.tasks import SoundTask, SpeechTask
from bot.core.tokens import TokenRatios
from bot.core.turns import TurnService
from bot.provider.chat import OpenAIChatModel
from bot.provider.parameters import is_openai
from bot.provider.speech import OpenAISpeech
from bot.provider.transcription import OpenAITranscriptModel
from bot.reading.encoding import Encoder
from bot.reading.fetching import CappedFetch
from bot.reading.reader import Reading
from bot.settings import EndpointCapability, Settings, SettingsError
from bot.store.call_ledger import SqliteCallLedger
from bot.store.conversations import SqliteConversationStore
from bot.store.database import Database
from bot.store.folds import SqliteFoldStore
from bot.store.migrations import MIGRATIONS, migrate
from bot.store.preferences import SqlitePreferenceStore
from bot.store.pulse import Pulse
from bot.store.quirks import SqliteQuirkStore
from bot.store.token_ratios import SqliteTokenRatioStore
from bot.store.turns import SqliteTurnStore

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).parent
SWEEP_SECONDS = 600.0
KEYLESS = "none"  # the SDK wants a key; servers that need none take any
MICRO = 1_000_000
LISTENING: tuple[EndpointCapability, ...] = ("transcription", "translation")
TRANSLATION_MODEL = "whisper-1"  # the only one that ever translated (OpenAI)


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
    sentences: Sentences
    clock: Clock
    pace: EditPace
    pulse: Pulse
    listening: Listening
    message_content: bool
    endings: EndingWatch


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
    fetch_file: FetchFile | None = None,
) -> AsyncIterator[Services]:
    """Open the store and the provider, wire the services, and close everything at the end.

    ``turn_service`` lets the sandbox run turns in a place of their own, ``fetch_file`` fetch attachments from its own
    Discord.
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
        token_ratios = TokenRatios(SqliteTokenRatioStore(database, clock))
        await token_ratios.load()
        endpoint = settings.endpoint("chat")
        chat_model = OpenAIChatModel(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key.get_secret_value() if endpoint.api_key is not None else KEYLESS,
            catalogue=catalogue,
            quirks=SqliteQuirkStore(database, clock),
            clock=clock,
        )
        media_places = asyncio.Semaphore(MEDIA_CALLS)
        transcripts, translations = (
            _transcript_model(settings, capability, catalogue, clock, media_places) for capability in LISTENING
        )
        speech_model = _speech_model(settings, clock, media_places)
        capped_fetch = CappedFetch(settings.hosts_of_attachments)
        reading = Reading(fetch_file or capped_fetch, splits_sounds=settings.split_long_sounds)
        try:
            policy = TurnPolicy(
                model=settings.chat_model,
                daily_cap_micro_usd=int((settings.daily_budget_usd or 0) * MICRO),
                unpriced_call_micro_usd=int(settings.unpriced_call_usd * MICRO),
                pseudonym_key=_pseudonym_key(settings),
                member_requests_per_hour=settings.member_requests_per_hour,
                allowed_models=settings.models_allowed,
                own_models=frozenset(
                    name
                    for name in (
                        settings.chat_model,
                        settings.image_model,
                        settings.speech_model,
                        settings.transcription_model,
                        settings.translation_model,
                    )
                    if name is not None
                ),
            )
            listening = Listening(
                _listener(settings, transcripts, settings.transcription_model),
                catalogue,
                clock,
                unpriced_call_micro_usd=policy.unpriced_call_micro_usd,
                translator=_translator(settings, translations),
            )
            endings = EndingWatch(catalogue, ending_models(settings), clock)
            _warn_of_endings(endings)
            speech = SpeechTools(
                speech_model,
                Encoder(),
                settings.speech_model,
                models_end=settings.speech_model in ending_models(settings),
            )
            parts = Parts(
                store=store,
                folds=SqliteFoldStore(database),
                ledger=SqliteCallLedger(database, clock),
                chat_model=chat_model,
                catalogue=catalogue,
                token_ratios=token_ratios,
                schemas=reading,
                clock=clock,
                sentences=sentences,
                policy=policy,
                works={SpeechTask: partial(SpeechWork, speech), SoundTask: partial(SoundWork, speech)},
                listening=listening,
            )
            turns = turn_service(parts)
            yield Services(
                turns=turns,
                store=store,
                conversations=ConversationService(SqliteConversationStore(database, clock), store, turns),
                preferences=preferences,
                catalogue=catalogue,
                offering=Offering(
                    chat_model,
                    catalogue,
                    clock,
                    default_model=policy.model,
                    allowed=policy.allowed_models,
                    only_known=is_openai(endpoint.base_url),
                ),
                reading=reading,
                sentences=sentences,
                clock=clock,
                pace=EditPace(),
                pulse=Pulse(database),
                listening=listening,
                message_content=settings.message_content_intent,
                endings=endings,
            )
        finally:
            await capped_fetch.aclose()
            await chat_model.aclose()
            await transcripts.aclose()
            await translations.aclose()
            await speech_model.aclose()
    finally:
        await database.close()


async def sweep_now_and_then(services: Services) -> None:
    """Wipe what is no longer needed, for as long as the bot runs."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        _warn_of_endings(services.endings)
        try:
            await services.store.sweep()
        except StoreUnavailable as error:
            log.warning("could not sweep; trying again later", extra={"detail": error.detail})


def _transcript_model(
    settings: Settings,
    capability: EndpointCapability,
    catalogue: Catalogue,
    clock: Clock,
    places: asyncio.Semaphore,
) -> OpenAITranscriptModel:
    """Return what listens at the server of a capability; its owner closes it."""
    endpoint = settings.endpoint(capability)
    key = endpoint.api_key.get_secret_value() if endpoint.api_key is not None else KEYLESS
    return OpenAITranscriptModel(
        base_url=endpoint.base_url, api_key=key, catalogue=catalogue, clock=clock, places=places
    )


def _listener(settings: Settings, transcripts: OpenAITranscriptModel, model: str) -> Listener:
    """Return a model that listens; the dates in the catalogue are OpenAI's, and it lives on elsewhere."""
    return Listener(transcripts=transcripts, model=model, ends=model in ending_models(settings))


def _translator(settings: Settings, translations: OpenAITranscriptModel) -> Listener | None:
    """Return the server with the translations endpoint, where the operator named one."""
    if settings.translation_model is None and settings.translation_base_url is None:
        return None
    return _listener(settings, translations, settings.translation_model or TRANSLATION_MODEL)


def ending_models(settings: Settings) -> frozenset[str]:
    """Return the models in use that end when OpenAI says so: not those that a server of one's own has of the name."""
    used = {
        "chat": settings.chat_model,
        "image": settings.image_model,
        "speech": settings.speech_model,
        "transcription": settings.transcription_model,
        "translation": settings.translation_model,
    }
    own = {
        "speech": settings.speech_base_url,
        "image": settings.image_base_url,
        "transcription": settings.transcription_base_url,
        "translation": settings.translation_base_url,
    }
    return frozenset(
        model
        for capability, model in used.items()
        if model is not None and ((url := own.get(capability)) is None or is_openai(url))
    )


def _warn_of_endings(endings: EndingWatch) -> None:
    """Tell the operator about models in use that are about to be shut down."""
    for end in endings.due():
        level = logging.ERROR if end.days <= ENDING_DAYS[-1] else logging.WARNING
        extra = {"model": end.model, "shutdown": str(end.shutdown), "days": end.days, "fallback": end.fallback}
        log.log(level, "a model in use ends soon: choose another one in good time", extra=extra)


def _speech_model(settings: Settings, clock: Clock, places: asyncio.Semaphore) -> OpenAISpeech:
    endpoint = settings.endpoint("speech")
    key = KEYLESS if endpoint.api_key is None else endpoint.api_key.get_secret_value()
    return OpenAISpeech(base_url=endpoint.base_url, api_key=key, clock=clock, places=places)


def _pseudonym_key(settings: Settings) -> bytes:
    # Stable over restarts, and nothing that anybody else knows.
    token = settings.discord_token.get_secret_value() if settings.discord_token is not None else "sandbox"
    return hashlib.blake2b(token.encode(), person=b"parley-pseudonym").digest()
