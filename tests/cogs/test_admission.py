"""Who may ask at all: nobody while the operator has paused the bot, and no account that is newer than they want."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.pause import PAUSE_NAME
from bot.sandbox.standin import Say
from cogs.menus import ASK_ABOUT
from tests.cogs.conftest import World
from tests.cogs.test_chat import shown
from tests.cogs.test_conversation import told

DAY = timedelta(days=1).total_seconds()


async def told_by_command_menu_and_button(world: World) -> list[str]:
    """Ask in every way that has an interaction; return what is told, all of it in private."""
    asker, channel = world.asker, world.channel
    answer = world.answers()[0]
    results = [
        await asker.slash(channel, "chat", message="hello"),
        await asker.slash(channel, "ask", prompt="hello", private=False),
        await asker.slash(channel, "image generate", prompt="a heap"),
        await asker.slash(channel, "audio speak", text="hello"),
        await asker.click(answer, label="Regenerate"),
        await asker.click(answer, label="Read aloud"),
    ]
    opened = await asker.context_menu(channel, ASK_ABOUT, answer)
    results.append(await asker.submit_modal(opened, {"question": "Is that so?"}))
    assert all(result.ephemeral and not result.deferred for result in results)
    results.append(await asker.slash(channel, "conversation compact"))
    return [told(result) for result in results]


class Switch:
    """What ``python -m bot pause`` and ``resume`` do."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / PAUSE_NAME

    def pause(self) -> None:
        self._path.touch()

    def resume(self) -> None:
        self._path.unlink()


@pytest.fixture
def switch(tmp_path: Path) -> Switch:
    return Switch(tmp_path)


async def test_while_it_is_paused_nobody_is_answered_and_everybody_is_told(world: World, switch: Switch) -> None:
    await world.asker.send(world.channel, f"{world.mention} one")
    await world.asker.send(world.channel, f"{world.mention} two")
    asked, paid = len(world.answers()), len(world.standin.requests)
    switch.pause()
    sentences = await told_by_command_menu_and_button(world)
    assert all("has paused it" in sentence for sentence in sentences), sentences
    for _ in range(3):
        await world.asker.send(world.channel, f"{world.mention} hello?")
    await world.asker.send_dm("hello?")
    notices = [message.content for message in world.answers()[asked:] if message.reference is not None]
    assert len(notices) == 1, "one notice an hour and member"
    assert "has paused it" in notices[0]
    assert len(world.standin.requests) == paid
    await world.env.advance_time(3601)
    await world.asker.send(world.channel, f"{world.mention} hello?")
    assert "has paused it" in world.answers()[-1].content
    assert len(world.standin.requests) == paid
    switch.resume()
    world.standin.script(Say("Yes."))
    await world.asker.send(world.channel, f"{world.mention} hello?")
    assert world.answers()[-1].content == "Yes."


@pytest.mark.settings(min_account_age_days=7)
async def test_a_new_account_is_told_when_it_is_old_enough(world: World) -> None:
    await world.asker.send(world.channel, f"{world.mention} hello")
    await world.asker.send(world.channel, f"{world.mention} hello?")
    (notice,) = world.answers()
    assert "at least 7 days old" in notice.content
    assert "<t:" in notice.content
    refused = await world.asker.slash(world.channel, "chat", message="hello")
    assert refused.ephemeral
    assert "at least 7 days old" in shown(refused)
    assert not world.standin.requests
    await world.env.advance_time(8 * DAY)
    world.standin.script(Say("One."), Say("Two."))
    await world.asker.send(world.channel, f"{world.mention} hello")
    assert world.answers()[-1].content == "One."
    await world.asker.send(world.channel, f"{world.mention} and?")
    newcomer = world.guild.add_member(world.env.create_user("newcomer"))
    refused = await newcomer.click(world.answers()[-1], label="Regenerate")
    assert "at least 7 days old" in shown(refused)
    assert len(world.standin.requests) == 2
