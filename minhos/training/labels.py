"""What is forecast: the sign of open[t+2] - open[t+1], when it is known, and how much a bar counts in training.

A decision falls when bar t closes and fills at the open of t+1, so the bet lives from the close of t to the open of
t+2.  Evaluation never filters by the outcome; the weights here are for training alone.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.market.types import Bars

RANGE_OVER_SIGMA = math.sqrt(8.0 / math.pi)
"""Expected range of a Brownian path over its standard deviation (Parkinson 1980): turns an ATR into a volatility."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Labels(msgspec.Struct, frozen=True, eq=False):
    """One label a bar; every column has shape (n,).

    exists: the bet could be held: bars t, t+1 and t+2 follow each other in one session and one contract.
    up: 1.0 up, 0.0 down (0.0 where there is none).  move_ticks: open[t+2] - open[t+1], 0 where there is none.
    down_ticks, up_ticks: how far below and above its entry the bet went, as the entry bar's range shows; a stop that
    near is touched.  start_ns, end_ns: the bet's life, for purging.
    """

    exists: Mask
    up: Floats
    move_ticks: Floats
    down_ticks: Floats
    up_ticks: Floats
    start_ns: Ints
    end_ns: Ints

    @property
    def decided(self) -> Mask:
        """Bars that count for training and accuracy: the bet could be held and did not end in a tie."""
        found: Mask = self.exists & (self.move_ticks != 0)
        return found


def next_bar_labels(bars: Bars, trade_date: Ints) -> Labels:
    """Labels of every bar.  trade_date, shape (n,): as the calendar gives it, 0 for a bar outside every session."""
    n = len(bars)
    follows = (np.diff(bars.close_time_ns) == bars.interval_ns) & (np.diff(bars.contract) == 0)
    follows &= (np.diff(trade_date) == 0) & (trade_date[1:] > 0)
    exists = np.zeros(n, dtype=bool)
    move, down, up = np.zeros(n), np.zeros(n), np.zeros(n)
    if n > 2:
        exists[:-2] = follows[:-1] & follows[1:]
        entry = bars.open_ticks[1:-1]
        move[:-2] = np.where(exists[:-2], bars.open_ticks[2:] - entry, 0)
        down[:-2] = np.where(exists[:-2], entry - bars.low_ticks[1:-1], 0)
        up[:-2] = np.where(exists[:-2], bars.high_ticks[1:-1] - entry, 0)
    end_ns = bars.close_time_ns + bars.interval_ns
    return Labels(exists, (move > 0).astype(float), move, down, up, bars.close_time_ns, end_ns)


def training_weights(
    move_ticks: npt.ArrayLike, atr_ticks: npt.ArrayLike, *, clip: float = 3.0, dead_zone: float = 0.0
) -> Floats:
    """Weight of each bar in training: min(|move| / volatility, clip), mean one; zero inside the dead zone.

    dead_zone is in volatilities; volatility is ATR over the expected range of a Brownian bar.  Large moves carry more
    of the drift's sign than small ones.  Confidence learnt this way is corrected by calibration on all bars.
    """
    volatility = np.maximum(np.asarray(atr_ticks, dtype=float), 1.0) / RANGE_OVER_SIGMA
    size = np.abs(np.asarray(move_ticks, dtype=float)) / volatility
    weight = np.where(size >= dead_zone, np.minimum(size, clip), 0.0)
    mean = float(weight.mean()) if len(weight) else 0.0
    return weight / mean if mean > 0 else np.ones_like(weight)
