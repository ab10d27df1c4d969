"""The list of models that a server offers."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Final

from jiter import from_json

from bot.core.catalogue import OfferedModel
from bot.core.errors.provider import EndpointMissing, InvalidReply, ModelNotFound, ProviderTimeout
from bot.core.ports.clock import Clock
from bot.provider.clients import make_client
from bot.provider.translate import CLIENT_ERRORS, classify, failure_of

LIST_SECONDS: Final = 15.0


class OpenAIModelList:
    """Implements ``ModelLister`` for one endpoint."""

    def __init__(self, *, base_url: str, api_key: str, clock: Clock, list_seconds: float = LIST_SECONDS) -> None:
        self._client = make_client(base_url=base_url, api_key=api_key)
        self._clock = clock
        self._list_seconds = list_seconds

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def list_models(self) -> list[OfferedModel]:
        """Return what the server offers; nothing where it has no such list. Raises a ``ProviderError``."""
        try:
            async with (
                asyncio.timeout(self._list_seconds),
                self._client.models.with_streaming_response.list() as response,
            ):
                return read_models(await response.read())
        except TimeoutError:
            raise ProviderTimeout("the list of models") from None
        except CLIENT_ERRORS as error:
            failure = failure_of(error, now=self._clock.now())
        translated = classify(failure, model="")
        if isinstance(translated, EndpointMissing | ModelNotFound):
            return []
        raise translated


def read_models(body: bytes) -> list[OfferedModel]:
    """Read the answer to ``GET /models``; entries without an id are skipped. Raises ``InvalidReply``."""
    try:
        answer = from_json(body)
    except ValueError:
        raise InvalidReply("no JSON") from None
    entries = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(entries, list):
        raise InvalidReply("no list of models")
    return [
        OfferedModel(entry["id"], _date(entry.get("shutdown_date")))
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("id"), str)
    ]


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
