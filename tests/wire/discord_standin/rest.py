"""The REST side: one pipeline for every route. Routes are named as in Discord's OpenAPI document."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any

from aiohttp import web

from tests.wire.discord_standin.buckets import Buckets
from tests.wire.discord_standin.faults import Fault, Faults
from tests.wire.discord_standin.journal import NOBODY, Journal, Json, Request, Upload
from tests.wire.discord_standin.spec import Spec

PREFIX = "/api/v10"


@dataclass(frozen=True, slots=True)
class Call:
    """A request as its route sees it."""

    path: dict[str, str]
    query: dict[str, str]
    body: Any
    uploads: dict[str, Upload]

    def number(self, name: str) -> int:
        """Return a snowflake of the path."""
        given = self.path.get(name, "")
        return int(given) if given.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers, and whom that pinged. Without a body it is 204."""

    body: Any = None
    status: int = HTTPStatus.OK
    pinged: frozenset[str] = NOBODY

    def __post_init__(self) -> None:
        if self.body is None:
            object.__setattr__(self, "status", HTTPStatus.NO_CONTENT)


class Refusal(Exception):
    """Discord's JSON error: an HTTP status, a code and a message."""

    def __init__(self, status: int, code: int, message: str, errors: Json | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "code": code} | ({"errors": errors} if errors else {})


class NotImplementedByStandIn(Exception):
    """A request that Discord may know and the stand-in does not: the test fails."""


Handler = Callable[[Call], Answer]
Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]
Routes = Mapping[tuple[str, str], Handler]


@dataclass(frozen=True, slots=True)
class Received:
    """The parts of an HTTP request that a route needs."""

    body: Any = None
    uploads: dict[str, Upload] = field(default_factory=dict)


class Rest:
    """Reads, checks, limits, answers and records every request."""

    def __init__(self, journal: Journal, buckets: Buckets, spec: Spec | None, *, token: str) -> None:
        self.journal = journal
        self.buckets = buckets
        self.spec = spec
        self.token = token
        self.faults = Faults()

    def register(self, app: web.Application, routes: Routes) -> None:
        """Add routes in the order of the table: of two that match, the first wins."""
        for (method, route), handler in routes.items():
            app.router.add_route(method, PREFIX + route, self._served(method, route, handler))

    def refuse_unknown(self, app: web.Application) -> None:
        """Answer 404 to everything else, and record it."""

        def unknown(_: Call) -> Answer:
            raise NotImplementedByStandIn

        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._served(request.method, request.path, unknown)(request)

        app.router.add_route("*", "/{anything:.*}", serve)

    def _served(self, method: str, route: str, handler: Handler) -> Serve:
        async def serve(request: web.Request) -> web.StreamResponse:
            at = time.perf_counter()
            received = await _read(request)
            call = Call(dict(request.match_info), dict(request.query), received.body, received.uploads)
            fault, handles = self.faults.meet(method, route, call), handler
            if fault:
                self.journal.changed()
            if fault and fault.how == "refused":
                handles, fault = partial(_refuse, fault), None
            if fault and not fault.taken:
                return await fault.answer(request)
            answer, headers = self._answer(request, method, route, call, handles)
            self.journal.add_request(
                Request(
                    at=at,
                    answered_at=time.perf_counter(),
                    method=method,
                    route=route,
                    path=call.path,
                    query=call.query,
                    body=call.body,
                    uploads=tuple(call.uploads.values()),
                    status=answer.status,
                    answer=answer.body,
                    pinged=answer.pinged,
                )
            )
            if fault:
                return await fault.answer(request)
            return _response(answer, headers)

        return serve

    def _answer(
        self, request: web.Request, method: str, route: str, call: Call, handler: Handler
    ) -> tuple[Answer, dict[str, str]]:
        # Interactions and their webhooks carry their own token in the path.
        with_token = route.startswith(("/interactions/", "/webhooks/"))
        if not with_token and request.headers.get("Authorization") != f"Bot {self.token}":
            return Answer({"message": "401: Unauthorized", "code": 0}, HTTPStatus.UNAUTHORIZED), {}
        verdict = self.buckets.take(method, route, call.path)
        if not verdict.passes:
            body = {
                "message": "You are being rate limited.",
                "retry_after": verdict.retry_after_seconds,
                "global": False,
            }
            # Without Via discord.py takes a 429 for a ban by Cloudflare.
            return Answer(body, HTTPStatus.TOO_MANY_REQUESTS), verdict.headers | {"Via": "1.1 stand-in"}
        try:
            answer = handler(call)
        except NotImplementedByStandIn as error:
            self.journal.violate(f"{method} {route} is not implemented by the stand-in {error}".rstrip())
            return Answer({"message": "404: Not Found", "code": 0}, HTTPStatus.NOT_FOUND), {}
        except Refusal as refused:
            answer = Answer(refused.body, refused.status)
        complaint = self.spec and self.spec.complaint(method, route, call.body)
        # What Discord refuses by itself is the bot's to handle; what it takes must be as documented.
        if complaint and answer.status < HTTPStatus.BAD_REQUEST:
            self.journal.violate(complaint)
        return answer, verdict.headers


def _refuse(fault: Fault, _: Call) -> Answer:
    raise Refusal(fault.status, fault.code, "Refused by the test")


async def _read(request: web.Request) -> Received:
    if request.content_type == "multipart/form-data":
        form = await request.post()
        uploads: dict[str, Upload] = {}
        body: Any = None
        for name, value in form.items():
            if name == "payload_json" and isinstance(value, str):
                body = json.loads(value)
            elif isinstance(value, web.FileField):
                uploads[name] = Upload(value.filename, value.content_type, value.file.read())
        return Received(body, uploads)
    text = await request.text()
    return Received(json.loads(text) if text else None)


def _response(answer: Answer, headers: dict[str, str]) -> web.Response:
    if answer.body is None:
        return web.Response(status=answer.status, headers=headers)
    # Exactly this type: with a charset discord.py hands a string on, and its login fails.
    typed = headers | {"Content-Type": "application/json"}
    return web.Response(status=answer.status, body=json.dumps(answer.body).encode(), headers=typed)
