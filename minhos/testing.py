"""Builders that let tests read short: bars, forecasts, accounts.  Shipped so that users' own parts can be tested.

Not for production code.  Every value here is made up; times are UTC nanoseconds on a 5-minute grid.
"""

from __future__ import annotations

import datetime as dt

import numpy as np

from minhos.accounting.types import Account, Lot, Position
from minhos.features.types import MarketState
from minhos.market.types import BAR_INTERVAL_NS, NANOS_PER_SECOND, Bar, Bars, Instrument
from minhos.models.forecast import Forecast
from minhos.models.payoff import Payoff

NQ = Instrument("NQ", "E-mini Nasdaq-100", 0.25, 500, day_margin_cents=100_000, overnight_margin_cents=3_000_000)
MNQ = Instrument("MNQ", "Micro E-mini Nasdaq-100", 0.25, 50, commission_cents=65, day_margin_cents=10_000)


def ns(text: str) -> int:
    """ISO 8601 to UTC nanoseconds; text without an offset is UTC."""
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return int(moment.timestamp()) * NANOS_PER_SECOND


MONDAY_OPEN = ns("2025-10-06T09:30:00-04:00")
"""A Monday 09:30 in New York."""


def bar(i: int, open_: int, high: int, low: int, close: int, *, symbol: str = "NQZ25", volume: int = 1000) -> Bar:
    """The i-th 5-minute bar after a Monday's open, prices in ticks."""
    return Bar(symbol, MONDAY_OPEN + (i + 1) * BAR_INTERVAL_NS, open_, high, low, close, volume)


def random_bars(n: int, *, seed: int = 0, start: int = 80_000, step: float = 20.0, symbol: str = "NQZ25") -> Bars:
    """A random walk on the tick grid, consecutive bars without calendar gaps."""
    rng = np.random.default_rng(seed)
    moves = np.rint(rng.normal(0, step, n)).astype(int)
    bars, price = [], start
    for i, move in enumerate(moves.tolist()):
        close = price + move
        up, down = (int(x) for x in np.rint(np.abs(rng.normal(0, step / 2, 2))))
        bars.append(bar(i, price, max(price, close) + up, min(price, close) - down, close, symbol=symbol,
                        volume=int(rng.integers(500, 5000))))  # fmt: skip
        price = close
    return Bars.from_bars(NQ, bars)


def forecast(p_up: float = 0.65, *, p_low: float | None = None, agreement: float = 1.0, members: int = 5,
             symbol: str = "NQZ25", close_time_ns: int = MONDAY_OPEN) -> Forecast:  # fmt: skip
    """A forecast whose members all say p_up; p_low is the side's, equal to the side's p unless given."""
    side = (p_up > 0.5) - (p_up < 0.5)
    names = ("lstm", "xgboost", "lightgbm", "catboost", "random_forest")[:members]
    return Forecast(symbol, close_time_ns, dict.fromkeys(names, p_up), p_up, p_up,
                    max(p_up, 1 - p_up) if p_low is None else p_low, side, agreement, "bundle-test")  # fmt: skip


def market_state(atr_ticks: float = 40.0, *, symbol: str = "NQZ25", close_ticks: int = 80_000,
                 close_time_ns: int = MONDAY_OPEN) -> MarketState:  # fmt: skip
    """Calm market: ATR 40 ticks (10 NQ points)."""
    return MarketState(symbol, close_time_ns, close_ticks, atr_ticks)


def payoff() -> Payoff:
    """A symmetric payoff: right and wrong bars move 0.2 to 1.8 ATR."""
    moves = tuple(round(0.2 * k, 10) for k in range(1, 10))
    return Payoff(right=moves, wrong=tuple(-m for m in moves), n_right=1000, n_wrong=1000)


def account(equity_cents: int = 10_000_000, *, day_pnl_cents: int = 0, contracts: int = 0, symbol: str = "NQZ25",
            instrument: Instrument = NQ, price_ticks: int = 80_000, stop_distance: int = 120) -> Account:  # fmt: skip
    """An account that is flat, or holds one lot of that many contracts entered at the last price."""
    positions: tuple[Position, ...] = ()
    stop_risk = 0
    if contracts:
        side = 1 if contracts > 0 else -1
        lot = Lot("entry", side, abs(contracts), price_ticks, MONDAY_OPEN, "stop", price_ticks - side * stop_distance)
        positions = (Position(symbol, (lot,)),)
        stop_risk = abs(contracts) * stop_distance * instrument.tick_value_cents
    start = equity_cents - day_pnl_cents
    return Account(equity_cents, equity_cents, start, max(start, equity_cents), 20251006, day_pnl_cents,
                   stop_risk_cents=stop_risk, positions=positions, last_ticks={symbol: price_ticks},
                   instruments={symbol: instrument})  # fmt: skip
