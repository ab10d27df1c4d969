"""Whether a question was answered exactly once, whole, with its history and its bill: asked of the two stand-ins."""

from __future__ import annotations

from bot.core.pages import quote_block
from bot.sandbox.standin import StandIn
from tests.wire.asking import Asked, Way
from tests.wire.discord_standin import DiscordStandIn, Message
from tests.wire.discord_standin.commands import ids
from tests.wire.stored import Stored
from tests.wire.talking import WRITING, chat_requests, said

QUOTED_CHARS = 500  # of a question that stands above its answer


def shown_for(asked: Asked, discord: DiscordStandIn) -> list[Message]:
    """Return what is shown in the channel of a question that has it for itself."""
    return discord.world.shown_by_bot(asked.channel)


def problems_of(asked: Asked, answer: str, discord: DiscordStandIn, stored: Stored) -> list[str]:
    """Return what is not as if nothing had happened to the only question of its channel.

    ``answer`` is what the model said, where nothing is kept.
    """
    found = []
    shown = shown_for(asked, discord)
    if any(WRITING in message.content or message.loading for message in shown):
        found.append("something is unfinished")
    if any(custom_id.startswith("stop:") for m in shown for part in m.components for custom_id in ids(part)):
        found.append("Stop is left")
    if (state := stored.state(asked.trigger_id)) != "done":
        found.append(f"the claim is {state}")
    if missing := {message.message_id for message in shown} - set(stored.places(asked.trigger_id)):
        found.append(f"{len(missing)} of its messages are not written down")
    turns = stored.turns(asked.trigger_id)
    if [role for role, _ in turns] != ([] if asked.way is Way.ASK else ["user", "assistant"]):
        found.append(f"the history keeps {[role for role, _ in turns]}")
    whole = turns[-1][1] if turns else answer
    if asked.way is Way.CHAT:
        whole = f"{quote_block(asked.text, QUOTED_CHARS)}\n{whole}"
    words = "\n".join(message.content for message in shown).split()
    if words != whole.split():
        found.append(f"{len(words)} words are shown instead of {len(whole.split())}")
    return found


def unpaid(asked: Asked, openai: StandIn, stored: Stored) -> list[str]:
    """Return whether more calls were made for a question than its ledger knows."""
    billed = sum(asked.text in said(body)[-1][1] for body in chat_requests(openai))
    known = stored.billed().get(asked.trigger_id, 0)
    return [f"{billed} calls were made, {known} are in the ledger"] if billed > known else []
