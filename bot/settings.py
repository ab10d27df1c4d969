"""The settings of one process, read from the environment and ``.env``. Nothing else reads the environment.

Every problem is found in one go (``SettingsError.problems``), an empty value counts as unset, a secret may also be
given as a file (``DISCORD_TOKEN_FILE=/run/secrets/discord``), and a mistyped name is warned about.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from bot.core.caps import SpendingCaps
from bot.core.spending import AllowedModels

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


def _unquoted(value: object) -> object:
    """Take off the quotes that ``docker run --env-file`` leaves around a value."""
    if isinstance(value, str):
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            return value[1:-1]
    return value


def _is_private_host(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".localhost"))


def _checked_url(value: str) -> str:
    """Refuse what would send the key in the clear, or cannot be a base URL at all."""
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http", "ws", "wss") or not parts.hostname:
        raise ValueError("must be a URL such as https://api.openai.com/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must not carry a user, a password, a query or a fragment")
    if parts.scheme in ("http", "ws") and not _is_private_host(parts.hostname):
        raise ValueError("must be https: only a server on this machine or in a private network may be plain http")
    return value.rstrip("/")


def _checked_token(value: SecretStr) -> SecretStr:
    token = value.get_secret_value()
    if not token.isascii() or any(c.isspace() for c in token):
        raise ValueError("has characters that no token has; copy it again without spaces or quotes")
    return value


def _checked_database_url(value: str) -> str:
    if not value.startswith("sqlite:///") or len(value) == len("sqlite:///"):
        raise ValueError(
            "must be sqlite:///path/to/file.db (three slashes for a relative path, four for an absolute one)"
        )
    return value


def _checked_models(value: str) -> str:
    names = _listed(value)
    if not names or any("*" in name.removesuffix("*") or any(c.isspace() for c in name) for name in names):
        raise ValueError("must be names of models with commas between, or beginnings of names such as gpt-6*")
    return ",".join(names)


def _checked_hosts(value: str) -> str:
    hosts = _listed(value.lower())
    if not hosts or any(urlsplit(f"//{host}").hostname != host.strip("[]") for host in hosts):
        raise ValueError("must be names of hosts with commas between, without https:// and ports")
    return ",".join(host.strip("[]") for host in hosts)


def _checked_host(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("must be an address such as 127.0.0.1, or 0.0.0.0 in a container") from None


def _micro_usd(usd: Decimal | None) -> int | None:
    return None if usd is None else int(usd * MICRO)


def _listed(value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


Text = Annotated[str, BeforeValidator(_unquoted)]
Url = Annotated[str, BeforeValidator(_unquoted), AfterValidator(_checked_url)]
Secret = Annotated[SecretStr, BeforeValidator(_unquoted), AfterValidator(_checked_token)]
Usd = Annotated[Decimal, BeforeValidator(_unquoted), Field(ge=0, le=1_000_000)]


EndpointCapability: TypeAlias = Literal["chat", "image", "speech", "transcription", "translation"]
CAPABILITIES: tuple[EndpointCapability, ...] = get_args(EndpointCapability)


class Settings(BaseModel):
    """Settings of one process. ``.env.example`` explains each; a test keeps the two in step."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    discord_token: Secret | None = None
    openai_api_key: Secret | None = None
    openai_base_url: Url | None = None
    chat_api_key: Secret | None = None
    chat_base_url: Url | None = None
    chat_model: Text = "gpt-6-luna"
    image_api_key: Secret | None = None
    image_base_url: Url | None = None
    image_model: Text = "gpt-image-2.6-flare"
    speech_api_key: Secret | None = None
    speech_base_url: Url | None = None
    speech_model: Text = "gpt-4o-mini-tts"
    transcription_api_key: Secret | None = None
    transcription_base_url: Url | None = None
    transcription_model: Text = "gpt-transcribe"
    translation_api_key: Secret | None = None
    translation_base_url: Url | None = None
    translation_model: Text | None = None
    split_long_sounds: Annotated[bool, BeforeValidator(_unquoted)] = True
    daily_budget_usd: Usd | None = None
    monthly_budget_usd: Usd | None = None
    server_daily_budget_usd: Usd | None = None
    server_monthly_budget_usd: Usd | None = None
    member_daily_budget_usd: Usd | None = None
    member_monthly_budget_usd: Usd | None = None
    unpriced_call_usd: Usd = Decimal("0.05")
    member_requests_per_hour: Annotated[int, BeforeValidator(_unquoted), Field(ge=1, le=100_000)] = 60
    min_account_age_days: Annotated[int, BeforeValidator(_unquoted), Field(ge=0, le=3650)] = 0
    allowed_models: Annotated[Text, AfterValidator(_checked_models)] | None = None
    attachment_hosts: Annotated[Text, AfterValidator(_checked_hosts)] = "cdn.discordapp.com,media.discordapp.net"
    message_content_intent: Annotated[bool, BeforeValidator(_unquoted)] = False
    catch_up_channels: Annotated[bool, BeforeValidator(_unquoted)] = False
    database_url: Annotated[Text, AfterValidator(_checked_database_url)] = "sqlite:///data/parley.db"
    retention_days: Annotated[int, BeforeValidator(_unquoted), Field(ge=1, le=3650)] = 30
    catalogue_overlay: Annotated[Path, BeforeValidator(_unquoted)] | None = None
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_unquoted)] = "INFO"
    log_format: Annotated[Literal["text", "json"], BeforeValidator(_unquoted)] = "text"
    metrics_port: Annotated[int, BeforeValidator(_unquoted), Field(ge=1, le=65_535)] | None = None
    metrics_host: Annotated[Text, AfterValidator(_checked_host)] = "127.0.0.1"
    discord_api_url: Url | None = None
    discord_gateway_url: Url | None = None

    @property
    def database_path(self) -> Path:
        """The SQLite file."""
        return Path(self.database_url.removeprefix("sqlite:///"))

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
        return AllowedModels(_listed(self.allowed_models or ""))

    @property
    def hosts_of_attachments(self) -> tuple[str, ...]:
        """The hosts that attachments are fetched from."""
        return _listed(self.attachment_hosts)

    def endpoint(self, capability: EndpointCapability) -> Endpoint:
        """Return where a capability is asked for."""
        base_url: str | None = getattr(self, f"{capability}_base_url")
        own_key: SecretStr | None = getattr(self, f"{capability}_api_key")
        # The general key belongs to the general server: it is never sent to another one.
        key = own_key or (None if base_url is not None else self.openai_api_key)
        return Endpoint(base_url=base_url or self.openai_base_url or OPENAI_BASE_URL, api_key=key)

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
    """A server that speaks the OpenAI API. ``api_key`` is ``None`` for servers that need none."""

    base_url: str
    api_key: SecretStr | None


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
    """Settings, and what the operator should know about how they were read."""

    settings: Settings
    warnings: tuple[str, ...]


