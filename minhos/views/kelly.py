"""The Kelly widget: what is recommended now, why that size, and how such bets have done."""

from __future__ import annotations

import dataclasses

from minhos.risk.statistics import ENOUGH_TRADES, win_statistics
from minhos.trading.types import Decision
from minhos.views.decisions import CapLine, DecisionLine, TraceStep, caps_of, trace_of
from minhos.views.performance import DayLine, EquityPoint, PerformanceSummary
from minhos.views.status import Status, state_of, status
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings
from minhos.views.training_report import TrainingReport
from minhos.views.values import View, in_dollars, iso, rounded


@dataclasses.dataclass(frozen=True)
class KellyRecommendation(View):
    """The newest recommendation; null where nothing was recommended yet.  `age_s` is in the market's time."""

    state: str
    mode: str
    banner: str
    service_status: str
    """State and sentence in one line."""
    kelly_fraction: float | None
    """Share of capital at risk that Kelly wants after every bound."""
    recommended_position: int | None
    """Signed contracts to hold, before risk limits."""
    allowed_position: int | None
    """Signed contracts to hold after risk limits."""
    win_probability: float | None
    """Calibrated probability of the forecast's side."""
    capital_at_risk: float | None
    """Share of equity that the recommended position puts at risk."""
    capital_at_risk_dollars: float | None
    model_agreement: float | None
    """Share of present members on the forecast's side."""
    last_update: str | None
    age_s: float | None
    symbol: str
    side: str
    probability_low: float | None
    break_even: float | None
    raw_score: float | None
    full_kelly: float | None
    """Kelly's fraction without any bound."""
    mean_r: float | None
    """Expected net result of one contract's bet at the lower bound, in R."""
    stop_distance_points: float | None
    risk_of_one_contract: float | None
    """R of one contract, in dollars."""
    bound: str
    """The bound that held the size."""
    slope_sentence: str
    """Contracts without and with the lower bound of the calibration's slope."""
    reason: str
    micro_contracts: int | None
    """Micros of equal risk where the full contract rounds to zero."""
    trace: tuple[TraceStep, ...]
    caps: tuple[CapLine, ...]
    members: dict[str, float]
    bundle_id: str


@dataclasses.dataclass(frozen=True)
class WinRates(View):
    """How often bets won.  Until ten own trades, the model's out-of-sample bets stand in, marked `bootstrap`."""

    source: str
    """own, bootstrap or none."""
    own_trades: int
    trades_needed: int
    trades: int
    win_rate: float | None
    low: float | None
    high: float | None
    payoff_ratio: float | None
    """Mean win over mean loss."""
    simulated: bool


@dataclasses.dataclass(frozen=True)
class KellyPerformance(View):
    """What the recommendations came to."""

    state: str
    mode: str
    banner: str
    summary: PerformanceSummary
    win_rates: WinRates
    by_day: tuple[DayLine, ...]
    equity_curve: tuple[EquityPoint, ...]


@dataclasses.dataclass(frozen=True)
class RecentRecommendations(View):
    """Newest first."""

    state: str
    mode: str
    banner: str
    recommendations: tuple[DecisionLine, ...]


@dataclasses.dataclass(frozen=True)
class DashboardData(View):
    """All that the page shows first, in one answer."""

    state: str
    mode: str
    banner: str
    status: Status
    recommendation: KellyRecommendation
    performance: PerformanceSummary
    win_rates: WinRates
    recent: tuple[DecisionLine, ...]


