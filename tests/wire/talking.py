"""What the tests of the real program ask, and how they wait for its answers."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

from bot.sandbox.standin import Hold, StandIn
from tests.wire.discord_standin import Channel, DiscordStandIn, Interaction, Message
from tests.wire.program import ROOT, Bench, Program

# Every word of a member or of the model has one of these in it: neither may be in a log.
MEMBER_CANARY = "marzipan"
MODEL_CANARY = "quillwort"

QUESTION = f"What is {MEMBER_CANARY} made of?"
ANSWER = f"Almonds and sugar, says the {MODEL_CANARY}.\n\nNothing else is in it, and no **colour** either."
SENTENCES = tomllib.loads((ROOT / "bot/locales/en.toml").read_text(encoding="utf-8"))
WRITING: str = SENTENCES["notes"]["writing"]
DRAWING: str = SENTENCES["pictures"]["working"].partition("{")[0]
LISTENING: str = SENTENCES["notes"]["listening"].partition("{")[0]
UNSAVED: str = SENTENCES["notes"]["unsaved"]
CANNOT_SAVE: str = SENTENCES["errors"]["store_unavailable"]
RESULT_UNSAVED: str = SENTENCES["errors"]["result_unsaved"]
READING_ALOUD: str = SENTENCES["notes"]["reading_aloud"]


async def started(bench: Bench, discord: DiscordStandIn, **settings: str) -> Program:
    program = await bench.start(**settings)
    await program.until(discord.ready())
    return program


def reply_to(discord: DiscordStandIn, question: Message) -> Message:
    """Return the only message that answers a question."""
    replies = discord.replies_to(question)
    assert len(replies) == 1
    return replies[0]


def shows(discord: DiscordStandIn, question: Message, text: str) -> Callable[[], list[Message]]:
    return lambda: [reply for reply in discord.replies_to(question) if reply.content == text]


def is_writing(discord: DiscordStandIn, channel: Channel) -> Callable[[], list[Message]]:
    return lambda: [m for m in discord.world.shown_by_bot(channel) if WRITING in m.content]


def answered(interaction: Interaction) -> Callable[[], bool]:
    def look() -> bool:
        original = interaction.original
        return original is not None and not original.loading and WRITING not in original.content

    return look


def chat_requests(openai: StandIn) -> list[Any]:
    return [request.body for request in openai.requests if request.path == "/v1/chat/completions"]


def said(body: Any) -> list[tuple[str, str]]:
    """Return who said what in a request, without the system prompt."""
    return [(m["role"], m["content"]) for m in body["messages"] if m["role"] in {"user", "assistant"}]


def mention(discord: DiscordStandIn, text: str = QUESTION) -> Message:
    """Ask as a member in the general channel."""
    world = discord.world
    return discord.say(world.general, world.member, text, mentions=[world.bot])


async def mention_and_see_words(program: Program, discord: DiscordStandIn, openai: StandIn) -> tuple[Message, Message]:
    """Ask, and let the model stop in the middle of ANSWER; return the question and the message that grows."""
    openai.script(Hold(after_deltas=4, answer=ANSWER))
    question = mention(discord)
    [growing] = await program.until(discord.wait_for(is_writing(discord, discord.world.general)))
    return question, growing


async def ask(program: Program, discord: DiscordStandIn, channel: Channel, text: str, answer: str) -> Message:
    """Ask as a member and wait for the finished answer."""
    question = discord.say(channel, discord.world.member, text, mentions=[discord.world.bot])
    await program.until(discord.wait_for(shows(discord, question, answer)))
    return question
