"""Which model listens, what it costs, and what is left when a part fails."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.core.catalogue import Catalogue
from bot.core.errors.provider import ProviderError, ProviderTimeout, ProviderUnavailable
from bot.core.ports.files import Sound
from bot.core.ports.money import MediaUsage
from bot.core.sound.listening import Heard, Listener, Listening
from bot.core.sound.transcripts import Transcript, TranscriptRequest
from tests.clock import FakeClock

CATALOGUE = Catalogue.parse((Path(__file__).parents[2] / "bot" / "catalogue.toml").read_text(encoding="utf-8"))
TODAY = datetime(2026, 11, 22, tzinfo=UTC)
AFTER_THE_END = datetime(2027, 2, 26, tzinfo=UTC)


class Script:
    """Implements ``TranscriptModel``: says what it was told to, in order."""

    def __init__(self, *answers: Transcript | ProviderError) -> None:
        self._answers = list(answers)
        self.asked: list[TranscriptRequest] = []

    async def transcribe(self, request: TranscriptRequest) -> Transcript:
        self.asked.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, ProviderError):
            raise answer
        return answer


def listening(
    script: Script | None = None, *, model: str = "gpt-transcribe", on: datetime = TODAY, ends: bool = True
) -> Listening:
    listener = Listener(transcripts=script or Script(), model=model, ends=ends)
    translator = Listener(transcripts=script or Script(), model="whisper-1", ends=ends)
    return Listening(listener, CATALOGUE, FakeClock(on), unpriced_call_micro_usd=50_000, translator=translator)


def a_part(seconds: float = 60, start: float = 0) -> Sound:
    return Sound("sound-1.ogg", "audio/ogg", seconds, b"", start)


async def hear(service: Listening, model: str, *parts: Sound) -> Heard:
    heard = Heard(len(parts))
    await service.hear(parts, lambda part: TranscriptRequest(model, part), heard=heard)
    return heard


class TestModels:
    def test_what_ends_is_replaced_at_openai_and_lives_on_elsewhere(self) -> None:
        assert listening(model="whisper-1").resolve().model == "whisper-1"
        after = listening(model="whisper-1", on=AFTER_THE_END).resolve()
        assert (after.model, after.replaced_from) == ("gpt-transcribe", "whisper-1")
        assert listening(model="whisper-1", on=AFTER_THE_END, ends=False).resolve().model == "whisper-1"

    def test_the_translations_endpoint_translates_into_english_until_it_ends(self) -> None:
        assert listening().translator_for(" english ") == "whisper-1"
        assert listening().translator_for("French") is None
        assert listening(on=AFTER_THE_END).translator_for("English") is None
        assert listening(on=AFTER_THE_END, ends=False).translator_for("English") == "whisper-1"

    def test_times(self) -> None:
        assert not listening().gives_times("gpt-transcribe")
        assert listening().gives_times("whisper-1")
        assert listening().gives_times("a model of some server")


class TestCosts:
    async def test_minutes(self) -> None:
        script = Script(Transcript("One.", usage=MediaUsage(seconds=60)), Transcript("Two."))
        heard = await hear(listening(script), "gpt-transcribe", a_part(), a_part(30, 60))
        assert heard.micro_usd == 4_500 + 2_250
        assert heard.usage.seconds == 90
        assert heard.transcript.text == "One.\n\nTwo."

    def test_the_worst_case_is_never_less_than_the_cost(self) -> None:
        service = listening()
        assert 4_500 < service.worst_micro_usd("gpt-transcribe", [a_part()]) < 5_000
        assert service.worst_micro_usd("unheard-of", [a_part(), a_part()]) == 100_000

    @pytest.mark.parametrize(
        ("error", "billed"),
        [(ProviderTimeout(), True), (ProviderUnavailable(), False)],
    )
    async def test_what_came_before_a_failure_is_kept_and_counted(self, error: ProviderError, billed: bool) -> None:
        script = Script(Transcript("One.", usage=MediaUsage(seconds=60)), error)
        service = listening(script)
        heard = await hear(service, "gpt-transcribe", a_part(), a_part(60, 60), a_part(60, 120))
        assert heard.transcript.text == "One."
        assert heard.failure is error
        assert len(script.asked) == 2
        more = service.worst_micro_usd("gpt-transcribe", [a_part()]) if billed else 0
        assert heard.micro_usd == 4_500 + more
