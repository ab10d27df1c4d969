"""A small Discord over real HTTP and WebSocket on loopback, for running the real program against it."""

from tests.wire.discord_standin.faults import Fault
from tests.wire.discord_standin.journal import Request, Upload
from tests.wire.discord_standin.rest import Call
from tests.wire.discord_standin.server import CDN, DiscordStandIn, StandInClock
from tests.wire.discord_standin.world import Channel, Interaction, Message, User

__all__ = [
    "CDN",
    "Call",
    "Channel",
    "DiscordStandIn",
    "Fault",
    "Interaction",
    "Message",
    "Request",
    "StandInClock",
    "Upload",
    "User",
]
