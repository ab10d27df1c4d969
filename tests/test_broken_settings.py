"""Sixty environments that somebody got wrong: all problems in one report, each under its name, and exit code 78."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli.ending import EXIT_CONFIG, settings_or_stop
from bot.settings import NAMES, SECRET_NAMES

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
    ({"LOG_LEVEL": "debug"}, ("LOG_LEVEL",)),
    ({"LOG_FORMAT": "yaml"}, ("LOG_FORMAT",)),
    ({"OPENAI_BASE_URL": "api.openai.com"}, ("OPENAI_BASE_URL",)),
    ({"OPENAI_BASE_URL": "http://api.openai.com/v1"}, ("OPENAI_BASE_URL",)),
    ({"CHAT_BASE_URL": "https://me:canary@host/v1"}, ("CHAT_BASE_URL",)),
    ({"DISCORD_API_URL": "ftp://discord.com"}, ("DISCORD_API_URL",)),
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
    assert "parley: .env line 4: " in capsys.readouterr().err
