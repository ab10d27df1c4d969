"""What ``doctor`` asks the AI server: its list of models, which costs nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from bot.cli.findings import Finding, ok, problem, warn
from bot.clock import SystemClock
from bot.core.catalogue import Catalogue
from bot.core.errors import KeyRejected, ProviderError
from bot.core.offering import ending
from bot.core.ports import Quirk
from bot.provider.chat import OpenAIChatModel
from bot.services import KEYLESS, ending_models, read_catalogue
from bot.settings import Settings, SettingsError


class _NoQuirks:
    async def quirks(self) -> Sequence[Quirk]:
        return ()

    async def remember(self, quirk: Quirk) -> None:
        raise NotImplementedError("doctor changes nothing")


async def look_at_models(settings: Settings) -> AsyncIterator[Finding]:
    """Look at the catalogue, the key and the default model."""
    try:
        catalogue = read_catalogue(settings.catalogue_overlay)
    except SettingsError as error:
        for text in error.problems:
            yield problem("catalogue", text, "mend the file (docs/operating.md has an example), or its path")
        return
    for finding in _default_model(settings, catalogue):
        yield finding
    yield await _access(settings, catalogue)


def _default_model(settings: Settings, catalogue: Catalogue) -> list[Finding]:
    model, today = settings.chat_model, datetime.now(UTC).date()
    found = []
    for end in filter(None, (ending(catalogue, used, today) for used in sorted(ending_models(settings)))):
        then = f"{end.fallback} answers from then on" if end.fallback else "nothing replaces it"
        found.append(
            warn(
                "model",
                f"{end.model} is shut down on {end.shutdown}; {then}",
                f"choose another {_name(settings, end.model)}",
            )
        )
    if catalogue.entry(model).price(today) is None:
        text = f"no price is known for {model}: every call counts as {settings.unpriced_call_usd} USD"
        found.append(warn("price", text, "add its price to CATALOGUE_OVERLAY, or check UNPRICED_CALL_USD"))
    return found


def _name(settings: Settings, model: str) -> str:
    """Return the setting that chose a model."""
    return next(name.upper() for name in type(settings).model_fields if getattr(settings, name) == model)


async def _access(settings: Settings, catalogue: Catalogue) -> Finding:
    endpoint = settings.endpoint("chat")
    key = KEYLESS if endpoint.api_key is None else endpoint.api_key.get_secret_value()
    lister = OpenAIChatModel(
        base_url=endpoint.base_url, api_key=key, catalogue=catalogue, quirks=_NoQuirks(), clock=SystemClock()
    )
    where, model = endpoint.base_url, catalogue.resolve(settings.chat_model, datetime.now(UTC).date()).model
    try:
        offered = {entry.model for entry in await lister.list_models()}
    except KeyRejected:
        return problem("models", f"{where} does not accept the key", "set a valid OPENAI_API_KEY (or CHAT_API_KEY)")
    except ProviderError as error:
        return problem("models", f"{where} cannot be asked ({error.code})", "check the URL, the server and the network")
    except ValueError:
        return problem("models", f"{where} sends no list of models", "check OPENAI_BASE_URL (or CHAT_BASE_URL)")
    finally:
        await lister.aclose()
    if not offered:
        return warn("models", f"{where} has no list of models, so that {model} cannot be checked", "ask it a question")
    if model not in offered:
        return problem("models", f"{where} does not offer {model}", "set CHAT_MODEL to one that it offers")
    return ok("models", f"{where} accepts the key and offers {model}")
