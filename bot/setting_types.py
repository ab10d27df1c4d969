"""What the value of a setting may be, and what is said of one that is wrong: what it must be, never what it is."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

# What pydantic finds by itself. Whatever else is wrong is told by the checks below.
SENTENCES: Final[Mapping[str, str]] = {
    "bool_parsing": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "decimal_parsing": "must be a number such as 5 or 0.50, without a currency",
    "finite_number": "must be a number such as 5 or 0.50, without a currency",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "literal_error": "must be {expected}",
}
SQLITE: Final = "sqlite:///"


def sentence(error: ErrorDetails) -> str:
    """Return what one value must be."""
    known = SENTENCES.get(error["type"])
    if known is None:
        return error["msg"].removeprefix("Value error, ")
    return known.format(**error.get("ctx", {})).replace("'", "")


def unquoted(value: object) -> object:
    """Take off the quotes that ``docker run --env-file`` leaves around a value."""
    if isinstance(value, str):
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            return value[1:-1]
    return value


def listed(value: str) -> tuple[str, ...]:
    """Return what stands between commas."""
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _in_case(change: Callable[[str], str]) -> Callable[[object], object]:
    def changed(value: object) -> object:
        value = unquoted(value)
        return change(value) if isinstance(value, str) else value

    return changed


def _is_private_host(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".localhost"))


def _has_blanks(value: str) -> bool:
    return any(c.isspace() or not c.isprintable() for c in value)


def _url_checker(*, safe: str, plain: str, example: str) -> Callable[[str], str]:
    """Return a check for URLs of two schemes: what would send the key in the clear is refused."""

    def checked(value: str) -> str:
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:
            raise ValueError(f"must be a URL such as {example}: its address or its port cannot be") from None
        if parts.scheme not in (safe, plain) or not parts.hostname or _has_blanks(value):
            raise ValueError(f"must be a URL such as {example}, without blanks")
        if port == 0:
            raise ValueError("must have a port between 1 and 65535, or none")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must not carry a user, a password, a query or a fragment")
        if parts.scheme == plain and not _is_private_host(parts.hostname):
            raise ValueError(
                f"must be {safe}: only a server on this machine or in a private network may be plain {plain}"
            )
        return value.rstrip("/")

    return checked


def _checked_token(value: SecretStr) -> SecretStr:
    token = value.get_secret_value()
    if not token.isascii() or _has_blanks(token):
        raise ValueError("has characters that no token has; copy it again without spaces or quotes")
    return value


def _checked_database_url(value: str) -> str:
    path = value.removeprefix(SQLITE)
    if path == value or not path or path.endswith("/"):
        raise ValueError(
            "must be sqlite:///path/to/file.db (three slashes for a relative path, four for an absolute one)"
        )
    if path.startswith((":memory:", "file:")) or "?" in path:
        raise ValueError("must be a file without options: what is kept in memory is lost when the bot stops")
    return value


def _checked_model(value: str) -> str:
    if _has_blanks(value):
        raise ValueError("must be the name of one model, without blanks")
    return value


def _checked_models(value: str) -> str:
    names = listed(value)
    if not names or any("*" in name.removesuffix("*") or _has_blanks(name) for name in names):
        raise ValueError("must be names of models with commas between, or beginnings of names such as gpt-6*")
    return ",".join(names)


def _checked_hosts(value: str) -> str:
    hosts = listed(value.lower())
    if not hosts or any(urlsplit(f"//{host}").hostname != host.strip("[]") or _has_blanks(host) for host in hosts):
        raise ValueError("must be names of hosts with commas between, without https:// and ports")
    return ",".join(host.strip("[]") for host in hosts)


def _checked_host(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("must be an address such as 127.0.0.1, or 0.0.0.0 in a container") from None


_UNQUOTED: Any = BeforeValidator(unquoted)
_API_URL = _url_checker(safe="https", plain="http", example="https://api.openai.com/v1")
_DISCORD_URL = _url_checker(safe="https", plain="http", example="https://discord.com/api/v10")
_GATEWAY_URL = _url_checker(safe="wss", plain="ws", example="wss://gateway.discord.gg")

Switch = Annotated[bool, _UNQUOTED]
Number = Annotated[int, _UNQUOTED]
FilePath = Annotated[Path, _UNQUOTED]
ApiUrl = Annotated[str, _UNQUOTED, AfterValidator(_API_URL)]
DiscordUrl = Annotated[str, _UNQUOTED, AfterValidator(_DISCORD_URL)]
GatewayUrl = Annotated[str, _UNQUOTED, AfterValidator(_GATEWAY_URL)]
DatabaseUrl = Annotated[str, _UNQUOTED, AfterValidator(_checked_database_url)]
Secret = Annotated[SecretStr, _UNQUOTED, AfterValidator(_checked_token)]
Usd = Annotated[Decimal, _UNQUOTED, Field(ge=0, le=1_000_000)]
ModelName = Annotated[str, _UNQUOTED, AfterValidator(_checked_model)]
ModelNames = Annotated[str, _UNQUOTED, AfterValidator(_checked_models)]
HostNames = Annotated[str, _UNQUOTED, AfterValidator(_checked_hosts)]
Address = Annotated[str, _UNQUOTED, AfterValidator(_checked_host)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_in_case(str.upper))]
LogFormat = Annotated[Literal["text", "json"], BeforeValidator(_in_case(str.lower))]
