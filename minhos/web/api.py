"""The REST endpoints that answer questions.  A GET reads what is stored; nothing here forecasts or trades."""

from __future__ import annotations

import csv
import dataclasses
import io
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

import minhos
from minhos.assembly.live_views import LiveViews
from minhos.views import checklist as checks
from minhos.views import health, kelly, ml
from minhos.views.checklist import Checklist
from minhos.views.decisions import DecisionLine
from minhos.views.health import ServiceHealth
from minhos.views.kelly import DashboardData, KellyPerformance, KellyRecommendation, RecentRecommendations
from minhos.views.market import BarLine, FillLine, MarketStatus
from minhos.views.ml import MlCalibration, MlModels, MlPerformance, MlPredictions
from minhos.views.orders import OrderLine, PositionLine, order_lines, position_lines
from minhos.views.performance import TradeLine
from minhos.views.risk import RiskView, risk_view
from minhos.views.status import TradingStatus, banner_of, mode_of, state_of, trading_status
from minhos.views.store import Views
from minhos.views.surroundings import Surroundings
from minhos.web.problems import responses

Limit = Annotated[int, Query(ge=1, le=2_000, description="How many, newest first.")]


class Csv(PlainTextResponse):
    """A table as text."""

    media_type = "text/csv"


class Head(BaseModel):
    """What stands over every list."""

    state: str
    mode: str
    banner: str


class Positions(Head):
    """Open positions."""

    positions: list[PositionLine]


class Orders(Head):
    """Open orders, then those of the trade date that are done, and the newest fills."""

    orders: list[OrderLine]
    fills: list[FillLine]


class Trades(Head):
    """Closed trades, newest first."""

    trades: list[TradeLine]


class DecisionLines(Head):
    """One line a bar, newest first."""

    decisions: list[DecisionLine]


class RiskStatus(Head):
    """Level, stops, limits and evidence."""

    risk: RiskView


class Bars(Head):
    """Bars, oldest first."""

    bars: list[BarLine]


class MarketState(Head):
    """Market and feed."""

    market: MarketStatus


class Pong(BaseModel):
    """The web process answers."""

    status: Literal["pong"] = "pong"


class Version(BaseModel):
    """What runs here."""

    version: str
    api: int


def routes(live: LiveViews) -> APIRouter:
    """All GET endpoints under /api."""
    router = APIRouter(prefix="/api", responses=responses(422))
    _kelly(router, live)
    _ml(router, live)
    _trading(router, live)
    _other(router, live)
    return router


def _head(views: Views, around: Surroundings) -> dict[str, str]:
    mode = mode_of(views, around)
    return {"state": state_of(views, around)[0], "mode": mode, "banner": banner_of(mode, around.ceiling)}


def _kelly(router: APIRouter, live: LiveViews) -> None:
    @router.get("/kelly/current-recommendation", tags=["kelly"])
    def current_recommendation() -> KellyRecommendation:
        """The newest recommendation, why that size, and its age."""
        return live.read(kelly.recommendation)

    @router.get("/kelly/performance-metrics", tags=["kelly"])
    def performance_metrics(points: Annotated[int, Query(ge=1, le=5_000)] = 500) -> KellyPerformance:
        """Own trades, days, the equity curve, and how often such bets win."""
        return live.read(lambda views, around: kelly.performance(views, around, points))

    @router.get("/kelly/service-health", tags=["kelly"])
    def service_health() -> ServiceHealth:
        """Is everything there, and does it answer?"""
        return live.read(health.service_health)

    @router.get("/kelly/recent-recommendations", tags=["kelly"])
    def recent_recommendations(limit: Limit = 20) -> RecentRecommendations:
        """The newest recommendations."""
        return live.read(lambda views, around: kelly.recent(views, around, limit))

    @router.get("/kelly/dashboard-data", tags=["kelly"])
    def dashboard_data(limit: Limit = 20) -> DashboardData:
        """All that the page shows first, in one answer."""
        return live.read(lambda views, around: kelly.dashboard(views, around, limit))


