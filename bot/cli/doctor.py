"""``python -m bot doctor``: looks at everything that the bot needs, changes nothing and spends nothing."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator

from bot.cli.ending import EXIT_PROBLEM, say
from bot.cli.findings import OTHERS, Finding, Level, ok, problem, warn
from bot.core.caps import CapScope
from bot.logs import set_up_logging
from bot.settings import MICRO, Settings, SettingsError, read_settings


def doctor() -> None:
    """Print every finding and end with 0, or with 1 when there is a problem."""
    levels = asyncio.run(_print_findings())
    problems, warnings = levels.count(Level.PROBLEM), levels.count(Level.WARN)
    say(f"{problems} problem{'s' * (problems != 1)}, {warnings} warning{'s' * (warnings != 1)}")
    sys.exit(EXIT_PROBLEM if problems else 0)


async def _print_findings() -> list[Level]:
    levels = []
    async for finding in _findings():
        say(str(finding))
        levels.append(finding.level)
    return levels


async def _findings() -> AsyncIterator[Finding]:
    for finding in _look_at_settings():
        yield finding
    try:
        settings = read_settings(for_discord=False).settings
    except SettingsError:
        return  # nothing else can be looked at; each problem has been told
    # What a library would log has its own line here.
    set_up_logging("CRITICAL", as_json=False, secrets=settings.secrets())
    async for finding in _look_outside(settings):
        yield finding


async def _look_outside(settings: Settings) -> AsyncIterator[Finding]:
    from bot.cli.look_at_discord import look_at_discord  # noqa: PLC0415  wrong settings are told before slow imports
    from bot.cli.look_at_files import look_at_files  # noqa: PLC0415
    from bot.cli.look_at_models import look_at_models  # noqa: PLC0415

    async for finding in look_at_discord(settings):
        yield finding
    async for finding in look_at_models(settings):
        yield finding
    for finding in await asyncio.to_thread(lambda: list(look_at_files(settings))):
        yield finding


def _look_at_settings() -> Iterator[Finding]:
    try:
        read = read_settings(for_discord=True)
    except SettingsError as error:
        for text in error.problems:
            yield problem("settings", text, "change it in .env (.env.example explains every setting)")
        return
    for text in read.warnings:
        yield warn("settings", text, "correct the name, or remove the line")
    if read.file is not None and read.file.is_file() and read.file.stat().st_mode & OTHERS:
        yield warn("settings", f"{read.file} can be read by others on this machine", f"run: chmod 600 {read.file}")
    settings = read.settings
    caps = (
        f"{micro_usd / MICRO:g} USD a {period}" + ("" if scope is CapScope.BOT else f" for each {scope}")
        for scope, period, micro_usd in settings.spending_caps
    )
    yield ok("settings", f"complete; at most {', '.join(caps)}")
    for name, usd in settings.budgets_usd.items():
        if usd == 0:
            yield warn("settings", f"{name} is 0", "raise it: the bot answers with models that cost nothing only")
