"""What ``doctor`` asks the AI server: its list of models, which costs nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from bot.cli.findings import Finding, ok, problem, warn
from bot.clock import SystemClock
from bot.core.catalogue import Catalogue
from bot.core.errors.provider import InvalidReply, KeyRejected, ProviderError
from bot.core.offering import ending
from bot.endpoints import KEYLESS, ending_models
from bot.provider.models import OpenAIModelList
from bot.services import read_catalogue
from bot.settings import CAPABILITIES, EndpointCapability, Settings, SettingsError


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
    async for finding in _access(settings, catalogue):
        yield finding


def _default_model(settings: Settings, catalogue: Catalogue) -> list[Finding]:
    model, today = settings.chat_model, datetime.now(UTC).date()
    found = []
    for end in filter(None, (ending(catalogue, used, today) for used in sorted(ending_models(settings)))):
        name = _name(settings, end.model)
        then = f"{end.fallback} answers from then on" if end.fallback else "nothing replaces it"
        advice = f"nothing has to be done; or set {name}" if end.fallback else f"choose another {name}"
        found.append(warn("model", f"{end.model} is shut down on {end.shutdown}; {then}", advice))
    if catalogue.entry(model).price(today) is None:
        text = f"no price is known for {model}: every call counts as {settings.unpriced_call_usd} USD"
        found.append(warn("price", text, "add its price to CATALOGUE_OVERLAY, or check UNPRICED_CALL_USD"))
    return found


def _name(settings: Settings, model: str) -> str:
    """Return the setting that chose a model."""
    return next(f"{each.upper()}_MODEL" for each in CAPABILITIES if settings.model(each) == model)


async def _access(settings: Settings, catalogue: Catalogue) -> AsyncIterator[Finding]:
    """Ask each server once for its models, and look for those that are used."""
    used: dict[tuple[str, str], list[EndpointCapability]] = {}
    for capability in CAPABILITIES:
        if settings.model(capability) is not None:
            endpoint = settings.endpoint(capability)
            key = KEYLESS if endpoint.api_key is None else endpoint.api_key.get_secret_value()
            used.setdefault((endpoint.base_url, key), []).append(capability)
    for (base_url, key), capabilities in used.items():
        async for finding in _server(base_url, key, capabilities, settings, catalogue):
            yield finding


async def _server(
    where: str, key: str, capabilities: list[EndpointCapability], settings: Settings, catalogue: Catalogue
) -> AsyncIterator[Finding]:
    lister = OpenAIModelList(base_url=where, api_key=key, clock=SystemClock())
    endpoints = [settings.endpoint(each) for each in capabilities]
    url_settings = " and ".join(dict.fromkeys(each.url_setting for each in endpoints))
    key_settings = " and ".join(dict.fromkeys(each.key_setting for each in endpoints))
    try:
        offered = {entry.model for entry in await lister.list_models()}
    except KeyRejected:
        yield problem("models", f"{where} does not accept the key", f"set a valid {key_settings}")
        return
    except InvalidReply:
        yield problem("models", f"{where} sends no list of models", f"check {url_settings}")
        return
    except ProviderError as error:
        text = f"{where} cannot be asked ({error.code})"
        yield problem("models", text, f"check {url_settings}, the server and the network")
        return
    finally:
        await lister.aclose()
    today = datetime.now(UTC).date()
    models = {each: catalogue.resolve(settings.model(each) or "", today).model for each in capabilities}
    if not offered and not where.endswith("/v1"):
        text = f"{where} has no list of models, and most servers answer below /v1 only"
        yield problem("models", text, f"set {url_settings} to {where}/v1, unless it works as it is")
        return
    if not offered:
        text = f"{where} has no list of models, so that {', '.join(models.values())} cannot be checked"
        yield warn("models", text, "try it once")
        return
    for capability, model in models.items():
        if model in offered:
            yield ok("models", f"{where} accepts the key and offers {model} ({capability})")
        else:
            tell = problem if capability == "chat" else warn
            text = f"{where} does not offer {model} ({capability})"
            yield tell("models", text, f"set {capability.upper()}_MODEL to one that it offers")
