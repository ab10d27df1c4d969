"""The settings of one process, read from the environment and ``.env``. Nothing else reads the environment.

Every problem is found in one go (``SettingsError.problems``), an empty value counts as unset, a secret may also be
given as a file (``DISCORD_TOKEN_FILE=/run/secrets/discord``), and a mistyped name is warned about.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from bot.core.caps import SpendingCaps
from bot.core.spending import AllowedModels
from bot.env_file import EnvFile, read_env_file
from bot.setting_types import (
    SQLITE,
    Address,
    ApiUrl,
    DatabaseUrl,
    DiscordUrl,
    FilePath,
    GatewayUrl,
    HostNames,
    LogFormat,
    LogLevel,
    ModelName,
    ModelNames,
    Number,
    Secret,
    Switch,
    Usd,
    listed,
    sentence,
    unquoted,
)

MICRO = 1_000_000
OPENAI_BASE_URL = "https://api.openai.com/v1"
ENV_FILE_VARIABLE = "PARLEY_ENV_FILE"
# Names that look like ours in any environment, for the warning about mistyped ones.
PREFIXES = (
    "DISCORD_", "OPENAI_", "CHAT_", "ATTACHMENT_", "DATABASE_", "MESSAGE_CONTENT", "DAILY_", "UNPRICED_", "PARLEY_",
    "MONTHLY_BUDGET", "SERVER_DAILY", "SERVER_MONTHLY", "MEMBER_DAILY", "MEMBER_MONTHLY", "MEMBER_REQUESTS",
    "MIN_ACCOUNT", "ALLOWED_MODELS", "RETENTION_", "METRICS_", "SPLIT_LONG",
    *(f"{capability.upper()}_{word}" for capability in ("image", "speech", "transcription", "translation")
      for word in ("API", "BASE", "MODEL")),
)  # fmt: skip
# Names that other programs use for what is called differently here.
OTHER_NAMES = {
    "BOT_TOKEN": "DISCORD_TOKEN", "DISCORD_BOT_TOKEN": "DISCORD_TOKEN", "DISCORD_API_TOKEN": "DISCORD_TOKEN",
    "OPENAI_KEY": "OPENAI_API_KEY", "OPENAI_TOKEN": "OPENAI_API_KEY",
    "OPENAI_API_BASE": "OPENAI_BASE_URL", "OPENAI_API_URL": "OPENAI_BASE_URL", "OPENAI_URL": "OPENAI_BASE_URL",
    "MODEL": "CHAT_MODEL", "OPENAI_MODEL": "CHAT_MODEL", "OPENAI_CHAT_MODEL": "CHAT_MODEL",
    "OPENAI_IMAGE_MODEL": "IMAGE_MODEL", "OPENAI_TTS_MODEL": "SPEECH_MODEL", "TTS_MODEL": "SPEECH_MODEL",
    "WHISPER_MODEL": "TRANSCRIPTION_MODEL",
}  # fmt: skip


def _micro_usd(usd: Decimal | None) -> int | None:
    return None if usd is None else int(usd * MICRO)


EndpointCapability: TypeAlias = Literal["chat", "image", "speech", "transcription", "translation"]
CAPABILITIES: tuple[EndpointCapability, ...] = get_args(EndpointCapability)


class Settings(BaseModel):
    """Settings of one process. ``.env.example`` explains each; a test keeps the two in step."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    discord_token: Secret | None = None
    openai_api_key: Secret | None = None
    openai_base_url: ApiUrl | None = None
    chat_api_key: Secret | None = None
    chat_base_url: ApiUrl | None = None
    chat_model: ModelName = "gpt-6-luna"
    image_api_key: Secret | None = None
    image_base_url: ApiUrl | None = None
    image_model: ModelName = "gpt-image-2.6-flare"
    speech_api_key: Secret | None = None
    speech_base_url: ApiUrl | None = None
    speech_model: ModelName = "gpt-4o-mini-tts"
    transcription_api_key: Secret | None = None
    transcription_base_url: ApiUrl | None = None
    transcription_model: ModelName = "gpt-transcribe"
    translation_api_key: Secret | None = None
    translation_base_url: ApiUrl | None = None
    translation_model: ModelName | None = None
    split_long_sounds: Switch = True
    daily_budget_usd: Usd | None = None
    monthly_budget_usd: Usd | None = None
    server_daily_budget_usd: Usd | None = None
    server_monthly_budget_usd: Usd | None = None
    member_daily_budget_usd: Usd | None = None
    member_monthly_budget_usd: Usd | None = None
    unpriced_call_usd: Usd = Decimal("0.05")
    member_requests_per_hour: Annotated[Number, Field(ge=1, le=100_000)] = 60
    min_account_age_days: Annotated[Number, Field(ge=0, le=3650)] = 0
    allowed_models: ModelNames | None = None
    attachment_hosts: HostNames = "cdn.discordapp.com,media.discordapp.net"
    message_content_intent: Switch = False
    catch_up_channels: Switch = False
    database_url: DatabaseUrl = "sqlite:///data/parley.db"
    retention_days: Annotated[Number, Field(ge=1, le=3650)] = 30
    catalogue_overlay: FilePath | None = None
    log_level: LogLevel = "INFO"
    log_format: LogFormat = "text"
    metrics_port: Annotated[Number, Field(ge=1, le=65_535)] | None = None
    metrics_host: Address = "127.0.0.1"
    discord_api_url: DiscordUrl | None = None
    discord_gateway_url: GatewayUrl | None = None

    @property
    def database_path(self) -> Path:
        """The SQLite file."""
        return Path(self.database_url.removeprefix(SQLITE))

    @property
    def budgets_usd(self) -> Mapping[str, Decimal]:
        """The caps on spending that are set, by the names of their settings."""
        values: dict[str, Decimal | None] = {name: getattr(self, name.lower()) for name in BUDGET_NAMES}
        return {name: usd for name, usd in values.items() if usd is not None}

    @property
    def spending_caps(self) -> SpendingCaps:
        """The most that may be spent."""
        return SpendingCaps(
            bot_day=_micro_usd(self.daily_budget_usd) or 0,
            bot_month=_micro_usd(self.monthly_budget_usd),
            server_day=_micro_usd(self.server_daily_budget_usd),
            server_month=_micro_usd(self.server_monthly_budget_usd),
            member_day=_micro_usd(self.member_daily_budget_usd),
            member_month=_micro_usd(self.member_monthly_budget_usd),
        )

    @property
    def models_allowed(self) -> AllowedModels:
        """The models that members may choose."""
        return AllowedModels(listed(self.allowed_models or ""))

    @property
    def hosts_of_attachments(self) -> tuple[str, ...]:
        """The hosts that attachments are fetched from."""
        return listed(self.attachment_hosts)

    def endpoint(self, capability: EndpointCapability) -> Endpoint:
        """Return where a capability is asked for."""
        base_url: str | None = getattr(self, f"{capability}_base_url")
        own_key: SecretStr | None = getattr(self, f"{capability}_api_key")
        # The general key belongs to the general server: it is never sent to another one.
        general_key = own_key is None and base_url is None
        return Endpoint(
            base_url=base_url or self.openai_base_url or OPENAI_BASE_URL,
            api_key=self.openai_api_key if general_key else own_key,
            url_setting="OPENAI_BASE_URL" if base_url is None else f"{capability.upper()}_BASE_URL",
            key_setting="OPENAI_API_KEY" if general_key else f"{capability.upper()}_API_KEY",
        )

    def model(self, capability: EndpointCapability) -> str | None:
        """Return the model that a capability uses when nobody chose; ``None``: it is not used."""
        name: str | None = getattr(self, f"{capability}_model")
        return name

    def secrets(self) -> Iterator[str]:
        """Yield every secret value, for the log filter."""
        for name in SECRET_NAMES:
            value: SecretStr | None = getattr(self, name.lower())
            if value is not None:
                yield value.get_secret_value()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server that speaks the OpenAI API. ``api_key`` is ``None`` for servers that need none.

    ``url_setting``, ``key_setting``: the settings that both come from, or would come from.
    """

    base_url: str
    api_key: SecretStr | None
    url_setting: str
    key_setting: str


SECRET_NAMES = tuple(name.upper() for name in Settings.model_fields if name.endswith(("_token", "_api_key")))
NAMES = tuple(name.upper() for name in Settings.model_fields)
BUDGET_NAMES = tuple(name for name in NAMES if name.endswith("_BUDGET_USD"))


class SettingsError(Exception):
    """Everything that is wrong with the settings, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """Settings, and what the operator should know about how they were read. ``file``: what was read, if any was."""

    settings: Settings
    warnings: tuple[str, ...]
    file: Path | None


