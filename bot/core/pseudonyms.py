"""Who is meant, told without saying so: to a provider by hashes, to the log by ids."""

from __future__ import annotations

import hashlib
import hmac

from bot.core.conversation import ConversationKey, Question
from bot.core.parts import TurnPolicy


def conversation_hash(policy: TurnPolicy, key: ConversationKey) -> str:
    """Return the pseudonym of a conversation for the provider's prompt cache."""
    return _pseudonym(policy, f"{key.channel_id}:{key.member_id or 0}")


def member_hash(policy: TurnPolicy, member_id: int) -> str:
    """Return the pseudonym of a member for the provider's abuse checks."""
    return _pseudonym(policy, str(member_id))


def _pseudonym(policy: TurnPolicy, value: str) -> str:
    return hmac.new(policy.pseudonym_key, value.encode(), hashlib.sha256).hexdigest()


def ids(question: Question) -> dict[str, int | None]:
    """Return what a log line may say about a question."""
    return {
        "trigger_id": question.trigger_id,
        "guild_id": question.guild_id,
        "channel_id": question.route.channel_id,
        "author_id": question.author_id,
    }
