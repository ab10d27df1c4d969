"""Discord does not take a reply."""

from __future__ import annotations

from bot.core.errors import ParleyError


class DeliveryFailed(ParleyError):
    """Discord did not take the reply now: it stays in the outbox and is tried again."""

    code = "delivery_failed"


class DeliveryRefused(ParleyError):
    """Discord will never take the reply: no permission, channel gone, token expired."""

    code = "delivery_refused"


class ReplyBlocked(DeliveryRefused):
    """The server's AutoMod does not let the reply pass; a sentence in its place may."""

    code = "reply_blocked"


class ReplyTooLarge(DeliveryRefused):
    """A file of the reply is larger than Discord takes there."""

    code = "reply_too_large"


class MayNotAttach(DeliveryRefused):
    """The reply needs a file, and the bot may send none there."""

    code = "may_not_attach"