def read_settings(*, for_discord: bool, overrides: Mapping[str, Any] | None = None) -> ReadSettings:
    """Read the environment over ``.env`` (or the file that ``PARLEY_ENV_FILE`` names).

    With ``for_discord`` what ``python -m bot run`` cannot do without is required. ``overrides`` are settings by field
    name that win over both. Raises ``SettingsError`` with every problem found.
    """
    file = read_env_file(os.environ.get(ENV_FILE_VARIABLE), named_by=ENV_FILE_VARIABLE)
    problems = list(file.problems)
    environment = {name.upper(): value for name, value in os.environ.items()}
    values = {**_given(file.values), **_given(environment)}

    explicit: dict[str, Any] = {name.lower(): values[name] for name in NAMES if name in values} | dict(overrides or {})
    for name, secret in _secret_files(values, problems):
        explicit[name.lower()] = secret

    settings, wrong = _validated(explicit)
    problems += [f"{name}: {text}" for name, text in wrong.items()]
    problems += [text for names, text in _contradictions(settings) if wrong.keys().isdisjoint(names)]
    if for_discord and file.was_read:  # of what stands in a file that cannot be read nothing is known
        problems += _missing({name.upper() for name in explicit})
    unknown = tuple(_unknown_names(file, environment))
    if problems:
        # A mistyped name may be why another one is missing.
        raise SettingsError([*problems, *unknown])
    return ReadSettings(settings, unknown, file.path)


