"""Settings: every problem in one report, empty is unset, secrets from files, mistyped names are told."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from bot.core.caps import SpendingCaps
from bot.services import read_catalogue
from bot.settings import NAMES, OPENAI_BASE_URL, OTHER_NAMES, SECRET_NAMES, SettingsError, read_settings

ROOT = Path(__file__).parent.parent
MORE_CAPS = (
    "MONTHLY_BUDGET_USD", "SERVER_DAILY_BUDGET_USD", "SERVER_MONTHLY_BUDGET_USD", "MEMBER_DAILY_BUDGET_USD",
    "MEMBER_MONTHLY_BUDGET_USD",
)  # fmt: skip
GOOD = {"DISCORD_TOKEN": "a.b.c", "OPENAI_API_KEY": "sk-test", "DAILY_BUDGET_USD": "5"}


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (*NAMES, *(f"{name}_FILE" for name in SECRET_NAMES)):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / ".env"
    monkeypatch.setenv("PARLEY_ENV_FILE", str(path))
    write(path, GOOD)
    return path


def write(path: Path, values: dict[str, str]) -> None:
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")


def problems() -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read_settings(for_discord=True)
    return caught.value.problems


def test_three_settings_are_enough(env_file: Path) -> None:
    read = read_settings(for_discord=True)
    assert read.warnings == ()
    assert read.settings.daily_budget_usd == Decimal(5)
    assert read.settings.endpoint("chat").base_url == OPENAI_BASE_URL


def test_all_problems_come_in_one_report(env_file: Path) -> None:
    write(env_file, {"LOG_LEVEL": "LOUD", "OPENAI_BASE_URL": "api.openai.com", "DATABASE_URL": "postgres://x"})
    names = [problem.partition(":")[0].split()[0] for problem in problems()]
    assert sorted(names) == ["DAILY_BUDGET_USD", "DATABASE_URL", "DISCORD_TOKEN", "LOG_LEVEL", "OPENAI_BASE_URL"]
    write(env_file, {})
    assert len(problems()) == 3


def test_an_empty_value_is_unset(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(env_file, {**GOOD, "OPENAI_BASE_URL": "", "CHAT_MODEL": ""})
    monkeypatch.setenv("OPENAI_API_KEY", "")
    settings = read_settings(for_discord=True).settings
    assert settings.endpoint("chat").base_url == OPENAI_BASE_URL
    assert settings.endpoint("chat").api_key is not None
    assert settings.chat_model == "gpt-6-luna"


def test_the_environment_goes_before_the_file(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_MODEL", "gpt-6-sol")
    assert read_settings(for_discord=True).settings.chat_model == "gpt-6-sol"


def test_a_secret_may_be_a_file(env_file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("x.y.z\n", encoding="utf-8")
    write(env_file, {**GOOD, "DISCORD_TOKEN": "", "DISCORD_TOKEN_FILE": str(secret)})
    token = read_settings(for_discord=True).settings.discord_token
    assert token is not None
    assert token.get_secret_value() == "x.y.z"


def test_a_secret_file_that_is_missing_or_doubled_is_a_problem(env_file: Path, tmp_path: Path) -> None:
    write(env_file, {**GOOD, "OPENAI_API_KEY_FILE": str(tmp_path / "none")})
    assert any("both set" in problem for problem in problems())
    write(env_file, {**GOOD, "OPENAI_API_KEY": "", "OPENAI_API_KEY_FILE": str(tmp_path / "none")})
    assert any(problem.startswith("OPENAI_API_KEY_FILE") for problem in problems())


@pytest.mark.parametrize(
    "changed",
    [
        {"DISCORD_TOKEN": "'two words'"},
        {"DAILY_BUDGET_USD": "-1"},
        {"DAILY_BUDGET_USD": "lots"},
        {"DAILY_BUDGET_USD": "nan"},
        {"MESSAGE_CONTENT_INTENT": "perhaps"},
        {"LOG_FORMAT": "xml"},
        {"OPENAI_BASE_URL": "http://api.example.org/v1"},
        {"OPENAI_BASE_URL": "https://user:secret@api.example.org/v1"},
        {"OPENAI_BASE_URL": "ftp://api.example.org"},
        {"DATABASE_URL": "mysql://somewhere"},
        {"UNPRICED_CALL_USD": "free"},
        {"MONTHLY_BUDGET_USD": "-9"},
        {"SERVER_DAILY_BUDGET_USD": "1,5"},
        {"MEMBER_MONTHLY_BUDGET_USD": "inf"},
        {"MEMBER_REQUESTS_PER_HOUR": "0"},
        {"MEMBER_REQUESTS_PER_HOUR": "many"},
        {"ALLOWED_MODELS": "*luna"},
        {"ALLOWED_MODELS": "gpt-6-luna gpt-6-sol"},
    ],
    ids=lambda changed: "=".join(*changed.items()),
)
def test_a_wrong_value_is_one_problem_that_names_the_setting_and_not_the_value(
    env_file: Path, changed: dict[str, str]
) -> None:
    write(env_file, {**GOOD, **changed})
    (problem,) = problems()
    (name, value) = next(iter(changed.items()))
    assert problem.startswith(f"{name}:")
    assert value.strip("'") not in problem


def test_the_model_that_answers_by_default_must_be_allowed(env_file: Path) -> None:
    write(env_file, {**GOOD, "ALLOWED_MODELS": "gpt-4o, o3*", "CHAT_MODEL": "gpt-6-luna"})
    (problem,) = problems()
    assert "CHAT_MODEL" in problem
    write(env_file, {**GOOD, "ALLOWED_MODELS": " gpt-4o , gpt-6*,", "CHAT_MODEL": "gpt-6-luna"})
    allowed = read_settings(for_discord=True).settings.models_allowed
    assert {name: name in allowed for name in ("gpt-4o", "gpt-4o-mini", "gpt-6-sol", "gpt-5")} == {
        "gpt-4o": True, "gpt-4o-mini": False, "gpt-6-sol": True, "gpt-5": False,
    }  # fmt: skip
    write(env_file, {**GOOD, "ALLOWED_MODELS": ""})
    assert "anything" in read_settings(for_discord=True).settings.models_allowed


def test_only_the_bots_day_needs_a_cap(env_file: Path) -> None:
    assert read_settings(for_discord=True).settings.spending_caps == SpendingCaps(5_000_000)
    write(env_file, {**GOOD, **{name: str(number) for number, name in enumerate(MORE_CAPS, 5)}})
    caps = read_settings(for_discord=True).settings.spending_caps
    assert caps == SpendingCaps(5_000_000, 5_000_000, 6_000_000, 7_000_000, 8_000_000, 9_000_000)
    write(
        env_file, {**GOOD, "SERVER_DAILY_BUDGET_USD": "9", "MEMBER_MONTHLY_BUDGET_USD": "0", "MONTHLY_BUDGET_USD": ""}
    )
    caps = read_settings(for_discord=True).settings.spending_caps
    assert caps == SpendingCaps(5_000_000, server_day=9_000_000, member_month=0)


def test_a_month_that_allows_less_than_its_day_is_told_with_everything_else(env_file: Path) -> None:
    short = {"MONTHLY_BUDGET_USD": "4.99", "SERVER_DAILY_BUDGET_USD": "2", "SERVER_MONTHLY_BUDGET_USD": "1"}
    even = {"MEMBER_DAILY_BUDGET_USD": "1", "MEMBER_MONTHLY_BUDGET_USD": "1"}
    write(env_file, {**GOOD, **short, **even, "CHAT_MODEL": "gpt-0", "ALLOWED_MODELS": "gpt-4o"})
    names = [problem.partition(":")[0] for problem in problems()]
    assert names == ["MONTHLY_BUDGET_USD", "SERVER_MONTHLY_BUDGET_USD", "ALLOWED_MODELS"]


def test_quotes_that_docker_leaves_are_taken_off(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_MODEL", '"gpt-6-sol"')
    assert read_settings(for_discord=True).settings.chat_model == "gpt-6-sol"


def test_a_mistyped_name_is_warned_about(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(env_file, {**GOOD, "DALY_BUDGET_USD": "5"})
    monkeypatch.setenv("OPENAI_API_KEE", "sk-x")
    warnings = read_settings(for_discord=True).warnings
    assert [re.findall(r"did you mean (\w+)", warning) for warning in warnings] == [
        ["DAILY_BUDGET_USD"],
        ["OPENAI_API_KEY"],
    ]
    assert "sk-x" not in " ".join(warnings)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("OPENAI_MODEL", "CHAT_MODEL"), ("DISCORD_BOT_TOKEN", "DISCORD_TOKEN"), ("OPENAI_API_BASE", "OPENAI_BASE_URL")],
)
def test_the_name_that_other_programs_use_is_led_to_ours(env_file: Path, name: str, meant: str) -> None:
    write(env_file, {**GOOD, name: "gpt-6-sol"})
    (warning,) = read_settings(for_discord=True).warnings
    assert warning == f"{name} in .env is not a setting of Parley: did you mean {meant}?"


def test_every_name_of_other_programs_is_led_to_a_setting() -> None:
    assert set(OTHER_NAMES.values()) <= set(NAMES)
    assert not set(OTHER_NAMES) & set(NAMES)


@pytest.mark.parametrize("level", ["info", "Info", "'INFO'"])
def test_the_log_level_is_taken_in_any_case(env_file: Path, level: str) -> None:
    write(env_file, {**GOOD, "LOG_LEVEL": level, "LOG_FORMAT": "JSON"})
    settings = read_settings(for_discord=True).settings
    assert (settings.log_level, settings.log_format) == ("INFO", "json")


def test_a_mark_that_an_editor_wrote_in_front_of_the_file_is_no_part_of_a_name(env_file: Path) -> None:
    env_file.write_text("\ufeff" + env_file.read_text(encoding="utf-8"), encoding="utf-8")
    assert read_settings(for_discord=True).warnings == ()


def test_the_general_key_is_not_sent_to_another_server(env_file: Path) -> None:
    write(env_file, {**GOOD, "CHAT_BASE_URL": "http://localhost:11434/v1"})
    endpoint = read_settings(for_discord=True).settings.endpoint("chat")
    assert endpoint.base_url == "http://localhost:11434/v1"
    assert endpoint.api_key is None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "ollama", "192.168.1.5", "host.docker.internal"])
def test_plain_http_stays_in_the_house(env_file: Path, host: str) -> None:
    write(env_file, {**GOOD, "OPENAI_BASE_URL": f"http://{host}:8000/v1/"})
    assert read_settings(for_discord=True).settings.openai_base_url == f"http://{host}:8000/v1"


def test_secrets_are_not_shown(env_file: Path) -> None:
    settings = read_settings(for_discord=True).settings
    assert "sk-test" not in repr(settings)
    assert set(settings.secrets()) == {"a.b.c", "sk-test"}


def test_the_example_file_names_every_setting_and_nothing_else() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^(?:# )?([A-Z_]+)=", text, re.MULTILINE)) == set(NAMES)
    assert "\nLOG_FORMAT=" not in text, "a copy of it must not override what the image says"


@pytest.mark.parametrize(
    "text", ["not toml", '[models."gpt-6-luna"]\nprice = 1\n', None], ids=["text", "key", "missing"]
)
def test_a_wrong_overlay_of_the_catalogue_is_a_problem_of_the_settings(tmp_path: Path, text: str | None) -> None:
    overlay = tmp_path / "overlay.toml"
    if text is not None:
        overlay.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_catalogue(overlay)
    assert all(problem.startswith("CATALOGUE_OVERLAY: ") for problem in caught.value.problems)
