"""The clients of all endpoints, each with its own server, key and model: made together, closed together."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Final, TypedDict

from bot.core.catalogue import Capability, Catalogue
from bot.core.offering import ListedModels, Source
from bot.core.ports.clock import Clock
from bot.core.ports.remembered import QuirkStore
from bot.core.sound.listening import Listener
from bot.provider.breaker import Breaker
from bot.provider.chat import OpenAIChatModel
from bot.provider.images import OpenAIPictureMaker
from bot.provider.models import OpenAIModelList
from bot.provider.parameters import is_openai
from bot.provider.speech import OpenAISpeech
from bot.provider.transcription import OpenAITranscriptModel
from bot.settings import CAPABILITIES, Endpoint, EndpointCapability, Settings

KEYLESS = "none"  # the SDK wants a key; servers that need none take any
SOUND: Final = frozenset[EndpointCapability]({"speech", "transcription", "translation"})
TRANSLATION_MODEL = "whisper-1"  # of a server with the translations endpoint, where no model was named


class Access(TypedDict):
    """What a client of an endpoint is made with."""

    base_url: str
    api_key: str


class Endpoints:
    """What is asked over the network.

    ``breakers`` by what the endpoint is asked for; ``translator`` is set where the operator named a server with the
    translations endpoint.
    """

    def __init__(self, settings: Settings, catalogue: Catalogue, quirks: QuirkStore, clock: Clock) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._clock = clock
        self._resources = AsyncExitStack()
        self.chat = OpenAIChatModel(
            **_access(settings.endpoint("chat")), catalogue=catalogue, quirks=quirks, clock=clock
        )
        self.pictures = OpenAIPictureMaker(**_access(settings.endpoint("image")), quirks=quirks, clock=clock)
        self.speech = OpenAISpeech(**_access(settings.endpoint("speech")), clock=clock)
        self.breakers: dict[str, Breaker] = {
            "chat": self.chat.breaker,
            "image": self.pictures.breaker,
            "speech": self.speech.breaker,
        }
        for client in (self.chat, self.pictures, self.speech):
            self._resources.push_async_callback(client.aclose)
        self.listener = self._listener("transcription", settings.transcription_model)
        self.translator: Listener | None = None
        if settings.translation_model is not None or settings.translation_base_url is not None:
            self.translator = self._listener("translation", settings.translation_model or TRANSLATION_MODEL)
        self.sources = self._sources()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._resources.aclose()

    def _listener(self, capability: EndpointCapability, model: str) -> Listener:
        """Return a model that listens; the dates in the catalogue are OpenAI's, and it lives on elsewhere."""
        transcripts = OpenAITranscriptModel(
            **_access(self._settings.endpoint(capability)),
            catalogue=self._catalogue,
            clock=self._clock,
        )
        self._resources.push_async_callback(transcripts.aclose)
        self.breakers[capability] = transcripts.breaker
        return Listener(transcripts=transcripts, model=model, ends=models_end(self._settings, capability))

    def _sources(self) -> dict[Capability, Source]:
        """Return where each capability's models are listed: one list for each server."""
        lists: dict[tuple[str, str], ListedModels] = {}
        sources: dict[Capability, Source] = {}
        for capability in CAPABILITIES:
            default = self._settings.model(capability)
            if default is None:
                continue
            access = _access(self._settings.endpoint(capability))
            server = access["base_url"], access["api_key"]
            alone = server not in lists
            if alone:
                lister = OpenAIModelList(**access, clock=self._clock)
                self._resources.push_async_callback(lister.aclose)
                lists[server] = ListedModels(lister, self._clock)
            sources[capability] = Source(lists[server], default, only_known=is_openai(access["base_url"]), alone=alone)
        return sources


def _access(endpoint: Endpoint) -> Access:
    """Return what a client of an endpoint is made with."""
    key = endpoint.api_key.get_secret_value() if endpoint.api_key is not None else KEYLESS
    return {"base_url": endpoint.base_url, "api_key": key}


def ending_models(settings: Settings) -> frozenset[str]:
    """Return the models in use that end when OpenAI says so."""
    return frozenset(
        model
        for capability in CAPABILITIES
        if (model := settings.model(capability)) is not None and models_end(settings, capability)
    )


def models_end(settings: Settings, capability: EndpointCapability) -> bool:
    """Whether the catalogue's shutdown dates, which are OpenAI's, hold for what a capability is asked for with.

    Sound is judged by the server that is asked in the end. Chat models are replaced on their day wherever they are, and
    pictures unless they have a server of their own.
    """
    if capability in SOUND:
        return is_openai(settings.endpoint(capability).base_url)
    return capability == "chat" or settings.image_base_url is None or is_openai(settings.image_base_url)
