"""The buttons under an answer, pressed in two windows in the same moment."""

from __future__ import annotations

import pytest

from bot.sandbox.standin import Cut, Say, StandIn
from tests.wire.discord_standin import DiscordStandIn, Message
from tests.wire.discord_standin.world import MessageKind
from tests.wire.program import Bench, Program
from tests.wire.talking import QUESTION, WRITING, chat_requests, started

FIRST = "one two three four five six seven eight nine ten"


async def cut_answer(program: Program, discord: DiscordStandIn, standin: StandIn) -> Message:
    world = discord.world
    standin.script(Cut(5, "reset", Say(FIRST, delta_chars=5)), Say("Only once."), Say("Twice."))
    discord.say(world.general, world.member, QUESTION, mentions=[world.bot])

    def cut() -> list[Message]:
        return [m for m in world.shown_by_bot(world.general) if "incomplete" in m.content]

    [answer] = await program.until(discord.wait_for(cut))
    return answer


def custom_id(answer: Message, name: str) -> str:
    return next(
        str(button["custom_id"])
        for row in answer.components
        for button in row["components"]
        if button["custom_id"].startswith(f"{name}:")
    )


@pytest.mark.parametrize("name", ["regen", "more", "branch", "delete"])
async def test_of_two_presses_in_the_same_moment_one_does_something(
    bench: Bench, discord_standin: DiscordStandIn, standin: StandIn, name: str
) -> None:
    world = discord_standin.world
    program = await started(bench, discord_standin)
    answer = await cut_answer(program, discord_standin, standin)
    threads = len(discord_standin.requests("POST", "/channels/{channel_id}/threads"))
    pressed = custom_id(answer, name)
    presses = [discord_standin.click(answer, pressed, world.member) for _ in range(2)]
    await program.until(discord_standin.wait_for(lambda: all(press.acked_at for press in presses)))

    def told() -> str:
        private = [m for press in presses for m in (press.original, *press.followups) if m is not None and m.ephemeral]
        return " ".join(m.content for m in private)

    def shown() -> list[str]:
        messages = [m for m in world.shown_by_bot(world.general) if m.kind is not MessageKind.THREAD_CREATED]
        return [m.content for m in messages if not m.ephemeral]

    if name == "delete":
        await program.until(discord_standin.wait_for(lambda: not shown()))
    else:
        await program.until(discord_standin.wait_for(lambda: "already working" in told()))
    if name == "branch":
        await program.until(discord_standin.wait_for(lambda: "This goes on in" in told()))
    if name in ("regen", "more"):
        await program.until(discord_standin.wait_for(lambda: "Only once." in shown()))
    program.terminate()
    assert await program.ended() == 0
    assert not any(WRITING in content or "Twice." in content for content in shown())
    assert len(shown()) == {"regen": 1, "more": 2, "branch": 1, "delete": 0}[name]
    assert len(chat_requests(standin)) == (2 if name in ("regen", "more") else 1)
    made = len(discord_standin.requests("POST", "/channels/{channel_id}/threads")) - threads
    assert made == (1 if name == "branch" else 0)
