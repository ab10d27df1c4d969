"""Opens the stream of a chat completion.

A request without pictures goes through the SDK's own method. With pictures its body is written piece by piece: base64
and JSON of 20 MiB at once would hold the event loop for a quarter of a second and the memory three times.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, cast

import httpx2
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk

from bot.core.ports.files import Picture
from bot.provider.parameters import Parameters

PIECE_BYTES: Final = 192 * 1024  # a multiple of 3, so that the pieces of base64 make a whole


@asynccontextmanager
async def opened(client: AsyncOpenAI, model: str, parameters: Parameters) -> AsyncGenerator[httpx2.Response, None]:
    """Send the request and give the response, its body not read. Raises what the client raises."""
    if not parameters.pictures:
        # As extra_body, because the SDK walks through every field of its own parameters: 13 ms for 60 messages.
        opening = client.chat.completions.with_streaming_response.create(
            model=model, messages=[], stream=True, extra_body=parameters.body
        )
        async with opening as answer:
            yield answer.http_response
        return
    body = PictureBody({**parameters.body, "stream": True}, parameters.pictures, parameters.mark)
    headers = {"Content-Type": "application/json", "Content-Length": str(body.length), "Accept": "text/event-stream"}
    response = cast(
        httpx2.Response,  # what the SDK gives when it is asked to cast to that, also for a stream
        await client.post(
            "/chat/completions",
            cast_to=httpx2.Response,
            content=body,
            options={"headers": headers},
            stream=True,
            stream_cls=AsyncStream[ChatCompletionChunk],
        ),
    )
    try:
        yield response
    finally:
        await response.aclose()


class PictureBody:
    """A JSON body whose pictures take the place of marks while it is sent; ``length`` in bytes is known before."""

    def __init__(self, body: dict[str, object], pictures: Sequence[Picture], mark: str) -> None:
        # A mark is random: nobody's words hold one.
        self._between = [piece.encode() for piece in json.dumps(body, ensure_ascii=False).split(mark)]
        self._pictures = pictures
        encoded = sum(4 * ((len(picture.content) + 2) // 3) for picture in pictures)
        self.length = sum(map(len, self._between)) + encoded

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body in pieces of at most 256 KiB of base64."""
        yield self._between[0]
        for picture, after in zip(self._pictures, self._between[1:], strict=True):
            view = memoryview(picture.content)
            for start in range(0, len(view), PIECE_BYTES):
                yield b64encode(view[start : start + PIECE_BYTES])
            yield after
