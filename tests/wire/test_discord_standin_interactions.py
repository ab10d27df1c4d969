"""Interactions, pings and the OpenAPI check of the stand-in, against a bare discord.py client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp
import discord
import pytest
from discord import app_commands

from tests.wire.bare_bot import BareBot, connected
from tests.wire.discord_standin import DiscordStandIn, Interaction, StandInClock, Upload
from tests.wire.discord_standin.commands import PickerRefusal
from tests.wire.discord_standin.pings import pinged
from tests.wire.discord_standin.spec import load_spec, spec_path

Run = Callable[[discord.Interaction, str], Awaitable[None]]


def chat_command(run: Run) -> Callable[[BareBot], None]:
    """Return what gives a bare bot the command ``/chat message:``."""

    @app_commands.command(name="chat", description="Talk")
    @app_commands.allowed_contexts(guilds=True, dms=True)
    async def chat(interaction: discord.Interaction, message: app_commands.Range[str, 1, 100]) -> None:
        await run(interaction, message)

    return lambda bot: bot.tree.add_command(chat)


def finished(interaction: Interaction, text: str) -> Callable[[], bool]:
    return lambda: interaction.original is not None and interaction.original.content == text


async def test_a_slash_command_is_deferred_and_answered_by_editing_the_original(
    discord_standin: DiscordStandIn,
) -> None:
    world = discord_standin.world

    async def run(interaction: discord.Interaction, message: str) -> None:
        await interaction.response.defer(thinking=True)
        await interaction.edit_original_response(content=f"you said {message}")

    async with connected(discord_standin, chat_command(run)):
        for channel in (world.general, world.dm_with(world.member)):
            interaction = discord_standin.slash(channel, world.member, "chat", message="hi")
            await discord_standin.wait_for(finished(interaction, "you said hi"))
            assert interaction.original is not None
            assert not interaction.original.loading
            assert interaction.original in world.shown_by_bot(channel)
    assert discord_standin.pinged == set()


async def test_an_ephemeral_answer_is_in_nobodys_channel(discord_standin: DiscordStandIn) -> None:
    world = discord_standin.world

    async def run(interaction: discord.Interaction, message: str) -> None:
        await interaction.response.defer(ephemeral=True)
        await interaction.followup.send(f"{message} to you")

    async with connected(discord_standin, chat_command(run)) as bot:
        interaction = discord_standin.slash(world.general, world.member, "chat", message="hi")
        await discord_standin.wait_for(finished(interaction, "hi to you"))
        assert list(world.history(world.general)) == []
        assert bot.heard == []
        assert interaction.original is not None
        assert interaction.original.ephemeral
        assert interaction.followups == []  # the first follow-up takes the place of "is thinking"


async def test_the_picker_refuses_what_discord_would_not_send(discord_standin: DiscordStandIn) -> None:
    world = discord_standin.world

    async def run(interaction: discord.Interaction, message: str) -> None:
        raise AssertionError("nothing arrives")

    async with connected(discord_standin, chat_command(run)):
        refused: list[tuple[str, dict[str, object]]] = [
            ("talk", {}),
            ("chat", {}),
            ("chat", {"message": "hi", "mood": "good"}),
            ("chat", {"message": 5}),
            ("chat", {"message": "x" * 101}),
        ]
        for name, options in refused:
            with pytest.raises(PickerRefusal):
                discord_standin.slash(world.general, world.member, name, **options)


async def test_a_file_comes_along_by_a_link_that_ends_after_a_day(discord_standin: DiscordStandIn) -> None:
    world, clock = discord_standin.world, discord_standin.clock
    assert isinstance(clock, StandInClock)
    links: list[str] = []

    @app_commands.command(name="look", description="Look")
    @app_commands.allowed_contexts(guilds=True)
    async def look(interaction: discord.Interaction, file: discord.Attachment) -> None:
        links.append(file.url)
        await interaction.response.send_message((await file.read()).decode())

    async with connected(discord_standin, lambda bot: bot.tree.add_command(look)), aiohttp.ClientSession() as session:
        with pytest.raises(PickerRefusal):
            discord_standin.slash(world.general, world.member, "look", file="a.txt")
        interaction = discord_standin.slash(world.general, world.member, "look", file=Upload("a.txt", "", b"hello"))
        await discord_standin.wait_for(finished(interaction, "hello"))
        (link,) = links
        for wrong in (link.partition("?")[0], link.replace("hm=", "hm=0"), link.replace("a.txt", "b.txt")):
            async with session.get(wrong) as response:
                assert response.status == 404
        clock.advance(24 * 3600)
        async with session.get(link) as response:
            assert response.status == 404


async def test_the_two_clocks_of_an_interaction(discord_standin: DiscordStandIn) -> None:
    world, clock = discord_standin.world, discord_standin.clock
    assert isinstance(clock, StandInClock)
    codes: list[int] = []

    async def run(interaction: discord.Interaction, message: str) -> None:
        if message == "late":
            clock.advance(3.5)
        try:
            await interaction.response.send_message("first")
            adapter_url = f"{discord_standin.api_url}/interactions/{interaction.id}/{interaction.token}/callback"
            async with aiohttp.ClientSession() as session, session.post(adapter_url, json={"type": 5}) as response:
                codes.append((await response.json())["code"])
            await interaction.edit_original_response(content="within 15 minutes")
            clock.advance(901)
            await interaction.edit_original_response(content="too late")
        except discord.HTTPException as error:
            codes.append(error.code)
        discord_standin.journal.changed()

    async with connected(discord_standin, chat_command(run)):
        discord_standin.slash(world.general, world.member, "chat", message="late")
        await discord_standin.wait_for(lambda: codes == [10062])
        interaction = discord_standin.slash(world.general, world.member, "chat", message="on time")
        await discord_standin.wait_for(lambda: codes == [10062, 40060, 50027])
        assert interaction.original is not None
        assert interaction.original.content == "within 15 minutes"


async def test_a_click_updates_its_message(discord_standin: DiscordStandIn) -> None:
    world = discord_standin.world

    class Panel(discord.ui.View):
        @discord.ui.button(label="Stop", custom_id="stop")
        async def press(self, interaction: discord.Interaction, button: discord.ui.Button[Panel]) -> None:
            button.disabled = True
            await interaction.response.edit_message(content="stopped", view=self)

    async with connected(discord_standin) as bot:
        channel = bot.get_partial_messageable(world.general.channel_id)
        sent = await channel.send("running", view=Panel())
        message = world.messages[sent.id]
        with pytest.raises(PickerRefusal):
            discord_standin.click(message, "another", world.member)
        discord_standin.click(message, "stop", world.member)
        await discord_standin.wait_for(lambda: message.content == "stopped")
        with pytest.raises(PickerRefusal):
            discord_standin.click(message, "stop", world.member)


@pytest.mark.parametrize(
    ("content", "allowed_mentions", "expected"),
    [
        ("<@1> <@!2> <@&3> @everyone @here", {"parse": []}, set()),
        ("<@1> <@!2> <@&3> @everyone @here", None, {"user:1", "user:2", "role:3", "everyone", "here"}),
        ("<@1> <@&3> @here", {"parse": ["users"]}, {"user:1"}),
        ("<@1> <@2> <@&3>", {"users": ["2"], "roles": [3]}, {"user:2", "role:3"}),
        ("@everyone", {"parse": ["everyone"]}, {"everyone"}),
    ],
)
def test_the_ping_oracle(content: str, allowed_mentions: dict[str, object] | None, expected: set[str]) -> None:
    assert pinged(content, allowed_mentions, None) == expected


async def test_pings_of_creates_edits_and_replies_are_recorded(discord_standin: DiscordStandIn) -> None:
    world = discord_standin.world
    question = discord_standin.say(world.general, world.member, "?")
    async with connected(discord_standin) as bot:
        channel = bot.get_partial_messageable(world.general.channel_id)
        sent = await channel.send(world.owner.mention)
        assert discord_standin.pinged == set()
        await sent.edit(content=world.owner.mention, allowed_mentions=discord.AllowedMentions.all())
        assert discord_standin.pinged == {f"user:{world.owner.user_id}"}
        await channel.get_partial_message(question.message_id).reply("!", mention_author=True)
        assert f"replied:{world.member.user_id}" in discord_standin.pinged


async def test_what_is_not_implemented_is_a_violation() -> None:
    async with DiscordStandIn() as standin, connected(standin) as bot:
        with pytest.raises(discord.NotFound):
            await bot.fetch_guild(standin.world.guild_id)
        assert len(standin.violations) == 1
        with pytest.raises(AssertionError, match="not implemented"):
            await standin.wait_for(lambda: True)


@pytest.mark.skipif(load_spec() is None, reason=f"{spec_path().name} is not in $PARLEY_SPECS")
async def test_a_request_that_the_openapi_document_does_not_know_is_a_violation() -> None:
    async with DiscordStandIn() as standin, connected(standin) as bot:
        channel = bot.get_partial_messageable(standin.world.general.channel_id)
        await channel.send("fine", nonce="n" * 26)
        assert len(standin.violations) == 1
        assert "nonce" in standin.violations[0]


@pytest.mark.skipif(load_spec() is None, reason=f"{spec_path().name} is not in $PARLEY_SPECS")
async def test_every_route_of_the_stand_in_is_one_of_discords(discord_standin: DiscordStandIn) -> None:
    spec = load_spec()
    assert spec is not None
    unknown = [(method, route) for method, route in discord_standin.routes if spec.operation(method, route) is None]
    assert unknown == []
