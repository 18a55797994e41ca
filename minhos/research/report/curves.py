"""Running results by trade date with the band that other orders of the same days would have given, and by month.

The band resamples whole trade dates in stretches (stationary bootstrap, Politis & Romano 1994), so it keeps what days
share and says how far luck alone spreads; it is no forecast.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from minhos import words
from minhos.research.backtest import BacktestResult, daily_returns
from minhos.research.measures.edge import daily_net_r
from minhos.research.out_of_sample import Floats, Ints, Signals
from minhos.research.report.values import Curve, Month, TradeRow
from minhos.research.sizing_lab.bootstrap import drawn_dates
from minhos.research.sizing_lab.contract_figures import closed_dates
from minhos.trading.events import TradeClosed

REPS = 1_000
BAND = (0.05, 0.95)
MINIMUM_DATES = 5
RUIN = -0.999999
"""Return of a date on which everything was lost, as far as a logarithm goes."""


def shadow_curve(signals: Signals) -> Curve:
    """Net R of the shadow book, summed up."""
    dates, daily = daily_net_r(signals)
    total = np.cumsum(daily)
    peak = np.maximum(np.maximum.accumulate(total), 0.0)
    low, high = _band(daily)
    return _curve(dates, total, peak - total, low, high)


def equity_curve(result: BacktestResult) -> Curve:
    """Equity in dollars at the end of each trade date."""
    start = result.initial_cash_cents / 100.0
    dates = np.unique(result.trade_date[result.trade_date > 0])
    returns = daily_returns(result)
    growth = np.asarray(np.log1p(np.maximum(returns, RUIN)), dtype=np.float64)
    equity = start * np.asarray(np.cumprod(1.0 + returns), dtype=np.float64)
    peak = np.maximum(np.maximum.accumulate(equity), start)
    low, high = _band(growth)
    return _curve(dates, equity, 1.0 - equity / peak, start * np.exp(low), start * np.exp(high))


def months(result: BacktestResult, curve: Curve) -> tuple[Month, ...]:
    """By calendar month of the trade dates, oldest first; a trade counts on the trade date on which it was closed."""
    dates, equity = np.array(curve.trade_dates), np.array(curve.values)
    before = np.concatenate([[result.initial_cash_cents / 100.0], equity[:-1]])
    closed = Counter((closed_dates(result) // 100).tolist())
    found = []
    for month in np.unique(dates // 100).tolist():
        inside = np.flatnonzero(dates // 100 == month)
        first, last = before[inside[0]], equity[inside[-1]]
        found.append(
            Month(words.month(month), float(last / first - 1.0), float(last - first), closed[month], len(inside))
        )
    return tuple(found)


def trade_rows(result: BacktestResult) -> tuple[TradeRow, ...]:
    """Every trade, oldest first."""
    return tuple(_trade_row(closed) for closed in result.trades)


def _trade_row(closed: TradeClosed) -> TradeRow:
    trade = closed.trade
    return TradeRow(
        words.new_york(trade.opened_ns),
        words.new_york(trade.closed_ns),
        trade.symbol,
        "long" if trade.side > 0 else "short",
        trade.max_contracts,
        trade.pnl_cents / 100.0,
        trade.r or None,
        closed.p,
        closed.p_low,
        closed.break_even,
        closed.fraction,
        closed.bound,
        trade.exit_role.value,
    )


def _band(daily: Floats, seed: int = 0) -> tuple[Floats, Floats]:
    """5 % and 95 % quantiles of the running sum over resampled histories, shape (n,); NaN under five dates."""
    n = len(daily)
    if n < MINIMUM_DATES:
        return np.full(n, np.nan), np.full(n, np.nan)
    low, high = np.quantile(np.cumsum(daily[drawn_dates(n, REPS, seed)], axis=0), BAND, axis=1)
    return np.asarray(low), np.asarray(high)


def _curve(dates: Ints, values: Floats, drawdown: Floats, low: Floats, high: Floats) -> Curve:
    return Curve(tuple(dates.tolist()), tuple(values.tolist()), tuple(drawdown.tolist()), _known(low), _known(high))


def _known(values: Floats) -> tuple[float, ...]:
    """Empty where there is no band."""
    return tuple(values.tolist()) if np.isfinite(values).all() else ()