def _ml(router: APIRouter, live: LiveViews) -> None:
    @router.get("/ml/performance", tags=["ml"])
    def performance() -> MlPerformance:
        """Forecasts scored when their label arrived, beside interval, majority and break-even."""
        return live.read(ml.ml_performance)

    @router.get("/ml/models", tags=["ml"])
    def models() -> MlModels:
        """All bundles, newest first."""
        return live.read(ml.ml_models)

    @router.get("/ml/predictions", tags=["ml"])
    def predictions(limit: Limit = 50) -> MlPredictions:
        """The newest forecasts, with each member's answer."""
        return live.read(lambda views, around: ml.ml_predictions(views, around, limit))

    @router.get("/ml/calibration", tags=["ml"])
    def calibration() -> MlCalibration:
        """Do the probabilities mean what they say?"""
        return live.read(ml.ml_calibration)


def _trading(router: APIRouter, live: LiveViews) -> None:
    @router.get("/trading/status", tags=["trading"])
    def status() -> TradingStatus:
        """State, account and positions."""
        return live.read(trading_status)

    @router.get("/trading/positions", tags=["trading"])
    def positions() -> Positions:
        """Open positions with their lots and stops."""
        return live.read(lambda v, a: Positions(**_head(v, a), positions=position_lines(v.trading.ledger.account())))

    @router.get("/trading/orders", tags=["trading"])
    def orders(limit: Limit = 100) -> Orders:
        """Our orders and the newest fills."""
        return live.read(
            lambda v, a: Orders(
                **_head(v, a),
                orders=order_lines(v.trading.book, v.instruments, limit),
                fills=v.market.fill_lines(limit, v.instruments),
            )
        )

    @router.get("/trading/trades", tags=["trading"])
    def trades(limit: Limit = 100) -> Trades:
        """Closed trades with all that their first decision knew."""
        return live.read(lambda v, a: Trades(**_head(v, a), trades=v.performance.trade_lines(limit, v.instruments)))

    @router.get("/trading/trades.csv", tags=["trading"], response_class=Csv)
    def trades_csv() -> Csv:
        """All closed trades as a table, oldest first."""
        lines = live.read(lambda v, _: v.performance.trade_lines(len(v.performance.trades), v.instruments))
        return Csv(as_csv(lines[::-1]))

    @router.get("/trading/decisions", tags=["trading"])
    def decisions(limit: Limit = 100) -> DecisionLines:
        """What was decided at each bar, and why, in one sentence."""
        return live.read(lambda v, a: DecisionLines(**_head(v, a), decisions=v.decisions.lines(limit, v.instruments)))


def _other(router: APIRouter, live: LiveViews) -> None:
    @router.get("/risk/status", tags=["risk"])
    def risk_status() -> RiskStatus:
        """The level and why, what is stopped, which limits bind, what is proven."""
        return live.read(lambda v, a: RiskStatus(**_head(v, a), risk=risk_of(v, a)))

    @router.get("/market/bars", tags=["market"])
    def bars(limit: Limit = 300) -> Bars:
        """The newest bars."""
        return live.read(lambda v, a: Bars(**_head(v, a), bars=v.market.bar_lines(limit, v.instrument)))

    @router.get("/market/status", tags=["market"])
    def market_status() -> MarketState:
        """Is the market open, and does the feed deliver?"""
        return live.read(lambda v, a: MarketState(**_head(v, a), market=v.market.status(v.instrument, a)))

    @router.get("/checklist", tags=["other"])
    def checklist() -> Checklist:
        """Everything that was asked for: met, not met, or not known here."""
        return live.read(checks.checklist)

    @router.get("/ping", tags=["other"])
    def ping() -> Pong:
        """Does the web process answer?  Needs no sign-in."""
        return Pong()

    @router.get("/version", tags=["other"])
    def version() -> Version:
        """The version of MinhOS and of this interface."""
        return Version(version=minhos.__version__, api=1)


def risk_of(views: Views, around: Surroundings) -> RiskView:
    """The risk view of this moment."""
    return risk_view(
        views.trading.risk,
        views.trading.ledger.account(),
        views.settings.risk if views.settings else None,
        views.last,
        views.bound,
        views.calendar,
        around.market_now_ns(views.market.last_close_ns),
        mode_of(views, around),
    )


def as_csv(lines: list[TradeLine]) -> str:
    """A header and one row a trade."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [field.name for field in dataclasses.fields(TradeLine)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(line) for line in lines)
    return out.getvalue()
