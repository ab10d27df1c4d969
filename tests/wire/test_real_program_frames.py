"""Every key of every event that the bot hears, left out or of another kind: dropped, and the next one is answered."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from bot.sandbox.standin import Say, StandIn
from tests.wire.discord_standin import DiscordStandIn
from tests.wire.program import Bench
from tests.wire.talking import ANSWER, MEMBER_CANARY, QUESTION, answered, ask, started

WRONG: tuple[object, ...] = (None, MEMBER_CANARY, -1, [], {})
DEEP = 3


def spoiled(payload: dict[str, Any], depth: int = DEEP) -> Iterator[dict[str, Any]]:
    """Yield a payload once for each of its keys and each way to spoil it, inner objects too."""
    for key, value in payload.items():
        yield {name: kept for name, kept in payload.items() if name != key}
        for wrong in WRONG:
            if type(wrong) is not type(value):
                yield payload | {key: copy.copy(wrong)}
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict) and depth > 1:
            for changed in spoiled(inner, depth - 1):
                yield payload | {key: [changed] if isinstance(value, list) else changed}


async def test_an_event_with_any_key_missing_or_wrong_ends_nothing(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    world, gateway, payloads = discord_standin.world, discord_standin.gateway, discord_standin.payloads
    program = await started(bench, discord_standin)
    said = discord_standin.say(world.general, world.other_member, f"Not to the bot, about {MEMBER_CANARY}.")
    helped = discord_standin.slash(world.general, world.member, "help")
    await program.until(discord_standin.wait_for(answered(helped)))
    thread = world.add_thread(world.general, "a thread")
    events: tuple[tuple[str, dict[str, Any]], ...] = (
        ("MESSAGE_CREATE", payloads.message_event(said, content_intent=True)),
        ("MESSAGE_UPDATE", payloads.message_event(said, content_intent=True)),
        ("MESSAGE_DELETE", {"id": str(said.message_id), "channel_id": str(world.general.channel_id)}),
        ("INTERACTION_CREATE", payloads.interaction(helped)),
        ("THREAD_CREATE", payloads.channel(thread)),
        ("CHANNEL_UPDATE", payloads.channel(world.general)),
        ("GUILD_CREATE", payloads.guild()),
    )
    sent = 0
    for event, payload in events:
        for changed in spoiled(payload):
            gateway.dispatch_nonsense(event, changed)
            sent += 1
    assert sent > 1000
    gateway.dispatch_nonsense("GUILD_CREATE", payloads.guild())  # what was believed of the server is mended
    standin.script(Say(ANSWER))
    await ask(program, discord_standin, world.general, QUESTION, ANSWER)
    assert len(gateway.identifies) == 1
    assert discord_standin.resumes == []
    assert len(standin.requests) == 1
