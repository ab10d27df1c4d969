"""``/healthz`` and ``/metrics``, when the operator opens a port for them. Nothing else is served, nobody's words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot import __version__
from bot.core.caps import CapPeriod
from bot.core.errors import StoreUnavailable
from bot.heartbeat import judge
from bot.settings import MICRO, SettingsError
from bot.store.figures import SqliteFigures
from bot.vitals import Figures, Vitals

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0  # a database that hangs must not hold whoever asks


@asynccontextmanager
async def serve_metrics(vitals: Vitals, *, host: str, port: int) -> AsyncIterator[None]:
    """Serve both pages while the context is open. Raises ``SettingsError`` when the port is taken."""
    app = web.Application()
    app.router.add_get("/healthz", lambda _: _healthz(vitals))
    app.router.add_get("/metrics", lambda _: _metrics(vitals))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            problem = f"METRICS_PORT: port {port} of {host} cannot be opened ({reason}); choose another one"
            raise SettingsError([problem]) from error
        log.info("serving /healthz and /metrics", extra={"host": host, "port": port})
        yield
    finally:
        await runner.cleanup()


async def _healthz(vitals: Vitals) -> web.Response:
    heartbeat = vitals.heartbeat()
    now = heartbeat.written_at
    verdict = judge(heartbeat, now)
    oldest = heartbeat.oldest_undelivered_at
    body = {
        "status": "failing" if verdict.problems else "degraded" if verdict.degraded else "ok",
        "reasons": [*verdict.problems, *verdict.degraded],
        "gateway_age_seconds": round(now - heartbeat.gateway_heard_at, 1),
        "database_write_age_seconds": round(now - heartbeat.database_written_at, 1),
        "oldest_undelivered_seconds": None if oldest is None else round(now - oldest, 1),
        "open_breakers": dict(heartbeat.open_breakers),
        "version": __version__,
        "sqlite_version": SqliteFigures.sqlite_version,
    }
    return web.json_response(body, status=200 if verdict.healthy else 503)


async def _metrics(vitals: Vitals) -> web.Response:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            figures = await vitals.figures()
    except (TimeoutError, StoreUnavailable):
        return web.Response(status=503, text="the database does not answer\n")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(figures))
    return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


class _Figures(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Yield each figure in Prometheus's own terms."""
        f = self._figures
        now = f.heartbeat.written_at
        yield _counts("parley_turns", "Turns by how they ended.", ("outcome",), {(k,): v for k, v in f.turns.items()})
        calls: dict[tuple[str, ...], int] = {
            (capability, outcome): count
            for capability, outcomes in f.provider_calls.items()
            for outcome, count in outcomes.items()
        }
        yield _counts("parley_provider_calls", "Requests to AI servers.", ("capability", "outcome"), calls)
        yield _counts("parley_rest_rate_limited", "Answers of Discord with status 429.", (), {(): f.rest_refusals})
        yield _counts("parley_loop_blocks", "Times the event loop stood still.", (), {(): f.loop_blocks})
        breakers = GaugeMetricFamily(
            "parley_breaker_open", "1: an AI server is not asked for a while.", labels=["capability"]
        )
        for capability in f.provider_calls:
            breakers.add_metric([capability], float(capability in f.heartbeat.open_breakers))
        yield breakers
        oldest = f.heartbeat.oldest_undelivered_at
        gauges: tuple[tuple[str, str, float | None], ...] = (
            ("healthy", "1: nothing keeps it from working.", float(judge(f.heartbeat, now).healthy)),
            ("spent_today_usd", "Spent or reserved since 00:00 UTC.", _usd(f.spent_micro_usd.get(CapPeriod.DAY))),
            ("spent_this_month_usd", "Likewise since the first.", _usd(f.spent_micro_usd.get(CapPeriod.MONTH))),
            ("daily_cap_usd", "The most that may be spent a day.", _usd(f.caps.bot_day)),
            ("monthly_cap_usd", "The most that may be spent a month.", _usd(f.caps.bot_month)),
            ("turns_answering", "Questions being answered.", f.answering),
            ("turns_waiting", "Questions that wait for their turn.", f.waiting),
            ("undelivered", "Replies that Discord has not taken yet.", f.undelivered),
            ("oldest_undelivered_seconds", "Age of the oldest of them.", 0.0 if oldest is None else now - oldest),
            ("gateway_latency_seconds", "Between a heartbeat and its answer.", f.gateway_latency_seconds),
            ("gateway_age_seconds", "Since Discord was last heard.", now - f.heartbeat.gateway_heard_at),
            ("database_write_age_seconds", "Since the last write.", now - f.heartbeat.database_written_at),
            ("loop_lag_seconds", "The longest within the last minute.", f.loop_lag_seconds),
            ("resident_memory_bytes", "Memory that the process holds.", f.resident_bytes),
            ("database_bytes", "Size of the database with its log.", f.database_bytes),
        )
        for name, text, value in gauges:
            if value is not None:
                yield GaugeMetricFamily(f"parley_{name}", text, value=value)


def _counts(name: str, text: str, labels: tuple[str, ...], counts: Mapping[tuple[str, ...], int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family


def _usd(micro_usd: int | None) -> float | None:
    return None if micro_usd is None else micro_usd / MICRO
