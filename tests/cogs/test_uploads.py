"""What is held in memory for members at one time: uploads share a room, and whoever finds none waits."""

import asyncio
from dataclasses import replace

from benchmarks.conversation import NoScreen
from bot.core.limits import MEDIA_BYTES, MEDIA_SIDE_BY_SIDE
from bot.core.ports.files import AttachedFile
from bot.core.room import Room
from bot.reading.reader import Reading
from bot.sandbox.standin import Hold, Say, StandIn
from bot.services import Services
from tests.core.questions import a_question
from tests.pictures import a_picture
from tests.reading.test_reading import HeldFile
from tests.sounds import a_sound

VOICES = 8
RED = a_picture(size=(40, 30), colour="red")


def room_of(services: Services) -> Room:
    return services.turns._parts.room


async def test_many_voice_messages_at_once_are_all_answered(services: Services, standin: StandIn) -> None:
    standin.script(*[Say("What is a heap?")] * VOICES, of="transcription")
    asked = []
    for number in range(VOICES):
        question = replace(a_question("", trigger_id=number + 1, author_id=number, conversation=None), is_voice=True)
        files = services.reading.sound(HeldFile(a_sound(), "voice-message.ogg"))
        asked.append(services.turns.ask(question, NoScreen(), files))
    async with asyncio.timeout(30):
        await asyncio.gather(*asked)
    assert len([one for one in standin.requests if one.path.endswith("/chat/completions")]) == VOICES


async def test_four_uploads_are_in_memory_at_a_time(services: Services, standin: StandIn) -> None:
    standin.script(*[Hold(None, Say("Seen."))] * (MEDIA_SIDE_BY_SIDE + 1))
    asked = []
    for number in range(MEDIA_SIDE_BY_SIDE + 1):
        question = a_question(trigger_id=number + 1, author_id=number, conversation=None)
        files = services.reading.files([HeldFile(RED, "a.png")], kept=False)
        asked.append(asyncio.create_task(services.turns.ask(question, NoScreen(), files)))
    await standin.arrived(MEDIA_SIDE_BY_SIDE)
    assert room_of(services).waiting == 1
    assert len(standin.requests) == MEDIA_SIDE_BY_SIDE
    standin.release()
    await standin.arrived(MEDIA_SIDE_BY_SIDE + 1)
    standin.release()
    await asyncio.gather(*asked)
    assert room_of(services).free_bytes == MEDIA_BYTES


async def test_what_is_large_waits_before_it_is_fetched(services: Services, standin: StandIn) -> None:
    """Two files of which only one has room: the second is not fetched while the first is listened to."""
    standin.script(Hold(None, Say("First.")), Say("Second."), of="transcription")
    fetched: list[str] = []

    async def fetch(file: AttachedFile, *, limit_bytes: int) -> bytes:
        fetched.append(file.filename)
        return await file.read()

    reading = Reading(fetch)
    asked = []
    for number in range(2):
        file = HeldFile(a_sound(), f"talk-{number}.ogg", declared=MEDIA_BYTES // 3)
        question = replace(a_question("", trigger_id=number + 1, author_id=number, conversation=None), is_voice=True)
        asked.append(asyncio.create_task(services.turns.ask(question, NoScreen(), reading.sound(file))))
    await standin.arrived(1)
    assert len(fetched) == 1
    assert room_of(services).waiting == 1
    standin.release()
    await asyncio.gather(*asked)
    assert len(fetched) == 2
    assert room_of(services).free_bytes == MEDIA_BYTES


async def test_nothing_is_held_for_a_file_that_is_text_by_now(services: Services, standin: StandIn) -> None:
    standin.script(Hold(None, Say("Read.")))
    files = services.reading.files([HeldFile(b"Some words.", "notes.txt")], kept=False)
    asked = asyncio.create_task(services.turns.ask(a_question(conversation=None), NoScreen(), files))
    await standin.arrived(1)
    assert room_of(services).free_bytes == MEDIA_BYTES
    standin.release()
    await asked
