"""Stop, while a text is read aloud: what was read is heard, and nothing more is asked for."""

from bot.sandbox.standin import Hold
from tests.cogs.conftest import World
from tests.cogs.growing import env, outside, services, until  # noqa: F401 (fixtures)
from tests.cogs.test_speaking import TEXT, asked_for, sounds


def content(world: World) -> str:
    return world.answers()[0].content if world.answers() else ""


async def test_stop_before_anything_is_heard(world: World) -> None:
    world.standin.script(Hold(None), of="speech")
    await world.asker.slash(world.channel, "audio speak", text=TEXT)
    await until(lambda: "reading aloud" in content(world) and bool(asked_for(world)))
    await world.asker.click(world.answers()[0], label="Stop")
    await until(lambda: "Stopped before the first word." in content(world))
    await until(lambda: world.standin.requests[0].aborted)
    assert not sounds(world)
