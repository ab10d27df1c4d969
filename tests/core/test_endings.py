"""The operator is told about a model that ends 60, 30 and 7 days before and on the day, once each."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.core.catalogue import Catalogue
from bot.core.offering import EndingWatch
from bot.endpoints import ending_models, models_end
from bot.settings import Settings
from tests.clock import FakeClock

CATALOGUE = Catalogue.parse((Path(__file__).parents[2] / "bot" / "catalogue.toml").read_text(encoding="utf-8"))
END = datetime(2027, 1, 6, tzinfo=UTC)


def settings(**changes: Any) -> Settings:
    return Settings(**changes)


def test_each_stage_is_told_once() -> None:
    clock = FakeClock(END - timedelta(days=70))
    watch = EndingWatch(CATALOGUE, ending_models(settings(speech_model="tts-1")), clock)
    told = []
    for days in range(70, -3, -1):
        for _ in range(2):
            told += [(days, end.fallback) for end in watch.due() if end.model == "tts-1"]
            clock.advance(timedelta(hours=12))
    assert told == [(days, "gpt-audio-1.5") for days in (60, 30, 7, 0)]


def test_a_restart_tells_it_again() -> None:
    clock = FakeClock(END - timedelta(days=20))
    for _ in range(2):
        assert [end.model for end in EndingWatch(CATALOGUE, {"tts-1"}, clock).due()] == ["tts-1"]


def test_a_model_of_a_server_of_ones_own_does_not_end() -> None:
    own = settings(speech_model="tts-1", speech_base_url="http://127.0.0.1:8880/v1")
    assert "tts-1" not in ending_models(own)
    assert "tts-1" not in ending_models(settings(speech_model="tts-1", openai_base_url="http://127.0.0.1:8880/v1")), (
        "the general server is one's own"
    )
    mixed = settings(
        transcription_model="whisper-1",
        translation_model="whisper-1",
        translation_base_url="http://127.0.0.1:8880/v1",
    )
    assert models_end(mixed, "transcription")
    assert not models_end(mixed, "translation"), "the same name on another server"
    assert "tts-1" in ending_models(settings(speech_model="tts-1"))
    assert "tts-1" in ending_models(settings(speech_model="tts-1", speech_base_url="https://eu.api.openai.com/v1"))
