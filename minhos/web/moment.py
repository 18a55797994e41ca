"""All that the page shows at one moment, read from the views in one go."""

from __future__ import annotations

import dataclasses
from bisect import bisect_left, bisect_right
from itertools import islice

from minhos.accounting.types import Role
from minhos.market.types import NANOS_PER_SECOND
from minhos.views import kelly, ml
from minhos.views.decisions import DecisionLine
from minhos.views.health import ServiceHealth, service_health
from minhos.views.kelly import KellyRecommendation, WinRates
from minhos.views.ml import MlModels, MlPerformance
from minhos.views.orders import AccountLine, PositionLine
from minhos.views.performance import PerformanceSummary
from minhos.views.risk import RiskView
from minhos.views.status import Status, trading_status
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings
from minhos.views.values import iso
from minhos.web.api import risk_of

SENTENCES = 30
CANDLES = 150
EQUITY_POINTS = 300


@dataclasses.dataclass(frozen=True)
class Moment:
    """Values only; what is unknown is None."""

    status: Status
    recommendation: KellyRecommendation
    account: AccountLine | None
    positions: tuple[PositionLine, ...]
    summary: PerformanceSummary
    win_rates: WinRates
    risk: RiskView
    health: ServiceHealth
    ml: MlPerformance
    models: MlModels
    decisions: tuple[DecisionLine, ...]
    alerts: tuple[str, ...]
    trader_age_s: float | None


@dataclasses.dataclass(frozen=True)
class Candle:
    """One bar of the chart.  bought, sold: price of the newest fill in it; position: held after its decision."""

    close_ns: int
    label: str
    prices: tuple[float, float, float, float]
    """Open, close, low, high: the order that the chart wants."""
    position: int | None
    bought: float | None
    sold: float | None


def moment(views: Views, around: Surroundings) -> Moment:
    """Everything but the charts."""
    trading = trading_status(views, around)
    return Moment(
        status=trading.status,
        recommendation=kelly.recommendation(views, around),
        account=trading.account,
        positions=trading.positions,
        summary=views.performance.summary(),
        win_rates=kelly.win_rates(views, around),
        risk=risk_of(views, around),
        health=service_health(views, around),
        ml=ml.ml_performance(views, around),
        models=ml.ml_models(views, around),
        decisions=tuple(views.decisions.lines(SENTENCES, views.instruments)),
        alerts=tuple(f"{iso(time_ns) or ''} {text}".strip() for _, time_ns, text in islice(reversed(views.alerts), 3)),
        trader_age_s=around.trader_age_s,
    )


def candles(views: Views, after_ns: int = 0) -> list[Candle]:
    """The newest bars that closed after that time, oldest first."""
    instrument = views.instrument
    bars = [bar for bar in list(views.market.bars)[-CANDLES:] if bar.close_time_ns > after_ns]
    if instrument is None or not bars:
        return []
    closes = [bar.close_time_ns for bar in bars]
    held = {
        made.decision.close_time_ns: made.decision.target
        for _, made in islice(reversed(views.decisions.recent), CANDLES)
    }
    bought: dict[int, float] = {}
    sold: dict[int, float] = {}
    for _, fill in islice(reversed(views.market.fills), 2 * CANDLES):
        # an entry fills at its bar's open, a stop within its bar
        i = (bisect_left if fill.role is Role.STOP else bisect_right)(closes, fill.time_ns)
        if i < len(bars) and fill.time_ns >= bars[i].open_time_ns:
            (bought if fill.side > 0 else sold).setdefault(i, round(instrument.to_points(fill.price_ticks), 6))
    found = []
    for i, bar in enumerate(bars):
        ticks = (bar.open_ticks, bar.close_ticks, bar.low_ticks, bar.high_ticks)
        open_, close, low, high = (round(instrument.to_points(value), 6) for value in ticks)
        found.append(
            Candle(
                bar.close_time_ns,
                label(bar.close_time_ns),
                (open_, close, low, high),
                held.get(bar.close_time_ns),
                bought.get(i),
                sold.get(i),
            )
        )
    return found


def equity(views: Views, after_ns: int = 0) -> list[tuple[int, str, float]]:
    """Time, label and dollars, oldest first; thinned where it is the whole curve, complete after a time."""
    points = list(views.performance.points)
    if after_ns:
        points = [point for point in points[-EQUITY_POINTS:] if point[0] > after_ns]
    step = max(1, -(-len(points) // EQUITY_POINTS))
    return [(time_ns, label(time_ns), round(cents / 100, 2)) for time_ns, cents, _ in points[::-1][::step][::-1]]


def label(time_ns: int) -> str:
    """Day and time in UTC, short: "06 13:35"."""
    text = iso(time_ns - time_ns % NANOS_PER_SECOND) or ""
    return f"{text[8:10]} {text[11:16]}" if text else ""