def _validated(explicit: Mapping[str, Any]) -> tuple[Settings, dict[str, str]]:
    """Return the settings without those that are wrong, and what each of these must be."""
    try:
        return Settings(**explicit), {}
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
    wrong = {str(entry["loc"][0]).upper(): sentence(entry) for entry in found}
    return Settings(**{name: value for name, value in explicit.items() if name.upper() not in wrong}), wrong


def _secret_files(values: Mapping[str, str], problems: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each secret that is given as a file; what is wrong with one is added to ``problems``."""
    for name in SECRET_NAMES:
        path = values.get(f"{name}_FILE")
        if path is None:
            continue
        if name in values:
            problems.append(f"{name} and {name}_FILE are both set: keep one")
            continue
        try:
            secret = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{name}_FILE: the file cannot be read ({type(error).__name__})")
        else:
            yield name, secret
            if not secret:
                problems.append(f"{name}_FILE: the file is empty")


def _given(values: Mapping[str, str | None]) -> dict[str, str]:
    """Return what is more than blanks and quotes."""
    cleaned = {name: unquoted(value) for name, value in values.items()}
    return {name: value for name, value in cleaned.items() if isinstance(value, str) and value.strip()}


def _missing(given: set[str]) -> Iterator[str]:
    if "DISCORD_TOKEN" not in given:
        yield "DISCORD_TOKEN is not set: copy it from your application's Bot page in the Discord developer portal"
    if given.isdisjoint({"OPENAI_API_KEY", "OPENAI_BASE_URL", "CHAT_API_KEY", "CHAT_BASE_URL"}):
        yield "OPENAI_API_KEY is not set: set it, or OPENAI_BASE_URL for a compatible server of your own"
    if "DAILY_BUDGET_USD" not in given:
        yield "DAILY_BUDGET_USD is not set: the most that the bot may spend a day, in US dollars (5 is a start)"


def _contradictions(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what does not go together, each with the names that it is about."""
    budgets = settings.budgets_usd
    for name, usd in budgets.items():
        day = name.replace("MONTHLY", "DAILY")
        if usd < budgets.get(day, 0):
            yield (name, day), f"{name}: is less than {day}: raise it, or lower that one"
    if settings.chat_model not in settings.models_allowed:
        text = "ALLOWED_MODELS: does not allow CHAT_MODEL, which answers when nobody chose: add it"
        yield ("ALLOWED_MODELS", "CHAT_MODEL"), text


def _unknown_names(file: EnvFile, environment: Mapping[str, str]) -> Iterator[str]:
    known = {*NAMES, *(f"{name}_FILE" for name in SECRET_NAMES), ENV_FILE_VARIABLE}
    ours = {name for name in environment if name.startswith(PREFIXES) or _is_close(name, known)}
    for name in sorted({*file.values, *ours} - known):
        meant = OTHER_NAMES.get(name) or next(iter(difflib.get_close_matches(name, known, n=1)), None)
        where = file.name if name in file.values else "the environment"
        yield f"{name} in {where} is not a setting of Parley" + (f": did you mean {meant}?" if meant else "")


def _is_close(name: str, known: Collection[str]) -> bool:
    return bool(difflib.get_close_matches(name, known, n=1, cutoff=0.9))
