"""Pictures in chat completions: what is sent, piece by piece, and what servers say about it."""

import json
import tracemalloc
from base64 import b64decode

import pytest

from bot.core.errors.provider import ContentRefused, PictureRefused, ProviderUnavailable, RequestRefused
from bot.core.ports.chat import ChatMessage, ChatRequest
from bot.core.ports.files import Picture
from bot.provider.chat import OpenAIChatModel
from bot.provider.opening import PIECE_BYTES, PictureBody
from bot.sandbox.standin import Refuse, Say, StandIn
from tests.pictures import a_picture, heavy_png
from tests.provider.conftest import answered


def picture(content: bytes, mime: str = "image/png") -> Picture:
    return Picture("a.png", mime, 8, 6, content)


def with_pictures(*pictures: Picture, text: str = "see", detail: str | None = None) -> ChatRequest:
    messages = (ChatMessage("system", "You are a test."), ChatMessage("user", text, pictures))
    return ChatRequest(model="gpt-6-luna", messages=messages, max_tokens=500, picture_detail=detail)


@pytest.mark.parametrize("size", [100, 101, 102, PIECE_BYTES, 3 * PIECE_BYTES + 1])
async def test_the_body_is_what_was_meant_and_as_long_as_it_says(size: int) -> None:
    pictures = [picture(bytes(range(256)) * (size // 256) + bytes(size % 256)), picture(b"x")]
    body = PictureBody({"one": "data:MARK", "two": ["ü", "MARK"], "stream": True}, pictures, "MARK")
    pieces = [piece async for piece in body]
    written = b"".join(pieces)
    assert len(written) == body.length
    assert max(map(len, pieces)) <= 4 * PIECE_BYTES // 3
    found = json.loads(written)
    assert b64decode(found["one"].removeprefix("data:")) == pictures[0].content
    assert b64decode(found["two"][1]) == b"x"


async def test_a_picture_is_a_part_of_its_message(standin: StandIn, chat_model: OpenAIChatModel) -> None:
    content = a_picture("JPEG")
    standin.script(Say("A red one."))
    text, end = await answered(chat_model, with_pictures(picture(content, "image/jpeg"), detail="low"))
    assert text == "A red one."
    assert end.usage is not None
    (request,) = standin.requests
    assert isinstance(request.body, dict)
    words, image = request.body["messages"][1]["content"]
    assert words == {"type": "text", "text": "see"}
    assert image["image_url"]["detail"] == "low"
    assert image["image_url"]["url"].startswith("data:image/jpeg;base64,/9j/")
    assert request.body["stream"] is True
    assert request.headers["Content-Length"].isdigit()
    assert "Transfer-Encoding" not in request.headers


async def test_words_never_take_the_place_of_a_picture(standin: StandIn, chat_model: OpenAIChatModel) -> None:
    text = "data:image/png;base64,AAAA MARK {} \x00"
    await answered(chat_model, with_pictures(picture(a_picture()), text=text))
    (request,) = standin.requests
    assert isinstance(request.body, dict)
    assert request.body["messages"][1]["content"][0]["text"] == text


async def test_a_large_picture_is_never_in_memory_twice(standin: StandIn, chat_model: OpenAIChatModel) -> None:
    content = heavy_png(18 * 1024**2)
    body = PictureBody({"one": "MARK"}, [picture(content)], "MARK")
    tracemalloc.start()
    try:
        async for _ in body:
            pass
        assert tracemalloc.get_traced_memory()[1] < 2 * 1024**2
    finally:
        tracemalloc.stop()
    standin.script(Say("Large."))
    assert (await answered(chat_model, with_pictures(picture(content))))[0] == "Large."


async def test_it_is_sent_again_after_a_fault(standin: StandIn, chat_model: OpenAIChatModel) -> None:
    standin.script(Refuse(503), Refuse(400, code="unsupported_parameter", param="reasoning_effort"), Say("Seen."))
    text, _ = await answered(chat_model, with_pictures(picture(a_picture())))
    assert text == "Seen."
    bodies = [request.body for request in standin.requests]
    assert all(isinstance(body, dict) and body["messages"] == bodies[0]["messages"] for body in bodies)
    assert len(bodies) == 3


@pytest.mark.parametrize(
    ("refuse", "error"),
    [
        (Refuse(400, code="invalid_image_format", message="You uploaded an unsupported image."), PictureRefused),
        (Refuse(400, message="Invalid content type. image_url is only supported by certain models."), PictureRefused),
        (Refuse(404, message="No endpoints found that support image input"), PictureRefused),
        (Refuse(500, message="image input is not supported - hint: provide the mmproj"), PictureRefused),
        (Refuse(400, code="content_policy_violation", message="The image was blocked."), ContentRefused),
        (Refuse(400, message="Something else."), RequestRefused),
        (Refuse(503, message="The image service is busy."), ProviderUnavailable),
    ],
)
async def test_what_servers_say_about_pictures(
    standin: StandIn, chat_model: OpenAIChatModel, refuse: Refuse, error: type[Exception]
) -> None:
    standin.script(*[refuse] * 3)
    with pytest.raises(error):
        await answered(chat_model, with_pictures(picture(a_picture())))
    assert len(standin.requests) == (3 if error is ProviderUnavailable else 1)


async def test_without_pictures_the_same_words_mean_something_else(
    standin: StandIn, chat_model: OpenAIChatModel
) -> None:
    standin.script(Refuse(400, message="image_url is not supported"))
    with pytest.raises(RequestRefused):
        await answered(chat_model, with_pictures())


@pytest.mark.parametrize(
    "bad",
    [picture(b"no picture"), picture(a_picture(), "image/gif"), picture(a_picture("BMP")), picture(a_picture()[:40])],
)
async def test_the_stand_in_refuses_what_the_api_refuses(
    standin: StandIn, chat_model: OpenAIChatModel, bad: Picture
) -> None:
    with pytest.raises(PictureRefused):
        await answered(chat_model, with_pictures(bad))
