"""The chat model: what it is asked, and what it streams."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from bot.core.conversation import EndReason, Usage
from bot.core.ports.files import Picture


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a prompt, ready to be sent."""

    chat_role: str
    text: str
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """The JSON Schema of an answer. ``strict``: it keeps to what the API's strict mode takes.

    ``instructions`` says the same in words, for a server that takes no schema.
    """

    name: str
    schema: Mapping[str, object]
    strict: bool
    instructions: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One chat completion. Sampling parameters are sent only when they are not ``None``."""

    model: str
    messages: tuple[ChatMessage, ...]
    max_tokens: int
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    json: bool = False
    json_schema: JsonSchema | None = None
    picture_detail: str | None = None  # how closely the model looks at the messages' pictures
    conversation_hash: str | None = None  # groups requests for the provider's prompt cache
    member_hash: str | None = None  # a stable pseudonym of the asker, for the provider's abuse checks


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer's text, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """The last event of every stream that gave text.

    ``ignored_options``: the member's options that the server refused and that were left out, by their public names.
    ``end_reason`` BROKEN or TIMEOUT: what came so far is all there is.
    """

    end_reason: EndReason
    model: str
    usage: Usage | None = None
    ignored_options: tuple[str, ...] = ()
    request_id: str | None = None


BeforeRepeat: TypeAlias = Callable[[], Awaitable[None]]


class ChatModel(Protocol):
    """Streams chat completions."""

    def stream(
        self, request: ChatRequest, *, before_repeat: BeforeRepeat
    ) -> AsyncGenerator[TextDelta | StreamEnd, None]:
        """Yield text deltas, then exactly one ``StreamEnd``.

        A request may be sent again before the first text. ``before_repeat`` is awaited each time when the one before
        it may have been billed; what it raises ends the stream, and nothing is sent.
        Raises a ``ProviderError`` only while no text has been yielded; afterwards the end reason says what happened.
        Closing the iterator (``aclose``) aborts the request on the wire.
        """
        ...
