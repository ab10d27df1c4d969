"""Turns that wait: for the questions before them, and for room in memory."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from benchmarks.conversation import NoScreen
from bot.core.conversation import Question, Reply
from bot.core.kept import Member
from bot.core.limits import ANSWERS_AT_ONCE, MEDIA_BYTES, TURN_SECONDS
from bot.core.ports.files import FileReader
from bot.core.tasks import SoundTask, SpeechTask
from bot.sandbox.standin import Hold, Say, StandIn
from bot.services import Services
from tests.cogs.test_uploads import RED, room_of
from tests.core.questions import KEY, a_question
from tests.reading.test_reading import HeldFile
from tests.sounds import a_sound

ASKED = a_question("", trigger_id=2, conversation=None)


class Screen(NoScreen):
    """Keeps what is delivered."""

    def __init__(self) -> None:
        self.said = ""

    async def deliver(self, reply: Reply) -> None:
        self.said = reply.pages[0].content


async def settled(services: Services, waiting: int) -> None:
    async with asyncio.timeout(15):
        while room_of(services).waiting + services.turns.waiting < waiting:  # noqa: ASYNC110  nothing tells it
            await asyncio.sleep(0.01)


async def ledger(services: Services) -> int:
    [row] = await services.store._database.run("SELECT COUNT(*) AS entries FROM usage_ledger", {})
    return int(row["entries"])


def files_of(services: Services, question: Question) -> FileReader | None:
    if isinstance(question.task, SpeechTask):
        return services.reading.files([HeldFile(b"Some words.", "notes.txt")], kept=False)
    if question.task is not None or question.is_voice:
        return services.reading.sound(HeldFile(a_sound(), "voice-message.ogg"))
    return services.reading.files([HeldFile(RED, "a.png")], kept=False)


@pytest.mark.parametrize(
    "question",
    [
        pytest.param(replace(ASKED, text="What is this?"), id="a picture question"),
        pytest.param(replace(ASKED, is_voice=True), id="a voice message"),
        pytest.param(replace(ASKED, task=SoundTask()), id="a transcript"),
        pytest.param(replace(ASKED, task=SpeechTask()), id="a reading"),
    ],
)
async def test_who_waited_for_room_until_the_time_was_over_pays_for_nothing(
    services: Services, standin: StandIn, monkeypatch: pytest.MonkeyPatch, question: Question
) -> None:
    screen = Screen()
    async with room_of(services).held(MEDIA_BYTES):
        asked = asyncio.create_task(services.turns.ask(question, screen, files_of(services, question)))
        await settled(services, waiting=1)
        over_seconds = services.clock.perf_seconds() + TURN_SECONDS
        monkeypatch.setattr(services.clock, "perf_seconds", lambda: over_seconds)
    await asked
    assert "not your turn in time" in screen.said
    assert not standin.requests
    assert await ledger(services) == 0


async def test_who_waited_in_line_until_the_time_was_over_pays_for_nothing(
    services: Services, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin.script(Hold(None, Say("First.")))
    screens = Screen(), Screen()
    first = asyncio.create_task(services.turns.ask(a_question(trigger_id=1), screens[0]))
    await standin.arrived(1)
    second = asyncio.create_task(services.turns.ask(a_question(trigger_id=2), screens[1]))
    await settled(services, waiting=1)
    over_seconds = services.clock.perf_seconds() + TURN_SECONDS
    monkeypatch.setattr(services.clock, "perf_seconds", lambda: over_seconds)
    standin.release()
    await asyncio.gather(first, second)
    assert "First." in screens[0].said
    assert "not your turn in time" in screens[1].said
    assert len(standin.requests) == await ledger(services) == 1


async def test_a_question_in_words_does_not_wait_for_those_that_wait_for_room(
    services: Services, standin: StandIn
) -> None:
    standin.script(Say("In words."), *[Say("Seen.")] * ANSWERS_AT_ONCE)
    async with room_of(services).held(MEDIA_BYTES):
        with_pictures = []
        for number in range(ANSWERS_AT_ONCE):
            question = a_question(trigger_id=number + 10, author_id=number, conversation=None)
            asked = services.turns.ask(question, NoScreen(), files_of(services, question))
            with_pictures.append(asyncio.create_task(asked))
        await settled(services, waiting=ANSWERS_AT_ONCE)
        screen = Screen()
        async with asyncio.timeout(15):
            await services.turns.ask(a_question(trigger_id=1), screen)
        assert "In words." in screen.said
    await asyncio.gather(*with_pictures)
    assert len(standin.requests) == ANSWERS_AT_ONCE + 1


async def test_what_was_forgotten_while_a_question_waited_is_not_sent(services: Services, standin: StandIn) -> None:
    standin.script(Say("A secret."), Say("What secret?"))
    await services.turns.ask(a_question("Remember it.", trigger_id=1), NoScreen())
    async with AsyncExitStack() as full:
        for _ in range(ANSWERS_AT_ONCE):
            await full.enter_async_context(services.turns._parts.queue.asking())
        asked = asyncio.create_task(services.turns.ask(a_question("What is it?", trigger_id=2), NoScreen()))
        await settled(services, waiting=1)
        await services.conversations.reset(KEY, by=Member(1, is_moderator=True))
    await asked
    assert "secret" not in str(standin.requests[-1].body)