def read_settings(*, for_discord: bool, overrides: Mapping[str, Any] | None = None) -> ReadSettings:
    """Read the environment over ``.env`` (or the file that ``PARLEY_ENV_FILE`` names).

    With ``for_discord`` what ``python -m bot run`` cannot do without is required. ``overrides`` are settings by field
    name that win over both. Raises ``SettingsError`` with every problem found.
    """
    env_file = Path(os.environ.get(ENV_FILE_VARIABLE) or ".env")
    problems: list[str] = []
    from_file: dict[str, str | None] = {}
    if env_file.is_file():
        try:
            text = env_file.read_text(encoding="utf-8")
            problems += _unreadable_lines(text, env_file.name)
            from_file = {name.upper(): value for name, value in dotenv_values(stream=StringIO(text)).items()}
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError([f"{env_file}: cannot be read ({type(error).__name__}); save it as UTF-8"]) from None
    environment = {name.upper(): value for name, value in os.environ.items()}
    values = {**_given(from_file), **_given(environment)}

    explicit: dict[str, Any] = {name.lower(): values[name] for name in NAMES if name in values} | dict(overrides or {})
    for name, secret in _secret_files(values, problems):
        explicit[name.lower()] = secret

    settings = None
    try:
        settings = Settings(**explicit)
    except ValidationError as error:
        problems.extend(
            f"{str(entry['loc'][0]).upper()}: {entry['msg'].removeprefix('Value error, ')}"
            for entry in error.errors(include_input=False, include_url=False, include_context=False)
        )
    if settings is not None:
        problems += _short_months(settings)
    if settings is not None and settings.chat_model not in settings.models_allowed:
        problems.append("ALLOWED_MODELS: does not allow CHAT_MODEL, which answers when nobody chose: add it")
    if for_discord:
        problems += _missing({name.upper() for name in explicit})
    unknown = tuple(_unknown_names(from_file, environment, env_file.name))
    if settings is None or problems:
        # A mistyped name may be why another one is missing.
        raise SettingsError([*problems, *unknown])
    return ReadSettings(settings, unknown)


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


def _unreadable_lines(text: str, file_name: str) -> Iterator[str]:
    # python-dotenv leaves such a line out, and only its log says so.
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            yield f"{file_name} line {binding.original.line}: is not NAME=value, or a quote is not closed"


def _given(values: Mapping[str, str | None]) -> dict[str, str]:
    """Return what is more than blanks and quotes."""
    cleaned = {name: _unquoted(value) for name, value in values.items()}
    return {name: value for name, value in cleaned.items() if isinstance(value, str) and value.strip()}


def _missing(given: set[str]) -> Iterator[str]:
    if "DISCORD_TOKEN" not in given:
        yield "DISCORD_TOKEN is not set: copy it from your application's Bot page in the Discord developer portal"
    if given.isdisjoint({"OPENAI_API_KEY", "OPENAI_BASE_URL", "CHAT_API_KEY", "CHAT_BASE_URL"}):
        yield "OPENAI_API_KEY is not set: set it, or OPENAI_BASE_URL for a compatible server of your own"
    if "DAILY_BUDGET_USD" not in given:
        yield "DAILY_BUDGET_USD is not set: the most that the bot may spend a day, in US dollars (5 is a start)"


def _short_months(settings: Settings) -> Iterator[str]:
    budgets = settings.budgets_usd
    for name, usd in budgets.items():
        day = name.replace("MONTHLY", "DAILY")
        if usd < budgets.get(day, 0):
            yield f"{name}: is less than {day}: raise it, or lower that one"


def _unknown_names(
    from_file: Mapping[str, str | None], environment: Mapping[str, str], file_name: str
) -> Iterator[str]:
    known = {*NAMES, *(f"{name}_FILE" for name in SECRET_NAMES), ENV_FILE_VARIABLE}
    ours = {name for name in environment if name.startswith(PREFIXES) or _is_close(name, known)}
    for name in sorted({*from_file, *ours} - known):
        close = difflib.get_close_matches(name, known, n=1)
        where = file_name if name in from_file else "the environment"
        yield f"{name} in {where} is not a setting of Parley" + (f": did you mean {close[0]}?" if close else "")


def _is_close(name: str, known: Collection[str]) -> bool:
    return bool(difflib.get_close_matches(name, known, n=1, cutoff=0.9))
