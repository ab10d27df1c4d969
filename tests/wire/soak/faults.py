"""What goes wrong in a random run: at the gateway, on the way to Discord, at the model, to the process."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from bot.sandbox.standin import Behaviour, Cut, Draw, Drip, Hold, Html, Raw, Refuse, Say, Stall, StandIn
from tests.wire.discord_standin import CDN, DiscordStandIn, Fault
from tests.wire.failpoints import AFTER, BEFORE, KILL, TERMINATE
from tests.wire.flows import FLOWS
from tests.wire.program import Bench, Program
from tests.wire.soak.members import Members

ROUTES = (("POST", "/messages"), ("PATCH", ""), ("POST", "/callback"), ("POST", "/typing"), ("", ""))
EVENTS = "text/event-stream"
MODEL_FAULTS: tuple[Behaviour, ...] = (
    Refuse(500), Refuse(502, body="<html>bad gateway</html>"), Refuse(503, code="server_is_overloaded"),
    Refuse(429, code="rate_limit_exceeded", headers={"Retry-After": "1"}),
    Refuse(400, code="content_policy_violation"), Html(), Raw("{"), Raw("data: {\n\n", content_type=EVENTS), Say(""),
    Say(refusal="No."), Say(no_choices=True), Say("Cut short", finish_reason="length"),
    Cut(None, "reset"), Cut(None), Cut(3, "close"), Cut(3, "reset"), Cut(3, "no_finish"), Cut(3, "error_event"),
    Cut(3, "half_line"), Cut(3, "bad_json"), Stall(None), Stall(5), Drip(0.2, "one two three four five six"),
)  # fmt: skip

MEDIA_FAULTS: dict[str, tuple[Behaviour, ...]] = {
    "image": (
        Refuse(500), Refuse(429, code="rate_limit_exceeded", headers={"Retry-After": "1"}),
        Refuse(400, code="moderation_blocked"), Html(), Raw("{"), Cut(None, "reset"), Cut(0), Draw(broken=1),
        Stall(None), Hold(None),
    ),
    "speech": (Refuse(500), Refuse(503), Html(), Raw("no sound", content_type="audio/ogg"), Cut(None), Stall(None)),
    "transcription": (Refuse(500), Refuse(429, headers={"Retry-After": "1"}), Html(), Raw("{"), Cut(None),
                      Stall(None), Hold(None), Say("")),
}  # fmt: skip
# Of a file at the CDN: gone, expired, behind a proxy, cut off, too slow.
CDN_FAULTS = (Fault("status", status=404), Fault("status", status=403), Fault("status", status=502), Fault("reset"),
              Fault("hang"))  # fmt: skip


class Injector:
    """Injects one fault after the other. ``counts`` says how many of each kind."""

    def __init__(self, bench: Bench, discord: DiscordStandIn, openai: StandIn, members: Members) -> None:
        self._bench = bench
        self._discord = discord
        self._openai = openai
        self._members = members
        self._rng = members.rng
        self._full: Program | None = None
        self.counts: dict[str, int] = {}
        self.outages: list[float] = []  # when the gateway or the process went away
        self._kinds: tuple[tuple[str, int, Callable[[random.Random], None]], ...] = (
            ("gateway", 4, self._gateway),
            ("duplicates", 2, lambda _: members.again()),
            ("rest", 8, self._rest),
            ("model", 6, self._model),
            ("media", 4, self._media),
            ("cdn", 2, self._cdn),
            ("disk", 2, self._disk),
            ("kill", 2, self._kill),
            ("failpoint", 3, self._failpoint),
            ("terminate", 1, self._terminate),
        )

    def inject(self) -> None:
        """Let one thing go wrong; what hung until now goes on."""
        self._openai.release()
        if self._rng.random() < 0.5:  # what hangs goes on after a while; else its deadline passes
            self._discord.faults.lift()
        self.make_room()
        kinds = [kind for kind in self._kinds for _ in range(kind[1])]
        name, _, go_wrong = self._rng.choice(kinds)
        self.counts[name] = self.counts.get(name, 0) + 1
        go_wrong(self._rng)

    def _gateway(self, rng: random.Random) -> None:
        gateway = self._discord.gateway
        self.outages.append(self._discord.clock())
        gateway.replays_again = rng.randint(0, 20)
        match rng.randrange(4):
            case 0:
                gateway.close(4000)
            case 1:
                gateway.ask_to_reconnect()
            case 2:
                gateway.invalidate(resumable=True)
            case _:
                gateway.invalidate(resumable=False)

    def _rest(self, rng: random.Random) -> None:
        method, route = rng.choice(ROUTES)
        how: Literal["status", "reset", "hang", "limited"] = rng.choice(
            ["status", "status", "reset", "hang", "limited"]
        )
        fault = Fault(
            how,
            method,
            route,
            taken=how != "limited" and rng.random() < 0.5,
            status=rng.choice([500, 502, 503, 504]),
            retry_after_seconds=rng.choice([0.3, 1.0, 2.0]),
            via=rng.random() < 0.8,
            times=rng.choice([1, 1, 2, 4]),
        )
        self._discord.faults.add(fault)

    def _model(self, rng: random.Random) -> None:
        self._openai.forget_script()
        self._openai.script(*[rng.choice(MODEL_FAULTS)] * rng.choice([1, 1, 1, 3]))

    def _media(self, rng: random.Random) -> None:
        family = rng.choice(sorted(MEDIA_FAULTS))
        self._openai.forget_script(of=family)
        self._openai.script(*[rng.choice(MEDIA_FAULTS[family])] * rng.choice([1, 1, 2]), of=family)

    def _cdn(self, rng: random.Random) -> None:
        fault = rng.choice(CDN_FAULTS)
        self._discord.faults.add(Fault(fault.how, "GET", CDN, status=fault.status, times=rng.choice([1, 2])))

    def _disk(self, _: random.Random) -> None:
        """Leave the database no room to grow, until the next fault."""
        program = self._bench.programs[-1]
        with suppress(FileNotFoundError, ProcessLookupError):  # not begun, or over by now
            if program.exit_code is None:
                self._bench.fill_disk(program)
                self._full = program

    def make_room(self) -> None:
        """End what is full."""
        if self._full is not None and self._full.exit_code is None:
            with suppress(ProcessLookupError):  # killed, and not yet waited for
                self._full.limit_files(None)
        self._full = None

    def _kill(self, _: random.Random) -> None:
        self.outages.append(self._discord.clock())
        self._bench.programs[-1].kill_now()

    def _failpoint(self, rng: random.Random) -> None:
        point = rng.choice(sorted({point for flow in FLOWS for point in flow.points}))
        self._bench.arm(f"{point}.{rng.choice([BEFORE, AFTER])}", rng.choice([KILL, KILL, TERMINATE]))

    def _terminate(self, _: random.Random) -> None:
        self.outages.append(self._discord.clock())
        if self._bench.programs[-1].exit_code is None:
            self._bench.programs[-1].terminate()
