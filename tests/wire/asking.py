"""A question by any of the ways to ask, and what is shown for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tests.wire.discord_standin import Channel, DiscordStandIn, Interaction, Message, User
from tests.wire.talking import WRITING


class Way(Enum):
    """How a member asks. ASK is private and kept nowhere; the text of VOICE is what is said in it."""

    MENTION = "mention"
    CHAT = "chat"
    ASK = "ask"
    VOICE = "voice"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question that was asked."""

    way: Way
    text: str
    event: Message | Interaction

    @property
    def trigger_id(self) -> int:
        return self.event.message_id if isinstance(self.event, Message) else self.event.interaction_id

    @property
    def channel(self) -> Channel:
        return self.event.channel

    def again(self, discord: DiscordStandIn) -> None:
        """Deliver the event once more."""
        if isinstance(self.event, Message):
            discord.gateway.message("MESSAGE_CREATE", self.event)
        else:
            discord.gateway.interaction(self.event)

    def first_pages(self, discord: DiscordStandIn) -> list[Message]:
        """Return the visible messages that answer it, without those that only go on."""
        if isinstance(self.event, Message):
            return discord.replies_to(self.event)
        return [m for m in discord.world.shown_by_bot(self.channel) if m.interaction is self.event]

    def is_answered(self, discord: DiscordStandIn) -> bool:
        """Whether something is shown, and nothing that is unfinished."""
        shown = self.first_pages(discord)
        return bool(shown) and not any(m.loading or WRITING in m.content for m in shown)


def ask_by(way: Way, discord: DiscordStandIn, channel: Channel, member: User, text: str) -> Asked:
    """Ask as a member does: a mention where one is needed, or a command."""
    if way is Way.MENTION:
        mentions = [] if channel.is_dm else [discord.world.bot]
        return Asked(way, text, discord.say(channel, member, text, mentions=mentions))
    option = {"message": text} if way is Way.CHAT else {"prompt": text}
    return Asked(way, text, discord.slash(channel, member, way.value, **option))
