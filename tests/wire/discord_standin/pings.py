"""Who would have been notified by a message of the bot."""

from __future__ import annotations

import re
from typing import Any

from tests.wire.discord_standin.journal import Json
from tests.wire.discord_standin.world import Message

USER = re.compile(r"<@!?(\d+)>")
ROLE = re.compile(r"<@&(\d+)>")
EVERYBODY = re.compile(r"@(everyone|here)")


def pinged(content: str, allowed_mentions: Json | None, reply_to: Message | None) -> frozenset[str]:
    """Return whom the message notifies: ``user:ID``, ``role:ID``, ``everyone``, ``here``, ``replied:ID``.

    Errs on the side of a ping: the bot is taken to have MENTION_EVERYONE, every role to be mentionable, and a mention
    inside a code block to count. Developer documentation, "Allowed Mentions Object": without the object everything
    in the text notifies, and so does a reply; with it only what ``parse`` or the id lists name.
    """
    policy = allowed_mentions if allowed_mentions is not None else {"parse": ["users", "roles", "everyone"]}
    users = _allowed(USER.findall(content), policy, "users")
    roles = _allowed(ROLE.findall(content), policy, "roles")
    everybody = EVERYBODY.findall(content) if "everyone" in (policy.get("parse") or ()) else []
    found = {f"user:{user}" for user in users} | {f"role:{role}" for role in roles} | set(everybody)
    if reply_to and (allowed_mentions is None or allowed_mentions.get("replied_user")):
        found.add(f"replied:{reply_to.author.user_id}")
    return frozenset(found)


def _allowed(found: list[str], policy: dict[str, Any], kind: str) -> list[str]:
    if kind in (policy.get("parse") or ()):
        return found
    named = {str(snowflake) for snowflake in policy.get(kind) or ()}
    return [snowflake for snowflake in found if snowflake in named]
