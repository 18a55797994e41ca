"""Figures for Prometheus at /metrics, read from the views when asked."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from minhos.assembly.live_views import LiveViews
from minhos.views.health import failed_share, latency_ms, ml_health, service_health
from minhos.views.status import STATES, state_of
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings


class _Collector:
    def __init__(self, live: LiveViews) -> None:
        self.live = live

    def collect(self) -> Iterator[Metric]:
        yield from self.live.read(lambda views, around: list(_metrics(views, around)))


def exposition(live: LiveViews) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(_Collector(live))
    return generate_latest(registry)


def _metrics(views: Views, around: Surroundings) -> Iterator[Metric]:
    account = views.trading.ledger.account()
    started = bool(views.mode)
    gauges: tuple[tuple[str, str, float | None], ...] = (
        ("equity_dollars", "Equity at the last prices.", account.equity_cents / 100 if started else None),
        ("day_pnl_dollars", "P&L of the CME trade date.", account.day_pnl_cents / 100 if started else None),
        ("drawdown_ratio", "Share of the peak that is lost.", account.drawdown if started else None),
        ("risk_level", "0 LOW to 4 EMERGENCY.", float(views.trading.risk.level()) if started else None),
        ("decision_latency_p50_ms", "From bar to stored decision.", latency_ms(views, 0.50)),
        ("decision_latency_p99_ms", "From bar to stored decision.", latency_ms(views, 0.99)),
        ("failed_forecasts_ratio", "Share of due forecasts that failed.", failed_share(views)),
        ("ml_health_score", "0 to 100.", ml_health(views, around).score),
        ("trader_heartbeat_age_seconds", "Seconds since the trader was heard of.", around.trader_age_s),
        ("healthy", "1 where the service is healthy.", float(service_health(views, around).status == "healthy")),
    )
    for name, text, value in gauges:
        if value is not None:
            yield GaugeMetricFamily(f"minhos_{name}", text, value)
    now = state_of(views, around)[0]
    state = GaugeMetricFamily("minhos_state", "1 for the state that is the case.", labels=["state"])
    for word in STATES:
        state.add_metric([word], float(word == now))
    yield state
    decisions = CounterMetricFamily("minhos_decisions", "Decisions by outcome.", labels=["outcome"])
    for outcome, count in sorted(views.decisions.outcomes.items()):
        decisions.add_metric([outcome], count)
    yield decisions
    yield CounterMetricFamily("minhos_trades", "Closed trades.", len(views.performance.trades))
    yield CounterMetricFamily("minhos_events", "Events of the journal.", views.sequence)
