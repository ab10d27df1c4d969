"""Sixty environments that somebody got wrong: all problems in one report, each under its name, and exit code 78."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli.ending import EXIT_CONFIG, settings_or_stop
from bot.settings import NAMES, SECRET_NAMES, SettingsError, read_settings

GOOD = {"DISCORD_TOKEN": "a.b.c", "OPENAI_API_KEY": "sk-canary-key", "DAILY_BUDGET_USD": "5"}
WITHOUT = None  # the variable is not there at all

# What differs from a good environment, and the names that the report must begin its lines with, in any order.
Case = tuple[dict[str, str | None], tuple[str, ...]]
MISSING: list[Case] = [
    ({"DISCORD_TOKEN": WITHOUT}, ("DISCORD_TOKEN",)),
    ({"OPENAI_API_KEY": WITHOUT}, ("OPENAI_API_KEY",)),
    ({"DAILY_BUDGET_USD": WITHOUT}, ("DAILY_BUDGET_USD",)),
    ({"DISCORD_TOKEN": WITHOUT, "OPENAI_API_KEY": WITHOUT}, ("DISCORD_TOKEN", "OPENAI_API_KEY")),
    (dict.fromkeys(GOOD, WITHOUT), tuple(GOOD)),
    ({"DISCORD_TOKEN": WITHOUT, "DISCORD_TOKEN_FILE": "none/token"}, ("DISCORD_TOKEN_FILE", "DISCORD_TOKEN")),
    ({"OPENAI_API_KEY_FILE": "none/key"}, ("OPENAI_API_KEY",)),
]
BLANK: list[Case] = [
    ({name: blank}, (name,)) for name in GOOD for blank in ("", "   ", '""', "''", "\t")
]  # fmt: skip
QUOTED: list[Case] = [
    ({"DISCORD_TOKEN": '"a b.c"'}, ("DISCORD_TOKEN",)),
    ({"OPENAI_API_KEY": "“sk-key”"}, ("OPENAI_API_KEY",)),
    ({"DAILY_BUDGET_USD": "'five'"}, ("DAILY_BUDGET_USD",)),
    ({"DAILY_BUDGET_USD": "$5"}, ("DAILY_BUDGET_USD",)),
]
OLD: list[Case] = [
    ({"DISCORD_TOKEN": WITHOUT, "DISCORD_BOT_TOKEN": "a.b.c"}, ("DISCORD_TOKEN", "DISCORD_BOT_TOKEN")),
    ({"OPENAI_API_KEY": WITHOUT, "OPENAI_KEY": "sk-canary-key"}, ("OPENAI_API_KEY", "OPENAI_KEY")),
    ({"OPENAI_API_KEY": WITHOUT, "OPENAI_API_BASE": "http://localhost/v1"}, ("OPENAI_API_KEY", "OPENAI_API_BASE")),
    ({"DAILY_BUDGET_USD": WITHOUT, "DAILY_BUDGET": "5"}, ("DAILY_BUDGET_USD", "DAILY_BUDGET")),
    ({"DATABASE_URL": "data/parley.db"}, ("DATABASE_URL",)),
    ({"DATABASE_URL": "sqlite://data/parley.db"}, ("DATABASE_URL",)),
    ({"DATABASE_URL": "postgres://user:canary@host/db"}, ("DATABASE_URL",)),
    ({"DATABASE_URL": "sqlite:///"}, ("DATABASE_URL",)),
    ({"DATABASE_URL": "sqlite:///data/"}, ("DATABASE_URL",)),
    ({"DATABASE_URL": "sqlite:///:memory:"}, ("DATABASE_URL",)),
    ({"DATABASE_URL": "sqlite:///file:x?mode=memory"}, ("DATABASE_URL",)),
]
TYPES: list[Case] = [
    ({"DAILY_BUDGET_USD": "five"}, ("DAILY_BUDGET_USD",)),
    ({"DAILY_BUDGET_USD": "5,00"}, ("DAILY_BUDGET_USD",)),
    ({"DAILY_BUDGET_USD": "-1"}, ("DAILY_BUDGET_USD",)),
    ({"DAILY_BUDGET_USD": "inf"}, ("DAILY_BUDGET_USD",)),
    ({"DAILY_BUDGET_USD": "1e99"}, ("DAILY_BUDGET_USD",)),
    ({"UNPRICED_CALL_USD": "cheap"}, ("UNPRICED_CALL_USD",)),
    ({"MEMBER_REQUESTS_PER_HOUR": "0"}, ("MEMBER_REQUESTS_PER_HOUR",)),
    ({"MEMBER_REQUESTS_PER_HOUR": "1.5"}, ("MEMBER_REQUESTS_PER_HOUR",)),
    ({"MIN_ACCOUNT_AGE_DAYS": "-1"}, ("MIN_ACCOUNT_AGE_DAYS",)),
    ({"RETENTION_DAYS": "0"}, ("RETENTION_DAYS",)),
    ({"RETENTION_DAYS": "forever"}, ("RETENTION_DAYS",)),
    ({"METRICS_PORT": "0"}, ("METRICS_PORT",)),
    ({"METRICS_PORT": "99999"}, ("METRICS_PORT",)),
    ({"METRICS_PORT": "http"}, ("METRICS_PORT",)),
    ({"METRICS_HOST": "localhost:9"}, ("METRICS_HOST",)),
    ({"MESSAGE_CONTENT_INTENT": "maybe"}, ("MESSAGE_CONTENT_INTENT",)),
    ({"LOG_LEVEL": "VERBOSE"}, ("LOG_LEVEL",)),
    ({"LOG_FORMAT": "yaml"}, ("LOG_FORMAT",)),
    ({"OPENAI_BASE_URL": "api.openai.com"}, ("OPENAI_BASE_URL",)),
    ({"OPENAI_BASE_URL": "http://api.openai.com/v1"}, ("OPENAI_BASE_URL",)),
    ({"CHAT_BASE_URL": "https://me:canary@host/v1"}, ("CHAT_BASE_URL",)),
    ({"OPENAI_BASE_URL": "wss://api.openai.com/v1"}, ("OPENAI_BASE_URL",)),
    ({"OPENAI_BASE_URL": "https://a b/v1"}, ("OPENAI_BASE_URL",)),
    ({"OPENAI_BASE_URL": "https://h:99999/v1"}, ("OPENAI_BASE_URL",)),
    ({"OPENAI_BASE_URL": "https://h:0/v1"}, ("OPENAI_BASE_URL",)),
    ({"OPENAI_BASE_URL": "https://[::1/v1"}, ("OPENAI_BASE_URL",)),
    ({"DISCORD_API_URL": "ftp://discord.com"}, ("DISCORD_API_URL",)),
    ({"DISCORD_API_URL": "ws://localhost:7878"}, ("DISCORD_API_URL",)),
    ({"DISCORD_GATEWAY_URL": "https://gateway.discord.gg"}, ("DISCORD_GATEWAY_URL",)),
    ({"DISCORD_GATEWAY_URL": "ws://gateway.discord.gg"}, ("DISCORD_GATEWAY_URL",)),
    ({"CHAT_MODEL": "gpt 6 luna"}, ("CHAT_MODEL",)),
    ({"CHAT_MODEL": "gpt-6-luna gpt-6-sol", "ALLOWED_MODELS": "gpt-4o"}, ("CHAT_MODEL",)),
    ({"SPEECH_MODEL": "tts\u200b-1"}, ("SPEECH_MODEL",)),
    ({"ATTACHMENT_HOSTS": "cdn.discordapp.com media.discordapp.net"}, ("ATTACHMENT_HOSTS",)),
    ({"ALLOWED_MODELS": "gpt-4o", "LOG_FORMAT": "yaml"}, ("ALLOWED_MODELS", "LOG_FORMAT")),
    ({"MONTHLY_BUDGET_USD": "1", "CATCH_UP_CHANNELS": "often"}, ("MONTHLY_BUDGET_USD", "CATCH_UP_CHANNELS")),
    ({"MONTHLY_BUDGET_USD": "1", "DAILY_BUDGET_USD": "five"}, ("DAILY_BUDGET_USD",)),
    ({"ATTACHMENT_HOSTS": "https://cdn.discordapp.com"}, ("ATTACHMENT_HOSTS",)),
    ({"ALLOWED_MODELS": "gpt-4o"}, ("ALLOWED_MODELS",)),
    ({"ALLOWED_MODELS": "gpt 4o"}, ("ALLOWED_MODELS",)),
    ({"DISCORD_TOKEN": "Bot a.b.c"}, ("DISCORD_TOKEN",)),
    ({"MONTHLY_BUDGET_USD": "4"}, ("MONTHLY_BUDGET_USD",)),
    (
        {"MEMBER_DAILY_BUDGET_USD": "2", "MEMBER_MONTHLY_BUDGET_USD": "1"},
        ("MEMBER_MONTHLY_BUDGET_USD",),
    ),
]
TYPOS: list[Case] = [
    ({"LOG_FORMAT": "xml", "OPENAI_BASEURL": "https://x.example/v1"}, ("LOG_FORMAT", "OPENAI_BASEURL")),
    ({"DAILY_BUDGET_USD": WITHOUT, "DALY_BUDGET_USD": "5"}, ("DAILY_BUDGET_USD", "DALY_BUDGET_USD")),
    ({"DISCORD_TOKEN": WITHOUT, "DISCORD_TOKN": "a.b.c"}, ("DISCORD_TOKEN", "DISCORD_TOKN")),
    ({"LOG_LEVEL": "LOUD", "MEMBER_DAYLY_BUDGET_USD": "1"}, ("LOG_LEVEL", "MEMBER_DAYLY_BUDGET_USD")),
    ({"LOG_LEVEL": "LOUD", "METRICS_PROT": "9000", "DAILY_BUDGET_USD": ""},
     ("LOG_LEVEL", "METRICS_PROT", "DAILY_BUDGET_USD")),
]  # fmt: skip
BROKEN = MISSING + BLANK + QUOTED + OLD + TYPES + TYPOS


def test_there_are_sixty() -> None:
    assert len(BROKEN) >= 60


@pytest.mark.parametrize("in_file", [True, False], ids=["file", "environment"])
@pytest.mark.parametrize(("changed", "named"), BROKEN, ids=str)
def test_every_problem_is_in_the_report(
    changed: dict[str, str | None],
    named: tuple[str, ...],
    in_file: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in (*NAMES, *(f"{name}_FILE" for name in SECRET_NAMES)):
        monkeypatch.delenv(name, raising=False)
    values = {name: value for name, value in (GOOD | changed).items() if value is not None}
    path = tmp_path / ".env"
    path.touch()
    monkeypatch.setenv("PARLEY_ENV_FILE", str(path))
    if in_file:
        path.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
    else:
        for name, value in values.items():
            monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        settings_or_stop(for_discord=True)
    assert ended.value.code == EXIT_CONFIG
    report = capsys.readouterr().err
    lines = [line.removeprefix("parley: ") for line in report.splitlines()]
    assert sorted(line.replace(":", " ").split()[0] for line in lines) == sorted(named)
    assert "canary" not in report
    for of_a_library in ("Input should", "unable to", "Value error", "Invalid"):
        assert of_a_library not in report


@pytest.mark.parametrize("line", ['LOG_LEVEL="DEBUG', "LOG_LEVEL='DEBUG", "LOG LEVEL=DEBUG"])
def test_a_line_that_cannot_be_read_is_named(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / ".env"
    monkeypatch.setenv("PARLEY_ENV_FILE", str(path))
    path.write_text("".join(f"{name}={value}\n" for name, value in GOOD.items()) + line + "\n", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        settings_or_stop(for_discord=True)
    assert ended.value.code == EXIT_CONFIG
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("parley: .env line 4: ")


@pytest.mark.parametrize("in_place", ["nothing", "a folder", "a locked folder", "no text"])
@pytest.mark.parametrize("named", [True, False], ids=["named", "default"])
def test_a_file_that_cannot_be_read_is_named_and_so_is_what_is_wrong_beside_it(
    named: bool, in_place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (*NAMES, "PARLEY_ENV_FILE"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / ".env"
    if named:
        monkeypatch.setenv("PARLEY_ENV_FILE", str(path))
    monkeypatch.chdir(tmp_path)
    if in_place == "a folder":
        path.mkdir()
    elif in_place == "no text":
        path.write_bytes(b"\xff\xfe")
    elif in_place == "a locked folder":
        refuse_to_read(monkeypatch)
    monkeypatch.setenv("LOG_FORMAT", "yaml")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-key")
    with pytest.raises(SystemExit) as ended:
        settings_or_stop(for_discord=True)
    assert ended.value.code == EXIT_CONFIG
    *of_the_file, of_the_format = capsys.readouterr().err.splitlines()
    if in_place == "nothing" and not named:
        assert of_the_file[0] == "parley: LOG_FORMAT: must be text or json"
        assert len(of_the_file) == 2  # the token, and here the budget
        return
    assert of_the_format == "parley: LOG_FORMAT: must be text or json"
    (line,) = of_the_file
    assert ".env" in line


def refuse_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every look at a file end as in a folder that this user may not enter: root may enter all of them."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    for name in ("read_text", "stat", "open"):
        monkeypatch.setattr(Path, name, refuse)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"MESSAGE_CONTENT_INTENT": "maybe"}, "MESSAGE_CONTENT_INTENT: must be true or false"),
        ({"RETENTION_DAYS": "forever"}, "RETENTION_DAYS: must be a whole number"),
        ({"RETENTION_DAYS": "0"}, "RETENTION_DAYS: must be 1 or more"),
        ({"METRICS_PORT": "99999"}, "METRICS_PORT: must be 65535 or less"),
        ({"UNPRICED_CALL_USD": "cheap"}, "UNPRICED_CALL_USD: must be a number such as 5 or 0.50, without a currency"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: must be DEBUG, INFO, WARNING or ERROR"),
        ({"OPENAI_BASE_URL": "http://api.example.org"}, "OPENAI_BASE_URL: must be https: only a server on this machine or in a private network may be plain http"),  # noqa: E501
    ],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_is_a_sentence(
    changed: dict[str, str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".env"
    path.write_text("".join(f"{name}={value}\n" for name, value in (GOOD | changed).items()), encoding="utf-8")
    monkeypatch.setenv("PARLEY_ENV_FILE", str(path))
    with pytest.raises(SettingsError) as caught:
        read_settings(for_discord=True)
    assert caught.value.problems == [sentence]