def recommendation(views: Views, around: Surroundings) -> KellyRecommendation:
    """The newest one that rests on a forecast, with its age."""
    now = status(views, around)
    decision = views.decisions.last_forecast
    wanted = decision.recommendation if decision else None
    forecast = decision.forecast if decision else None
    instrument = views.instruments.get(decision.symbol) if decision else None
    risk_cents = abs(wanted.target) * wanted.r_cents if wanted else None
    equity = decision.equity_cents if decision else 0
    close_ns = decision.close_time_ns if decision else 0
    age_s = around.age_s(close_ns, views.market.last_close_ns) if decision else None
    sides = {1: "long", -1: "short", 0: "none"}
    return KellyRecommendation(
        state=now.state,
        mode=now.mode,
        banner=now.banner,
        service_status=f"{now.state}: {now.reason}",
        kelly_fraction=rounded(wanted.fraction) if wanted else None,
        recommended_position=wanted.target if wanted else None,
        allowed_position=decision.target if decision else None,
        win_probability=rounded(forecast.p_side) if forecast else None,
        capital_at_risk=rounded(risk_cents / equity) if risk_cents is not None and equity > 0 else None,
        capital_at_risk_dollars=in_dollars(risk_cents) if risk_cents is not None else None,
        model_agreement=rounded(forecast.agreement) if forecast else None,
        last_update=iso(close_ns),
        age_s=rounded(max(0.0, age_s), 1) if age_s is not None else None,
        symbol=decision.symbol if decision else "",
        side=sides[forecast.side] if forecast else "",
        probability_low=rounded(forecast.p_low) if forecast else None,
        break_even=rounded(wanted.break_even) if wanted else None,
        raw_score=rounded(forecast.score) if forecast else None,
        full_kelly=rounded(wanted.kelly_full) if wanted else None,
        mean_r=rounded(wanted.mean_r) if wanted else None,
        stop_distance_points=rounded(instrument.to_points(wanted.stop_distance_ticks))
        if wanted and instrument
        else None,
        risk_of_one_contract=in_dollars(wanted.r_cents) if wanted else None,
        bound=wanted.bound if wanted else "",
        slope_sentence=slope_sentence(decision),
        reason=decision.reason if decision else now.reason,
        micro_contracts=wanted.micro_contracts or None if wanted else None,
        trace=trace_of(decision),
        caps=caps_of(decision),
        members={name: round(p, 6) for name, p in forecast.members.items()} if forecast else {},
        bundle_id=forecast.bundle_id if forecast else "",
    )


def slope_sentence(decision: Decision | None) -> str:
    """ "Without the slope bound (p_low): 2 contracts; with it: 0, because ..."."""
    if decision is None or decision.recommendation is None or decision.forecast is None:
        return ""
    wanted = decision.recommendation
    unit = "contract" if abs(wanted.without_p_low) == 1 else "contracts"
    reason = wanted.reason[:1].lower() + wanted.reason[1:]
    return (
        f"Without the slope bound (p_low): {abs(wanted.without_p_low)} {unit}; "
        f"with it: {abs(wanted.target)}, because {reason}"
    )


def win_rates(views: Views, around: Surroundings) -> WinRates:
    """Own trades from ten on; before that what the serving model's holdout came to."""
    own = views.performance.own_trades()
    model = views.trading.model
    report = around.report_on(model.bundle_id if model else "")
    if len(own) < ENOUGH_TRADES and report is not None:
        return _bootstrap(report, len(own))
    found = win_statistics(own)
    return WinRates(
        found.source,
        len(own),
        ENOUGH_TRADES,
        found.trades,
        rounded(found.win_rate),
        rounded(found.low),
        rounded(found.high),
        rounded(found.payoff_ratio),
        bool(model and model.simulated),
    )


def _bootstrap(report: TrainingReport, own_trades: int) -> WinRates:
    """From a training's report: the holdout's bars whose calibrated p beat break-even."""
    traded = report.lines.traded
    if traded is None or not traded.n or traded.accuracy is None:
        return WinRates("none", own_trades, ENOUGH_TRADES, 0, None, None, None, None, False)
    low, high = traded.interval or (None, None)
    return WinRates(
        "bootstrap",
        own_trades,
        ENOUGH_TRADES,
        traded.n,
        rounded(traded.accuracy),
        rounded(low),
        rounded(high),
        rounded(report.payoff.ratio),
        report.simulated,
    )


def performance(views: Views, around: Surroundings, points: int = 500) -> KellyPerformance:
    """Own trades, equity and days."""
    now = status(views, around)
    return KellyPerformance(
        now.state,
        now.mode,
        now.banner,
        views.performance.summary(),
        win_rates(views, around),
        tuple(views.performance.by_day()),
        tuple(views.performance.equity_curve(points)),
    )


def recent(views: Views, around: Surroundings, limit: int = 20) -> RecentRecommendations:
    """The newest recommendations that rest on a forecast."""
    now = status(views, around)
    lines = views.decisions.lines(limit, views.instruments, with_forecast=True)
    return RecentRecommendations(now.state, now.mode, now.banner, tuple(lines))


def dashboard(views: Views, around: Surroundings, limit: int = 20) -> DashboardData:
    """Everything that the page shows first."""
    now = status(views, around)
    return DashboardData(
        now.state,
        now.mode,
        now.banner,
        now,
        recommendation(views, around),
        views.performance.summary(),
        win_rates(views, around),
        tuple(views.decisions.lines(limit, views.instruments)),
    )


__all__ = ["dashboard", "performance", "recent", "recommendation", "slope_sentence", "state_of", "win_rates"]
