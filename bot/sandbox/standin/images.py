"""``POST /v1/images/…``: generations, edits and variations, in both contracts."""

from __future__ import annotations

import asyncio
import base64
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.sandbox.standin.answers import TRIGGERS
from bot.sandbox.standin.behaviours import Behaviour, Cut, Draw, Hold, Html, Raw, Refuse, Stall
from bot.sandbox.standin.chat import WEB_PAGE, refused
from bot.sandbox.standin.delivery import STREAM_HEADERS, BrokenOff, break_off, encoded, send_raw
from bot.sandbox.standin.image_checks import Asked, check_images
from bot.sandbox.standin.pace import Pace, sleep_until
from bot.sandbox.standin.painting import Wish, padded, paint
from bot.sandbox.standin.record import RECORD
from bot.sandbox.standin.tokens import pieces_of

PICTURES_PATH = "/pictures/"  # where URL answers lie; no key is asked for there, as at OpenAI
KEPT_PICTURES = 16
STEP_TOKENS = 60  # a step of drawing takes as long as so many words
PARTIAL_TOKENS = 100
UPLOAD_TOKENS = 1_100
TOKENS = {"low": 196, "medium": 439, "auto": 439, "high": 1756, "xhigh": 3133, "max": 7000}
SQUARE = 1024 * 1024
EVENTS = {"generations": "image_generation", "edits": "image_edit"}


class ImagesEndpoint:
    """The images endpoints with their script and their bill: a picture counts when it is begun."""

    def __init__(self, pace: Pace) -> None:
        self.script: deque[Behaviour] = deque()
        self.billed = 0
        self._pace = pace
        self._kept: OrderedDict[str, tuple[bytes, str]] = OrderedDict()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of these endpoints."""
        return [
            web.post("/v1/images/{action:generations|edits|variations}", self.draw),
            web.get(PICTURES_PATH + "{name}", self.show),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Answer with a picture that an answer led to."""
        if request.match_info["name"] not in self._kept:
            return web.Response(status=404, text=WEB_PAGE, content_type="text/html")
        content, form = self._kept[request.match_info["name"]]
        return web.Response(body=content, content_type=f"image/{form}")

    async def draw(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        action = request.match_info["action"]
        record = request[RECORD]
        began = asyncio.get_running_loop().time()
        asked = await asyncio.to_thread(check_images, record.body, action)
        behaviour = self.script.popleft() if self.script else _trigger(asked.prompt)
        match behaviour:
            case Refuse():
                return refused(behaviour)
            case Html(status=status):
                return web.Response(status=status, text=WEB_PAGE, content_type="text/html")
            case Raw():
                return await send_raw(request, behaviour)
        how = behaviour if isinstance(behaviour, Draw) else Draw()
        self.billed += 1
        painted = await asyncio.gather(
            *(asyncio.to_thread(self._paint, asked, how, f"{self.billed} {number}") for number in range(asked.count))
        )
        usage = _usage(asked, sum(len(coarse) for coarse, _ in painted))
        record.usage = {"completion_tokens": usage["output_tokens"], "prompt_tokens": usage["input_tokens"]}
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        try:
            if asked.partials is not None:
                response = web.StreamResponse(headers=STREAM_HEADERS)
                await self._stream(request, response, asked, painted[0], usage, behaviour, began, EVENTS[action])
                return response
            await sleep_until(began + self._pace.due_seconds(3 * STEP_TOKENS))
            if isinstance(behaviour, Cut | Stall | Hold):
                await break_off(request, response, behaviour)
            answer = self._answer(request, asked, how, [final for _, final in painted], usage)
            response.content_length = len(answer)
            await response.prepare(request)
            await response.write(answer)
        except BrokenOff:
            pass
        return response

    @staticmethod
    def _paint(asked: Asked, how: Draw, number: str) -> tuple[list[bytes], bytes]:
        wish = Wish(
            words=asked.prompt,
            width=asked.width,
            height=asked.height,
            form=asked.form,
            seed=f"{asked.prompt} {asked.style} {asked.quality} {number}",
            transparent=asked.transparent,
            on=asked.pictures[0] if asked.pictures else None,
            mask=asked.mask,
        )
        coarse, final = paint(wish, partials=asked.partials or 0)
        return coarse, padded(final, how.size_bytes) if how.size_bytes is not None else final

    async def _stream(
        self,
        request: web.Request,
        response: web.StreamResponse,
        asked: Asked,
        painted: tuple[list[bytes], bytes],
        usage: Mapping[str, Any],
        behaviour: Behaviour | None,
        began: float,
        event: str,
    ) -> None:
        coarse, final = painted
        breaks = behaviour if isinstance(behaviour, Cut | Stall | Hold) else None
        point = breaks.after_deltas if breaks is not None else None
        if breaks is not None and point is None:
            await break_off(request, response, breaks)
        await response.prepare(request)
        common = {"created_at": int(time.time()), **_described(asked)}
        for index, content in enumerate([*coarse, final]):
            if breaks is not None and point == index:
                await break_off(request, response, breaks)
            await sleep_until(began + self._pace.due_seconds((index + 1) * STEP_TOKENS))
            data = {**common, "b64_json": base64.b64encode(content).decode()}
            if index < len(coarse):
                data |= {"type": f"{event}.partial_image", "partial_image_index": index}
            else:
                data |= {"type": f"{event}.completed", "usage": usage}
            await response.write(f"event: {data['type']}\n".encode() + b"data: " + encoded(data) + b"\n\n")

    def _answer(
        self, request: web.Request, asked: Asked, how: Draw, contents: list[bytes], usage: Mapping[str, Any]
    ) -> bytes:
        data: list[dict[str, str]] = []
        for content in contents[: how.count]:
            if asked.as_url or how.as_urls:
                name = f"{self.billed}-{len(data)}.{asked.form}"
                self._kept[name] = (content, asked.form)
                while len(self._kept) > KEPT_PICTURES:
                    self._kept.popitem(last=False)
                data.append({"url": how.address or f"{request.url.origin()}{PICTURES_PATH}{name}"})
            else:
                code = base64.b64encode(content).decode()
                broken = len(data) < how.broken
                data.append({"b64_json": code[: len(code) // 2 // 4 * 4] if broken else code})
        answer: dict[str, Any] = {"created": int(time.time()), "data": data}
        if asked.card.contract == "gpt-image":
            answer |= _described(asked)
            if not how.no_usage:
                answer["usage"] = usage
        return encoded(answer)


def _described(asked: Asked) -> dict[str, Any]:
    return {
        "background": "transparent" if asked.transparent else "opaque",
        "output_format": asked.form,
        "quality": "medium" if asked.quality == "auto" else asked.quality,
        "size": f"{asked.width}x{asked.height}",
    }


def _usage(asked: Asked, partials: int) -> dict[str, Any]:
    text, pictures = len(pieces_of(asked.prompt)), UPLOAD_TOKENS * len(asked.pictures)
    one = TOKENS.get(asked.quality, 0) * asked.width * asked.height // SQUARE
    output = asked.count * one + partials * PARTIAL_TOKENS
    return {
        "input_tokens": text + pictures,
        "input_tokens_details": {"text_tokens": text, "image_tokens": pictures},
        "output_tokens": output,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": output},
        "total_tokens": text + pictures + output,
    }


def _trigger(prompt: str) -> Behaviour | None:
    found = (behaviour for word, behaviour in TRIGGERS.items() if word in prompt.lower())
    return next((behaviour for behaviour in found if isinstance(behaviour, Refuse | Html)), None)
