"""Our chat model against the stand-in: the real SDK over a real socket, with a clock that stands still."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from bot.core.catalogue import Catalogue
from bot.core.ports.chat import ChatMessage, ChatRequest, StreamEnd, TextDelta
from bot.core.ports.remembered import Quirk
from bot.provider.chat import OpenAIChatModel
from bot.provider.completion import Deadlines
from bot.sandbox.standin import StandIn
from tests.clock import FakeClock

CATALOGUE = (Path(__file__).parents[2] / "bot" / "catalogue.toml").read_text(encoding="utf-8")

# Long enough for a busy machine to answer in, so that only a test about a deadline meets one.
PATIENT = Deadlines(first_token_seconds=30, between_tokens_seconds=30, total_seconds=60)

MakeModel: TypeAlias = Callable[..., OpenAIChatModel]


class QuirkList:
    """Implements ``QuirkStore`` in memory."""

    def __init__(self, *quirks: Quirk) -> None:
        self.remembered = list(quirks)

    async def quirks(self) -> Sequence[Quirk]:
        return tuple(self.remembered)

    async def remember(self, quirk: Quirk) -> None:
        self.remembered.append(quirk)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def quirks() -> QuirkList:
    return QuirkList()


@pytest.fixture
async def make_model(standin: StandIn, clock: FakeClock, quirks: QuirkList) -> AsyncIterator[MakeModel]:
    """Make chat models of the stand-in; they are closed at the end."""
    async with AsyncExitStack() as stack:

        def make(
            *,
            base_url: str | None = None,
            api_key: str | None = None,
            overlay: str | None = None,
            deadlines: Deadlines = PATIENT,
        ) -> OpenAIChatModel:
            model = OpenAIChatModel(
                base_url=base_url or standin.base_url,
                api_key=api_key or standin.key,
                catalogue=Catalogue.parse(CATALOGUE, overlay),
                quirks=quirks,
                clock=clock,
                deadlines=deadlines,
            )
            stack.push_async_callback(model.aclose)
            return model

        yield make


@pytest.fixture
def chat_model(make_model: MakeModel) -> OpenAIChatModel:
    return make_model()


def ask(text: str = "Good morning", model: str = "gpt-6-luna") -> ChatRequest:
    messages = (ChatMessage("system", "You are a test."), ChatMessage("user", text))
    return ChatRequest(model=model, messages=messages, max_tokens=500)


async def free() -> None:
    """Let a request be repeated: nobody pays here."""


async def answered(chat_model: OpenAIChatModel, request: ChatRequest) -> tuple[str, StreamEnd]:
    """Return the whole text and the end, and hold the stream to its promise: text, then exactly one end."""
    events = [event async for event in chat_model.stream(request, before_repeat=free)]
    *deltas, end = events
    assert isinstance(end, StreamEnd)
    assert all(isinstance(delta, TextDelta) and delta.text for delta in deltas)
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)), end
