"""How often trades win, for display only: nothing here sizes or limits anything.

Until ten trades of our own are closed, out-of-sample trades of the backtest stand in, marked `bootstrap`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from minhos.accounting.types import Trade
from minhos.stats.intervals import wilson_interval

ENOUGH_TRADES = 10


class WinStatistics(msgspec.Struct, frozen=True):
    """Wins, losses and what they were worth.

    own_trades: closed trades of our own, also where they are too few to be shown.  win_rate with its 95 % Wilson
    interval [low, high].  payoff_ratio: mean win over mean loss.  What is not known is NaN.
    """

    source: Literal["own", "bootstrap", "none"]
    own_trades: int
    trades: int
    wins: int
    win_rate: float
    low: float
    high: float
    mean_win_cents: float
    mean_loss_cents: float
    payoff_ratio: float


def win_statistics(own: Sequence[Trade], out_of_sample: Sequence[Trade] = ()) -> WinStatistics:
    """Statistics of our own trades, or of the backtest's out-of-sample ones while there are fewer than ten."""
    if len(own) >= ENOUGH_TRADES:
        return _of(own, "own", len(own))
    return _of(out_of_sample, "bootstrap" if out_of_sample else "none", len(own))


def _of(trades: Sequence[Trade], source: Literal["own", "bootstrap", "none"], own_trades: int) -> WinStatistics:
    wins = [trade.pnl_cents for trade in trades if trade.pnl_cents > 0]
    losses = [-trade.pnl_cents for trade in trades if trade.pnl_cents < 0]
    interval = wilson_interval(len(wins), len(trades))
    mean_win, mean_loss = _mean(wins), _mean(losses)
    return WinStatistics(
        source,
        own_trades,
        len(trades),
        len(wins),
        win_rate=len(wins) / len(trades) if trades else math.nan,
        low=interval.low,
        high=interval.high,
        mean_win_cents=mean_win,
        mean_loss_cents=mean_loss,
        payoff_ratio=mean_win / mean_loss if losses else math.nan,
    )


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values) if values else math.nan
