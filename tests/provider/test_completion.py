"""Reading one answer from a body that a test hands out piece by piece, through the real SDK."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import httpx2
import pytest
from openai import AsyncOpenAI

from bot.core.catalogue import ModelEntry
from bot.core.conversation import EndReason
from bot.core.errors.provider import EmptyAnswer, InvalidReply
from bot.core.ports.chat import ChatRequest
from bot.provider.completion import Completion, Deadlines
from bot.provider.opening import opened
from bot.provider.parameters import Parameters
from bot.provider.watchdog import DeadlinePassed

SHORT = 0.1
PATIENT = Deadlines(first_token_seconds=30, between_tokens_seconds=30, total_seconds=60)

ROLE = b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
REASONING = b'data: {"choices":[{"delta":{"reasoning_content":"Hm."}}]}\n\n'
FINISH = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"
COMMENT = b": still working\n\n"


def says(text: str) -> bytes:
    return f'data: {{"choices":[{{"delta":{{"content":"{text}"}}}}]}}\n\n'.encode()


async def silence() -> None:
    await asyncio.Event().wait()


Piece: TypeAlias = bytes | Callable[[], Awaitable[None]] | Exception


class Body(httpx2.AsyncByteStream):
    """Hands out bytes, waits, or fails, as it was told."""

    def __init__(self, *pieces: Piece) -> None:
        self._pieces = pieces
        self.handed_out = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.handed_out += 1
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, bytes):
                yield piece
            else:
                await piece()

    async def aclose(self) -> None:
        self.closed = True


def completion(body: Body, deadlines: Deadlines = PATIENT) -> Completion:
    response = httpx2.Response(200, headers={"x-request-id": "req_1"}, stream=body)
    http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: response))
    client = AsyncOpenAI(api_key="sk-test", base_url="http://127.0.0.1/v1", max_retries=0, http_client=http_client)
    request = ChatRequest(model="m", messages=(), max_tokens=1)
    opening = opened(client, "m", Parameters(request, ModelEntry(), openai=False))
    return Completion(opening, deadlines, total_seconds=deadlines.total_seconds)


async def read(answer: Completion) -> list[str]:
    async with asyncio.timeout(20):  # less than the patient deadlines: who falls back to those fails here
        texts = [await answer.begin()]
        while text := await answer.more():
            texts.append(text)
        await answer.close()
        return texts


async def test_the_texts_of_one_read_are_one_piece() -> None:
    answer = completion(Body(ROLE, says("a"), says("b") + says("c"), FINISH + USAGE + DONE))
    assert await read(answer) == ["a", "bc"]
    assert answer.end_reason is EndReason.STOP
    assert answer.request_id == "req_1"
    assert answer.usage is not None


async def test_what_comes_after_done_is_read_and_dropped() -> None:
    body = Body(says("a"), FINISH + DONE + says("b"), says("c"), b"not even this")
    answer = completion(body)
    assert await read(answer) == ["a"]
    assert answer.end_reason is EndReason.STOP
    assert body.handed_out == 4  # to its end, so that the connection can be used again


@pytest.mark.parametrize("how", [silence, httpx2.ReadError("reset")])
@pytest.mark.parametrize("tail", [(FINISH,), (FINISH, DONE), (FINISH, USAGE, DONE), (FINISH + DONE,)])
async def test_an_answer_with_its_finish_reason_is_whole_whatever_comes_next(
    how: Piece, tail: tuple[bytes, ...]
) -> None:
    deadlines = Deadlines(after_finish_seconds=SHORT)
    answer = completion(Body(says("a"), *tail, how), deadlines)
    assert await read(answer) == ["a"]
    assert answer.end_reason is EndReason.STOP
    assert (answer.usage is not None) == (USAGE in tail)


async def test_done_without_a_finish_reason_is_cut_off() -> None:
    answer = completion(Body(says("a"), DONE))
    assert await read(answer) == ["a"]
    assert answer.end_reason is EndReason.BROKEN


async def test_done_is_not_waited_after() -> None:
    answer = completion(Body(says("a"), DONE, silence))
    assert await read(answer) == ["a"]


async def test_an_empty_answer_does_not_wait_for_its_usage_either() -> None:
    with pytest.raises(EmptyAnswer):
        await read(completion(Body(ROLE, FINISH, silence), Deadlines(after_finish_seconds=SHORT)))


async def test_reasoning_is_a_token_and_moves_the_deadline() -> None:
    deadlines = Deadlines(first_token_seconds=SHORT, between_tokens_seconds=30)
    answer = completion(Body(ROLE, REASONING, lambda: asyncio.sleep(2 * SHORT), says("a"), FINISH, DONE), deadlines)
    assert await read(answer) == ["a"]


@pytest.mark.parametrize("piece", [COMMENT, ROLE, b" ", b'data: {"choices":[]}\n\n'])
async def test_a_sign_of_life_is_no_token(piece: bytes) -> None:
    async def pause() -> None:
        await asyncio.sleep(SHORT / 10)

    alive: list[Piece] = [piece, pause] * 1000
    deadlines = Deadlines(first_token_seconds=SHORT, between_tokens_seconds=SHORT)
    with pytest.raises(DeadlinePassed):
        await read(completion(Body(*alive), deadlines))
    answer = completion(Body(says("a"), *alive), deadlines)
    assert await read(answer) == ["a"]
    assert answer.end_reason is EndReason.TIMEOUT


async def test_the_time_that_the_reader_takes_is_not_the_servers() -> None:
    released = asyncio.Event()

    async def held() -> None:
        await released.wait()

    answer = completion(Body(says("a"), held, says("b"), FINISH, DONE), Deadlines(between_tokens_seconds=SHORT))
    assert await answer.begin() == "a"
    await asyncio.sleep(2 * SHORT)
    asyncio.get_running_loop().call_soon(released.set)
    assert await answer.more() == "b"
    await answer.close()


async def test_a_page_is_told_by_its_first_character() -> None:
    with pytest.raises(InvalidReply, match="web page"):
        await read(completion(Body(b"\n", b"  <html>", silence)))


async def test_a_whole_answer_that_breaks_off_is_a_broken_connection() -> None:
    with pytest.raises(httpx2.ReadError):
        await read(completion(Body(b'{"choices": [', httpx2.ReadError("reset"))))


async def test_a_text_before_a_bad_event_in_the_same_bytes_is_kept() -> None:
    answer = completion(Body(says("a") + b"data: {\n\n" + says("b"), FINISH))
    assert await read(answer) == ["a"]
    assert answer.end_reason is EndReason.BROKEN


@pytest.mark.parametrize("texts", [0, 1])
async def test_closing_lets_go_at_once(texts: int) -> None:
    body = Body(*[says("a")] * texts, silence)
    answer = completion(body, Deadlines(first_token_seconds=SHORT))
    if texts:
        await answer.begin()
        await answer.close()
    else:
        with pytest.raises(DeadlinePassed):
            await answer.begin()
    assert body.closed
