"""The decision: everything that was known, wanted, allowed and done at one bar's close."""

from __future__ import annotations

import enum

import msgspec

from minhos.accounting.types import Order
from minhos.features.types import MarketState
from minhos.models.forecast import Forecast
from minhos.risk.types import Verdict
from minhos.sizing.types import Recommendation


class Outcome(enum.StrEnum):
    """What a decision came to; there is one decision for every bar."""

    TRADE = "trade"
    HOLD = "hold"
    NO_TRADE = "no_trade"
    BLOCKED = "blocked"
    NO_FORECAST = "no_forecast"
    WARMING_UP = "warming_up"
    LATE = "late"
    MISSING_BAR = "missing_bar"
    MARKET_CLOSED = "market_closed"


class Decision(msgspec.Struct, frozen=True, gc=False):
    """One for every bar.  reason is one sentence that a trader understands; orders are what was sent."""

    symbol: str
    close_time_ns: int
    sequence: int
    outcome: Outcome
    reason: str
    position_before: int
    target: int
    orders: tuple[Order, ...] = ()
    close_ticks: int = 0
    equity_cents: int = 0
    anchor_time_ns: int = 0
    bundle_id: str = ""
    settings_id: str = ""
    forecast: Forecast | None = None
    state: MarketState | None = None
    recommendation: Recommendation | None = None
    verdict: Verdict | None = None
    unready: Outcome | None = None
    """Why there was no forecast to act on; None where there was one."""
