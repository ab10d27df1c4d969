"""doctor between the two stand-ins: each problem with what to do; no secret, no cost, no change."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import discord
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.app import permissions
from bot.cli.findings import Finding, Level
from bot.cli.look_at_files import look_at_files
from bot.cli.look_at_models import look_at_models
from bot.sandbox.standin import StandIn
from bot.settings import Settings
from bot.store.refused_token import RefusedToken
from tests.cli.conftest import Ended, Shell
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.discord_standin.payloads import MESSAGE_CONTENT


@pytest.fixture
async def discord_standin() -> AsyncIterator[DiscordStandIn]:
    async with DiscordStandIn() as standin:
        yield standin
    assert standin.violations == []


@pytest.fixture
def clinic(shell: Shell, discord_standin: DiscordStandIn, standin: StandIn) -> Shell:
    shell.settings = {
        "DISCORD_TOKEN": discord_standin.token,
        "DISCORD_API_URL": discord_standin.api_url,
        "OPENAI_API_KEY": standin.key,
        "OPENAI_BASE_URL": standin.base_url,
        "DAILY_BUDGET_USD": "5",
    }
    return shell


@asynccontextmanager
async def one_answer(answer: dict[str, object]) -> AsyncIterator[str]:
    """Run a server that answers everything with one object."""

    async def same(_: web.Request) -> web.Response:
        return web.json_response(answer)

    app = web.Application()
    app.router.add_get("/{path:.*}", same)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))[:-1]


def lines(ended: Ended, level: str) -> list[str]:
    return [line for line in ended.out.splitlines() if line.startswith(f"{level} ")]


async def test_everything_is_well_and_nothing_is_changed_or_paid_for(
    clinic: Shell, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    ended = await clinic.run("doctor")
    assert ended.code == 0, ended.out
    assert ended.err == ""
    assert lines(ended, "problem") == []
    subjects = {line.split()[1].rstrip(":") for line in lines(ended, "ok")}
    assert subjects >= {"settings", "token", "intents", "invite", "logins", "models", "folder", "database"}
    for secret in (discord_standin.token, standin.key):
        assert secret not in ended.out + ended.err
    assert {request.method for request in discord_standin.journal.requests} == {"GET"}
    assert {request.path for request in standin.requests} == {"/v1/models"}
    assert not clinic.data.exists()


async def test_a_refused_token_that_is_good_again_may_start_again(
    clinic: Shell, discord_standin: DiscordStandIn
) -> None:
    clinic.data.mkdir(mode=0o700)
    refused = RefusedToken(clinic.data)
    refused.remember(discord_standin.token)
    ended = await clinic.run("doctor", DISCORD_API_URL="http://127.0.0.1:9")
    assert ended.code == 1
    assert refused.is_refused(discord_standin.token)
    ended = await clinic.run("doctor")
    assert ended.code == 0, ended.out
    assert "may start with it again" in ended.out
    assert not refused.is_refused(discord_standin.token)


async def test_the_invite_link_asks_for_what_is_needed_and_no_more(
    clinic: Shell, discord_standin: DiscordStandIn
) -> None:
    ended = await clinic.run("doctor")
    (line,) = [line for line in lines(ended, "ok") if " invite: " in line]
    query = parse_qs(urlsplit(line.split()[-1]).query)
    assert query["client_id"] == [str(discord_standin.world.bot.user_id)]
    assert query["scope"][0].split() == ["bot", "applications.commands"]
    asked = discord.Permissions(int(query["permissions"][0]))
    assert asked == permissions()
    risky = {name for name, on in asked if on and ("manage" in name or name in ("administrator", "mention_everyone"))}
    assert risky == set()


async def test_it_works_while_the_bot_runs(clinic: Shell) -> None:
    await clinic.fill()
    with clinic.owned():
        before = clinic.files()
        ended = await clinic.run("doctor")
        assert ended.code == 0, ended.out
        assert clinic.files() == before
    assert [line for line in lines(ended, "ok") if "database: whole" in line]


async def test_the_budgets_are_told_and_one_of_nothing_is_warned_of(clinic: Shell) -> None:
    ended = await clinic.run(
        "doctor", MONTHLY_BUDGET_USD="60", MEMBER_DAILY_BUDGET_USD="0.25", SERVER_DAILY_BUDGET_USD="0"
    )
    (line,) = [line for line in lines(ended, "ok") if " settings: " in line]
    assert "at most 60 USD a month, 5 USD a day, 0 USD a day for each server, 0.25 USD a day for each member" in line
    assert [line for line in lines(ended, "warn") if "SERVER_DAILY_BUDGET_USD is 0" in line]


@pytest.mark.parametrize(
    ("changed", "subject"),
    [
        ({"DISCORD_TOKEN": "wrong.wrong.wrong"}, "token"),
        ({"DISCORD_API_URL": "http://127.0.0.1:9"}, "discord"),
        ({"MESSAGE_CONTENT_INTENT": "true"}, "intents"),
        ({"OPENAI_API_KEY": "sk-wrong-wrong-wrong"}, "models"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "models"),
        ({"CHAT_MODEL": "gpt-0"}, "models"),
        ({"CATALOGUE_OVERLAY": "none.toml"}, "catalogue"),
        ({"DAILY_BUDGET_USD": ""}, "settings"),
        ({"LOG_LEVEL": "LOUD"}, "settings"),
    ],
    ids=lambda value: "=".join(*value.items()) if isinstance(value, dict) else value,
)
async def test_each_problem_is_named_with_what_to_do(clinic: Shell, changed: dict[str, str], subject: str) -> None:
    ended = await clinic.run("doctor", **changed)
    assert ended.code == 1
    (line,) = lines(ended, "problem")
    assert line.split()[1] == f"{subject}:"
    assert "\n         -> " in ended.out[ended.out.index(line) :]
    assert "wrong" not in ended.out


async def test_the_message_content_intent_that_is_switched_on(clinic: Shell, discord_standin: DiscordStandIn) -> None:
    discord_standin.gateway.privileged_intents = MESSAGE_CONTENT
    ended = await clinic.run("doctor", MESSAGE_CONTENT_INTENT="true")
    assert ended.code == 0, ended.out


@pytest.mark.parametrize("answer", [{}, {"id": "1", "session_start_limit": [1]}, {"id": None}])
async def test_a_discord_url_that_leads_elsewhere_is_a_problem(clinic: Shell, answer: dict[str, object]) -> None:
    async with one_answer(answer) as url:
        clinic.settings["DISCORD_API_URL"] = url
        ended = await clinic.run("doctor")
    assert ended.err == ""
    assert any("cannot be reached or understood" in line for line in lines(ended, "problem")), ended.out


async def test_a_server_that_fails_is_not_the_keys_fault(clinic: Shell, standin: StandIn) -> None:
    ended = await clinic.run("doctor", OPENAI_BASE_URL=standin.base_url.replace("/v1", "/nothing/v1"))
    assert [line.split()[1] for line in lines(ended, "warn")].count("models:") == 1


async def test_a_url_without_v1_at_which_nothing_is_found_is_a_problem(clinic: Shell, standin: StandIn) -> None:
    url = standin.base_url.removesuffix("/v1")
    ended = await clinic.run("doctor", OPENAI_BASE_URL=url)
    assert ended.code == 1
    (line,) = lines(ended, "problem")
    assert line.startswith(f"problem  models: {url} ")
    assert f"set OPENAI_BASE_URL to {url}/v1" in ended.out


@pytest.mark.parametrize(
    ("changed", "url_setting", "key_setting"),
    [
        ({}, "OPENAI_BASE_URL", "OPENAI_API_KEY"),
        ({"CHAT_API_KEY": "sk-wrong"}, "OPENAI_BASE_URL", "CHAT_API_KEY"),
        ({"CHAT_BASE_URL": "<url>"}, "CHAT_BASE_URL", "CHAT_API_KEY"),
        ({"CHAT_BASE_URL": "<url>", "CHAT_API_KEY": "sk-wrong"}, "CHAT_BASE_URL", "CHAT_API_KEY"),
        ({"SPEECH_BASE_URL": "<url>"}, "SPEECH_BASE_URL", "SPEECH_API_KEY"),
    ],
    ids=str,
)
async def test_the_settings_that_url_and_key_came_from_are_named(
    standin: StandIn, changed: dict[str, str], url_setting: str, key_setting: str
) -> None:
    own = {name.lower(): value.replace("<url>", standin.base_url) for name, value in changed.items()}
    general_key = standin.key if changed else "sk-wrong"
    for wrong, named in (({}, key_setting), ({url_setting.lower(): "http://127.0.0.1:9/v1"}, url_setting)):
        given = {"openai_base_url": standin.base_url, "openai_api_key": general_key, **own, **wrong}
        found = [finding async for finding in look_at_models(Settings(**given))]
        (advice,) = {each.advice for each in found if each.level is Level.PROBLEM}
        assert named in advice
        assert ("OPENAI_" in advice) == named.startswith("OPENAI_")


async def test_every_model_in_use_that_ends_is_named_with_what_replaces_it(clinic: Shell) -> None:
    ended = await clinic.run("doctor", CHAT_MODEL="gpt-4o", SPEECH_MODEL="tts-1")
    [line] = [line for line in lines(ended, "warn") if "gpt-4o is shut down" in line]
    assert "shut down on 2027-01-14; " in line
    assert "answers from then on" in line
    assert "nothing has to be done; or set CHAT_MODEL" in ended.out
    assert "tts-1 is shut down" not in ended.out  # a server of one's own keeps its models as long as it likes


async def test_settings_that_others_can_read_are_warned_of(clinic: Shell) -> None:
    file = clinic.folder / "empty.env"
    file.touch()
    file.chmod(0o644)
    ended = await clinic.run("doctor")
    assert f"run: chmod 600 {file}" in ended.out
    file.chmod(0o600)
    assert "chmod" not in (await clinic.run("doctor")).out


def test_the_age_of_the_newest_backup_is_told(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/parley.db")

    def told() -> list[Finding]:
        return [finding for finding in look_at_files(settings) if finding.subject == "backup"]

    assert told() == []
    settings.database_path.touch()
    assert [finding.level for finding in told()] == [Level.WARN]
    for days, name in ((20, "older"), (8, "newer")):
        backup = tmp_path / f"{name}.backup"
        backup.touch()
        os.utime(backup, (time.time() - days * 86_400,) * 2)
    (finding,) = told()
    assert finding.level is Level.WARN
    assert "8.0 days old (newer.backup)" in finding.text
    (tmp_path / "newest.backup").touch()
    (finding,) = told()
    assert finding.level is Level.OK
    assert "0.0 days old (newest.backup)" in finding.text


async def test_a_damaged_database_and_an_open_folder(clinic: Shell) -> None:
    await clinic.fill()
    clinic.data.chmod(0o755)
    content = clinic.database.read_bytes()
    clinic.database.write_bytes(content[: len(content) // 2])
    ended = await clinic.run("doctor")
    assert ended.code == 1
    (line,) = lines(ended, "problem")
    assert line.split()[1] == "database:"
    assert "restore" in ended.out
    assert {line.split()[1] for line in lines(ended, "warn")} - {"model:", "models:"} == {"folder:", "backup:"}
    assert clinic.database.read_bytes() == content[: len(content) // 2]
