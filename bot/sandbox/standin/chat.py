"""``POST /v1/chat/completions``: checks a request, finds what to answer, and sends it."""

from __future__ import annotations

import base64
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from bot.sandbox.standin.answers import answer, trigger
from bot.sandbox.standin.behaviours import Behaviour, Cut, Draw, Drip, Hold, Html, Raw, Refuse, Say, Stall
from bot.sandbox.standin.checks import check_chat, check_context
from bot.sandbox.standin.completion import Completion
from bot.sandbox.standin.delivery import Delivery, send_raw
from bot.sandbox.standin.heard import Heard, cap_of, hear
from bot.sandbox.standin.models import ModelCard
from bot.sandbox.standin.pace import Pace
from bot.sandbox.standin.record import RECORD
from bot.sandbox.standin.refusals import Refusal
from bot.sandbox.standin.tokens import PrefixCache, pieces_of, prompt_pieces, text_of
from bot.sandbox.standin.vision import look_at
from bot.sandbox.standin.voice import Voice

AUDIO_TOKENS_PER_SECOND = 20

WEB_PAGE = """\
<!doctype html><html lang="en"><head><title>Sign in to the network</title></head>
<body><h1>Sign in</h1><p>This is a web page, where an answer in JSON was expected.</p></body></html>
"""


class ChatEndpoint:
    """The chat endpoint with its script, its prompt cache and its bill."""

    def __init__(self, pace: Pace, voice: Voice) -> None:
        self.script: deque[Behaviour] = deque()
        self.billed = 0
        self._pace = pace
        self._voice = voice
        self._cache = PrefixCache()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this endpoint."""
        return [web.post("/v1/chat/completions", self.complete)]

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        record = request[RECORD]
        body = record.body
        card = check_chat(body)
        prompt = prompt_pieces(body["messages"])
        check_context(card, len(prompt))
        heard = hear(body, await look_at(body["messages"]))
        behaviour = self.script.popleft() if self.script else trigger(heard)
        match behaviour:
            case Refuse():
                return refused(behaviour)
            case Html(status=status):
                return web.Response(status=status, text=WEB_PAGE, content_type="text/html")
            case Raw():
                return await send_raw(request, behaviour)
            case Draw():
                raise TypeError("nothing to draw in a chat")
        say = (
            _scripted(behaviour)
            or (_verbatim(body) if card.speaks else None)
            or _own(body, heard, card.context_tokens - len(prompt))
        )
        completion = self._generate(say, card, prompt)
        if card.speaks and completion.say.refusal is None and not completion.say.content_none:
            completion = await self._spoken(completion, body["audio"])
        record.usage = completion.usage
        pace = Pace(0, 1 / behaviour.seconds_between) if isinstance(behaviour, Drip) else self._pace
        broken_by = behaviour if isinstance(behaviour, Cut | Stall | Hold) else None
        delivery = Delivery(request, record, pace, broken_by)
        if body.get("stream"):
            return await delivery.stream(completion, body.get("stream_options") or {})
        return await delivery.whole(completion)

    async def _spoken(self, completion: Completion, audio: Mapping[str, Any]) -> Completion:
        text = "".join(completion.deltas)
        sound = await self._voice.speak(text, audio["format"], voice=audio["voice"])
        audio_tokens = round(sound.seconds * AUDIO_TOKENS_PER_SECOND)
        usage = {
            **completion.usage,
            "completion_tokens": len(completion.deltas) + audio_tokens,
            "total_tokens": completion.usage["prompt_tokens"] + len(completion.deltas) + audio_tokens,
            "completion_tokens_details": {
                **completion.usage["completion_tokens_details"],
                "audio_tokens": audio_tokens,
                "text_tokens": len(completion.deltas),
            },
        }
        data = {
            "id": f"audio_standin_{completion.number}",
            "data": base64.b64encode(sound.content).decode(),
            "expires_at": completion.created + 3600,
            "transcript": text,
        }
        return replace(completion, audio=data, usage=usage)

    def _generate(self, say: Say, card: ModelCard, prompt: list[str]) -> Completion:
        self.billed += 1
        text = "" if say.content_none else say.text if say.refusal is None else say.refusal
        pieces = pieces_of(text)
        cached, written = self._cache.look_up(card.name, prompt)
        usage = {
            "prompt_tokens": len(prompt),
            "completion_tokens": len(pieces),
            "total_tokens": len(prompt) + len(pieces),
            "prompt_tokens_details": {
                "audio_tokens": 0,
                "cached_tokens": cached,
                "cache_write_tokens": written if card.cache_writes_billed else 0,
            },
            # Nothing is reasoned about here, whatever the effort.
            "completion_tokens_details": {
                "accepted_prediction_tokens": 0,
                "audio_tokens": 0,
                "reasoning_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }
        return Completion(
            number=self.billed,
            created=int(time.time()),
            model=card.name,
            say=say,
            deltas=tuple(_sliced(text, say.delta_chars) if say.delta_chars else pieces),
            usage={**usage, **(say.usage or {})},
        )


def _scripted(behaviour: Say | Cut | Stall | Hold | Drip | None) -> Say | None:
    if behaviour is None or isinstance(behaviour, Say):
        return behaviour
    return Say(behaviour.answer) if isinstance(behaviour.answer, str) else behaviour.answer


def _verbatim(body: Mapping[str, Any]) -> Say:
    """Return what a speaking model says: the member's words, as it is told."""
    asked = [text_of(message) for message in body["messages"] if message["role"] == "user"]
    return Say(asked[-1] if asked else "")


def _own(body: Mapping[str, Any], heard: Heard, room_tokens: int) -> Say:
    """Return the stand-in's own answer; it alone keeps to the request's limits: a script is said as it is written."""
    text = answer(heard, body.get("response_format"))
    stops = body.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.partition(stop)[0]
    pieces = pieces_of(text)
    cap = min(room_tokens, cap_of(body) or room_tokens)
    if len(pieces) > cap:
        return Say("".join(pieces[:cap]), finish_reason="length")
    return Say(text)


def _sliced(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def refused(refuse: Refuse) -> web.Response:
    """Return a scripted refusal as an answer."""
    if refuse.body is None:
        refusal = Refusal(
            refuse.message,
            status=refuse.status,
            code=refuse.code,
            param=refuse.param,
            type=refuse.type,
            headers=refuse.headers,
        )
        return refusal.response()
    kind = "text/html" if refuse.body.lstrip().startswith("<") else "application/json"
    return web.Response(status=refuse.status, text=refuse.body, content_type=kind, headers=refuse.headers)
