"""The stand-in's pictures: real, distinct, as they were asked for; and what the real API refuses is refused."""

from __future__ import annotations

import base64
import io
from typing import Any

import openai
import pytest
from openai.types import ImagesResponse
from openai.types.image_gen_completed_event import ImageGenCompletedEvent
from openai.types.image_gen_partial_image_event import ImageGenPartialImageEvent
from PIL import Image, ImageChops

from bot.sandbox.standin import StandIn
from tests.contract import OPENAI_SPEC, assert_fits
from tests.pictures import a_picture
from tests.sandbox.asking import client_of

FLARE = "gpt-image-2.6-flare"


async def draw(server: StandIn, **body: Any) -> ImagesResponse:
    async with client_of(server) as client:
        answer = await client.images.generate(**{"model": FLARE, "prompt": "a boat", "quality": "low", **body})
        assert isinstance(answer, ImagesResponse)
        if OPENAI_SPEC.exists():
            assert_fits("ImagesResponse", answer.model_dump(exclude_unset=True, mode="json"))
        return ImagesResponse.model_validate(answer.model_dump())


async def refused(server: StandIn, **body: Any) -> tuple[int, str | None, str | None]:
    with pytest.raises(openai.APIStatusError) as caught:
        await draw(server, **body)
    return caught.value.status_code, caught.value.code, caught.value.param


def opened(answer: ImagesResponse, number: int = 0) -> Image.Image:
    assert answer.data is not None
    return Image.open(io.BytesIO(base64.b64decode(answer.data[number].b64_json or "")))


def differ(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.difference(one.convert("RGB"), other.convert("RGB")).getbbox() is not None


@pytest.mark.parametrize(("form", "size"), [("png", "1024x1024"), ("webp", "1536x1024"), ("jpeg", "1792x1024")])
async def test_size_and_format_are_honoured(standin: StandIn, form: str, size: str) -> None:
    answer = await draw(standin, size=size, output_format=form)
    image = opened(answer)
    assert image.format == form.upper()
    assert f"{image.width}x{image.height}" == size
    assert (answer.size, answer.output_format, answer.quality) == (size, form, "low")


async def test_pictures_are_distinct(standin: StandIn) -> None:
    answer = await draw(standin, n=3)
    other = await draw(standin, prompt="a house")
    images = [*(opened(answer, number) for number in range(3)), opened(other)]
    assert all(differ(one, two) for i, one in enumerate(images) for two in images[i + 1 :])


async def test_transparent_pictures_are_transparent(standin: StandIn) -> None:
    image = opened(await draw(standin, background="transparent"))
    assert image.getchannel("A").getextrema() == (0, 255)


async def test_unfinished_pictures_are_streamed(standin: StandIn) -> None:
    async with client_of(standin) as client:
        stream = await client.images.generate(model=FLARE, prompt="a boat", stream=True, partial_images=2)
        events = [event async for event in stream]
    assert [type(event) for event in events] == [ImageGenPartialImageEvent] * 2 + [ImageGenCompletedEvent]
    assert len({event.b64_json for event in events}) == 3


async def test_an_edit_changes_only_what_the_mask_leaves_open(standin: StandIn) -> None:
    below = a_picture(size=(256, 256), colour="white")
    mask = Image.new("RGBA", (256, 256), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 128, 256, 256))
    saved = io.BytesIO()
    mask.save(saved, "PNG")
    async with client_of(standin) as client:
        answer = await client.images.edit(
            model=FLARE,
            prompt="x",
            image=("a.png", below, "image/png"),
            mask=("m.png", saved.getvalue(), "image/png"),
        )
        assert isinstance(answer, ImagesResponse)
        changed = opened(answer).convert("RGB").resize((256, 256))
        white = Image.new("RGB", (256, 256), "white")
        outside = ImageChops.difference(changed, white).crop((0, 40, 256, 120))
        inside = ImageChops.difference(changed, white).crop((0, 140, 256, 256))
    assert outside.getbbox() is None
    assert inside.getbbox() is not None


async def test_the_older_contract_answers_with_addresses(standin: StandIn) -> None:
    answer = await draw(standin, model="dall-e-3", quality="hd", style="vivid", size="1792x1024")
    assert answer.data is not None
    assert answer.data[0].b64_json is None
    assert (answer.data[0].url or "").startswith(standin.base_url.removesuffix("/v1"))
    assert answer.usage is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"size": "1000x1000"}, (400, "invalid_value", "size")),
        ({"size": "4000x1024"}, (400, "invalid_value", "size")),
        ({"model": "gpt-image-1.5", "size": "1792x1024"}, (400, "invalid_value", "size")),
        ({"background": "transparent", "output_format": "jpeg"}, (400, "invalid_value", "background")),
        ({"style": "vivid"}, (400, "unknown_parameter", "style")),
        ({"response_format": "url"}, (400, "unknown_parameter", "response_format")),
        ({"quality": "hd"}, (400, "invalid_value", "quality")),
        ({"partial_images": 2}, (400, "invalid_value", "partial_images")),
        ({"output_compression": 50}, (400, "invalid_value", "output_compression")),
        ({"prompt": "x" * 32_001}, (400, "string_above_max_length", "prompt")),
        ({"prompt": "a [block]"}, (400, "moderation_blocked", None)),
        ({"model": "gpt-image-1"}, (404, "model_not_found", None)),
        ({"model": "gpt-6-luna"}, (404, "model_not_found", None)),
        ({"model": "dall-e-3", "quality": "hd", "n": 2}, (400, "integer_above_max_value", "n")),
        ({"model": "dall-e-3", "quality": "high"}, (400, "invalid_value", "quality")),
        ({"model": "dall-e-2", "quality": "standard", "style": "vivid"}, (400, "unknown_parameter", "style")),
    ],
)
async def test_what_the_real_api_refuses(
    standin: StandIn, body: dict[str, Any], expected: tuple[int, str | None, str | None]
) -> None:
    assert await refused(standin, **body) == expected
    assert standin.billed == 0


async def test_too_many_pictures_are_refused() -> None:
    async with StandIn() as server:  # the contract has the number too, so the check would say so first
        assert await refused(server, n=11) == (400, "integer_above_max_value", "n")


async def test_uploads_are_looked_at(standin: StandIn) -> None:
    square = ("a.png", a_picture(size=(64, 64)), "image/png")
    bad: list[dict[str, Any]] = [
        {"image": ("a.png", b"<html>", "image/png")},
        {"image": ("a.jpg", square[1], "image/jpeg")},
        {"image": square, "mask": ("m.png", a_picture(size=(32, 32), mode="RGBA"), "image/png")},
        {"image": [square] * 17},
        {"image": ("wide.png", a_picture(size=(64, 32)), "image/png"), "model": "dall-e-2"},
    ]
    async with client_of(standin) as client:
        for body in bad[:3] + bad[4:]:
            with pytest.raises(openai.BadRequestError) as caught:
                await client.images.edit(**{"model": FLARE, "prompt": "x", **body})
            assert caught.value.param in ("image", "mask")
    assert standin.billed == 0
