"""Is an accuracy more than luck?  Permute whole trade dates and see how often chance does as well.

A permutation pairs the forecasts of one trade date with the moves of another, bar by bar at the same time of day.  It
keeps what bars of one date share and how often each side moves, and breaks only the tie between forecast and move.
Not for money: a direction that can be told from chance may still lose its costs.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from minhos.errors import NotEnoughData

MINIMUM_DATES = 6
"""6! = 720 orders: fewer could not give a p-value of 1 %."""


def day_permutation_p_value(
    said: npt.ArrayLike,
    moved: npt.ArrayLike,
    trade_date: npt.ArrayLike,
    slot: npt.ArrayLike,
    *,
    reps: int = 5000,
    seed: int = 0,
) -> float:
    """One-sided p-value of the accuracy under exchangeable trade dates, in (0, 1].

    said, moved: shape (n,), +1 or -1, 0 where there is no forecast or no move.  trade_date, slot: shape (n,), the
    date and the time of day of each bar (any numbers; one bar a date and slot).  The order observed counts as one of
    the permutations (Phipson & Smyth 2010).  Raises NotEnoughData under six trade dates.
    """
    dates, day = np.unique(np.asarray(trade_date), return_inverse=True)
    if len(dates) < MINIMUM_DATES:
        raise NotEnoughData(f"{len(dates)} trade dates; permuting them needs {MINIMUM_DATES}")
    slots, column = np.unique(np.asarray(slot), return_inverse=True)
    forecast, outcome = np.zeros((2, len(dates), len(slots)))
    forecast[day, column], outcome[day, column] = said, moved
    agreement, counted = forecast @ outcome.T, np.abs(forecast) @ np.abs(outcome).T
    own = np.arange(len(dates))
    observed = _share(agreement[own, own].sum(), counted[own, own].sum())
    rng = np.random.default_rng(seed)
    orders = rng.permuted(np.tile(own, (reps, 1)), axis=1)
    shares = [_share(agreement[own, order].sum(), counted[own, order].sum()) for order in orders]
    return float((1 + sum(share >= observed - 1e-12 for share in shares)) / (1 + reps))


def _share(agreed: float, counted: float) -> float:
    """Agreements less disagreements a bar; minus infinity where no bar has both."""
    return agreed / counted if counted else -math.inf
