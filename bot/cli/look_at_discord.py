"""What ``doctor`` asks Discord: three reads with the bot's token, no gateway connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import aiohttp
import discord

from bot import __version__
from bot.app import permissions
from bot.cli.findings import Finding, ok, problem, warn
from bot.settings import Settings
from bot.store.refused_token import RefusedToken

API_URL = "https://discord.com/api/v10"
CALL_SECONDS = 15.0
MESSAGE_CONTENT_FLAGS = 1 << 18 | 1 << 19  # GATEWAY_MESSAGE_CONTENT, and _LIMITED for bots in few servers
FEW_SESSIONS = 100  # of the day's logins (Discord allows 1,000)
BOT_PAGE = "Bot page of the Discord developer portal"


class _Refused(Exception):
    """Discord answered with something else than what was asked for."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


async def look_at_discord(settings: Settings) -> AsyncIterator[Finding]:
    """Look at token, intents, invite link and remaining logins."""
    if settings.discord_token is None:
        return  # told as a problem of the settings
    headers = {
        "Authorization": f"Bot {settings.discord_token.get_secret_value()}",
        "User-Agent": f"DiscordBot (self-hosted Parley, {__version__})",
    }
    timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
    try:
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
            base_url = settings.discord_api_url or API_URL
            me = await _read(session, f"{base_url}/users/@me", needs="id")
            yield ok("token", f"Discord knows it: {me.get('username', 'unnamed')} ({me.get('id')})")
            for finding in await asyncio.to_thread(_forget_refusal, settings):
                yield finding
            application = await _read(session, f"{base_url}/oauth2/applications/@me", needs="id")
            for finding in (_intents(settings, application), _invite(application)):
                yield finding
            yield _sessions(await _read(session, f"{base_url}/gateway/bot", needs="session_start_limit"))
    except _Refused as refused:
        yield _refusal(refused.status)
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError, TypeError, AttributeError) as error:
        text = f"cannot be reached or understood ({type(error).__name__})"
        yield problem("discord", text, "check the network, a firewall, and DISCORD_API_URL if you set it")


def _forget_refusal(settings: Settings) -> list[Finding]:
    """Let the bot start again with a token that was refused before and is good now."""
    token = settings.discord_token
    refused = RefusedToken(settings.database_path.parent)
    if token is None or not refused.is_refused(token.get_secret_value()):
        return []
    try:
        refused.forget()
    except OSError as error:
        text = f"it was refused before, and that cannot be cleared ({type(error).__name__})"
        return [problem("token", text, "run doctor as the user that runs the bot")]
    return [ok("token", "it was refused before: the bot may start with it again")]


async def _read(session: aiohttp.ClientSession, url: str, *, needs: str) -> dict[str, Any]:
    async with session.get(url, allow_redirects=False) as response:
        if response.status != HTTPStatus.OK:
            raise _Refused(response.status)
        body = await response.json(content_type=None)
    if not isinstance(body, dict) or needs not in body:
        raise ValueError("not what Discord answers")
    return body


def _refusal(status: int) -> Finding:
    if status == HTTPStatus.UNAUTHORIZED:
        return problem(
            "token", "Discord does not accept it", f"reset it on the {BOT_PAGE} and copy it to DISCORD_TOKEN"
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return warn("discord", "asks to wait (429)", "run doctor again in some minutes")
    return problem("discord", f"answers with status {status}", "look at discordstatus.com, and try again later")


def _intents(settings: Settings, application: dict[str, Any]) -> Finding:
    switched_on = bool(int(application.get("flags") or 0) & MESSAGE_CONTENT_FLAGS)
    if settings.message_content_intent and not switched_on:
        return problem(
            "intents",
            "MESSAGE_CONTENT_INTENT=true, but Discord has the Message Content intent switched off",
            f"switch it on on the {BOT_PAGE}, or set MESSAGE_CONTENT_INTENT=false",
        )
    if not settings.message_content_intent:
        return ok("intents", "no privileged one is used: plain messages that do not mention the bot stay unread")
    return ok("intents", "Message Content is used and switched on")


def _invite(application: dict[str, Any]) -> Finding:
    if application.get("bot_require_code_grant"):
        text = "the application requires an OAuth2 code grant, so that an invite link does nothing"
        return problem("invite", text, f"switch 'Requires OAuth2 Code Grant' off on the {BOT_PAGE}")
    url = discord.utils.oauth_url(
        int(application["id"]), permissions=permissions(), scopes=("bot", "applications.commands")
    )
    return ok("invite", url)


def _sessions(gateway: dict[str, Any]) -> Finding:
    limit = gateway.get("session_start_limit") or {}
    left, hours = int(limit.get("remaining", 0)), int(limit.get("reset_after", 0)) / 3_600_000
    if left < FEW_SESSIONS:
        text = f"only {left} logins are left for the next {hours:.0f} hours"
        return warn("logins", text, "find out why the bot starts so often: Discord resets a token after too many")
    return ok("logins", f"{left} are left today")
