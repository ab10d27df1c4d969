"""What a member may not do, or not any more, with a conversation."""

from __future__ import annotations

from bot.core.errors import ParleyError


class Refusal(ParleyError):
    """What a member may not do, or not any more. Nothing failed: told without an error id."""

    code = "refused"


class NotYours(Refusal):
    """Somebody else's turns, and the member manages no messages here."""

    code = "not_yours"


class NotLatest(Refusal):
    """The turn has been followed by another one."""

    code = "not_latest"


class UnknownTurn(Refusal):
    """The turn is not kept: too old, deleted, forgotten by a reset, or a one-shot question."""

    code = "unknown_turn"


class NothingKept(Refusal):
    """The conversation has no turns."""

    code = "nothing_kept"


class BeingAnswered(Refusal):
    """Another press about the same turn was faster."""

    code = "being_answered"


class NoThreadsHere(Refusal):
    """Not a channel that threads can be made in."""

    code = "no_threads_here"


class MayNotMakeThreads(Refusal):
    """The member lacks the permission to make public threads."""

    code = "may_not_make_threads"


class CannotMakeThreads(Refusal):
    """The bot lacks a permission that a thread needs, or Discord refuses."""

    code = "cannot_make_threads"


class PrivateStaysPrivate(Refusal):
    """A private conversation is not shown to others."""

    code = "private_stays_private"


class MayNotReadHistory(Refusal):
    """The member may not read what was said in the channel earlier."""

    code = "may_not_read_history"
