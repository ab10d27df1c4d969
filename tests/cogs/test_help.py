"""/help: what holds where it is used."""

import discord
import pytest

from bot.core.limits import MESSAGE_CHARS
from cogs.help import within
from tests.cogs.conftest import World
from tests.cogs.test_chat import shown


async def test_help_names_the_commands_and_how_to_ask(world: World) -> None:
    result = await world.asker.slash(world.channel, "help")
    assert result.ephemeral
    text = shown(result)
    assert world.mention in text
    assert "no message that does not mention me" in text
    for command in ("/chat", "/ask", "/models", "/help", "Ask AI about this"):
        assert command in text
    menus = [line.partition("**: ")[2] for line in text.splitlines() if "*Apps*" in line]
    assert len(menus) == len(set(menus)) == 4, "each menu does something else"
    assert len(text) <= MESSAGE_CHARS
    assert not world.standin.requests


async def test_help_shows_admin_commands_to_those_who_may(world: World) -> None:
    assert "/channel" not in shown(await world.asker.slash(world.channel, "help"))
    text = shown(await world.moderator.slash(world.channel, "help"))
    assert "`/channel configure`" in text
    assert "*Apps*" in text.splitlines()[-1], "all of it fits"


async def test_help_says_what_goes_along_what_is_kept_and_how_often_one_may_ask(world: World) -> None:
    text = shown(await world.asker.slash(world.channel, "help"))
    for words in (
        "PDFs",
        "Voice messages",
        "60 questions within an hour",
        "30 days",
        "`/conversation reset`",
        "runs this bot",
    ):
        assert words in text
    assert "`compact`" in text


def test_help_that_is_too_long_ends_with_a_whole_line_and_a_hint() -> None:
    text = within("\n".join(f"line {number} of many" for number in range(200)), "-# more")
    assert len(text) <= MESSAGE_CHARS
    *_, last, hint = text.splitlines()
    assert last.endswith("of many")
    assert hint == "-# more"
    assert within("short", "-# more") == "short"


async def test_help_in_a_direct_message(world: World) -> None:
    text = shown(await world.asker.user.slash("help"))
    assert "I answer every message" in text
    assert world.mention not in text
    assert "/channel" not in text


@pytest.mark.settings(message_content_intent=True)
async def test_help_knows_the_channels_mode_and_a_thread_follows_it(world: World) -> None:
    assert "every message" not in shown(await world.asker.slash(world.channel, "help"))
    await world.moderator.slash(world.channel, "channel configure", mode="auto")
    assert "I answer every message in this channel" in shown(await world.asker.slash(world.channel, "help"))
    assert "I answer every message" in shown(await world.asker.slash(world.thread("details"), "help"))


async def test_help_says_where_only_commands_work(world: World) -> None:
    muted = world.guild.create_text_channel(
        "muted", overwrites={world.guild.default_role: discord.PermissionOverwrite(send_messages=False)}
    )
    assert "only commands" in shown(await world.asker.slash(muted, "help"))
