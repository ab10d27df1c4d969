"""Files that members upload, by the real program: the CDN fails in every way, and links end after a day."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from bot.sandbox.standin import Say, StandIn
from tests.pictures import a_picture
from tests.wire.discord_standin import CDN, DiscordStandIn, Fault, StandInClock, Upload
from tests.wire.program import Bench
from tests.wire.stored import Stored
from tests.wire.talking import ANSWER, MEMBER_CANARY, SENTENCES, ask, chat_requests, shows, started

PICTURE = Upload("picture.png", "image/png", a_picture(size=(64, 64)))
HOSTS = "127.0.0.1"
GONE = SENTENCES["errors"]["file_gone"].format(number=1)
NO_PICTURE = SENTENCES["errors"]["picture_web_page"].format(number=1)


def pictures_in(body: Any) -> list[bytes]:
    """Return the pictures that a request to the model holds."""
    parts = [
        part for message in body["messages"] if isinstance(message["content"], list) for part in message["content"]
    ]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return [base64.b64decode(url.partition(",")[2]) for url in urls]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault("status", "GET", CDN, status=404), GONE),
        (Fault("status", "GET", CDN, status=502), GONE),
        (Fault("status", "GET", CDN, status=200), NO_PICTURE),
        (Fault("reset", "GET", CDN, times=2), GONE),  # the client tries once more by itself
    ],
    ids=["gone", "bad-gateway", "a-page-in-its-place", "reset"],
)
async def test_a_file_that_the_cdn_does_not_give_costs_nothing_and_is_told(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, fault: Fault, sentence: str
) -> None:
    program = await started(bench, discord_standin, ATTACHMENT_HOSTS=HOSTS)
    discord_standin.faults.add(fault)
    world = discord_standin.world
    asked = discord_standin.slash(world.general, world.member, "image variation", image=PICTURE)
    await program.until(Stored(bench.database).until(asked.interaction_id, "failed"))
    assert asked.original is not None
    assert sentence in asked.original.content
    assert asked.original.attachments == []
    assert standin.requests == []
    assert Stored(bench.database).count("usage_ledger") == 0


async def test_a_picture_of_yesterday_is_seen_again_although_its_link_has_ended(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn
) -> None:
    assert isinstance(discord_standin.clock, StandInClock)
    world = discord_standin.world
    standin.script(Say(ANSWER))
    program = await started(bench, discord_standin, ATTACHMENT_HOSTS=HOSTS)
    shown = discord_standin.say(
        world.general, world.member, f"Look at this {MEMBER_CANARY}", mentions=[world.bot], files=[PICTURE]
    )
    await program.until(discord_standin.wait_for(shows(discord_standin, shown, ANSWER)))
    program.terminate()  # what it had in memory is gone
    assert await program.ended() == 0
    discord_standin.clock.advance(2 * 24 * 3600)
    again = await started(bench, discord_standin, ATTACHMENT_HOSTS=HOSTS)
    standin.script(Say(ANSWER))
    await ask(again, discord_standin, world.general, f"And now, {MEMBER_CANARY}?", ANSWER)
    first, second = chat_requests(standin)
    assert pictures_in(first) == pictures_in(second) != []
