"""A stand-in for an OpenAI-compatible server, on loopback: it serves the sandbox without a key, and the tests.

It is no model and says so. What it keeps of the real API: the wire format, the refusals, the limits, the usage.

    async with StandIn(key="sk-stand-in", pace=Pace(0.3, 40)) as server:
        client = AsyncOpenAI(api_key="sk-stand-in", base_url=server.base_url, max_retries=0)

``python -m bot.sandbox.standin --help`` starts it alone.
"""

from bot.sandbox.standin.behaviours import Behaviour, Cut, Draw, Drip, Hold, Html, Raw, Refuse, Say, Stall
from bot.sandbox.standin.pace import Pace
from bot.sandbox.standin.record import RecordedRequest
from bot.sandbox.standin.server import StandIn

__all__ = [
    "Behaviour",
    "Cut",
    "Draw",
    "Drip",
    "Hold",
    "Html",
    "Pace",
    "Raw",
    "RecordedRequest",
    "Refuse",
    "Say",
    "Stall",
    "StandIn",
]
