"""Fractions become wealth: bets follow one another, the day's limit stops them, and days can be put together again.

Wealth multiplies by 1 + f x on each bet (x: net R).  A trade date is reduced to four numbers of its path, from which
drawdown and lowest wealth of any sequence of whole days follow exactly; that makes resampling cheap.  Not for choosing
fractions (`policies`) or whole contracts (`contracts`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from minhos.errors import NotEnoughData
from minhos.research.out_of_sample import Floats, Ints, Signals

_ROUNDING = 1e-12
"""A day's loss this close to the limit has reached it."""


class DayGrid(msgspec.Struct, frozen=True, eq=False):
    """Where each bar lies in its trade date.

    trade_date: (D,), ascending.  day, place: (n,), index of the bar's date, and of the bar within it.
    """

    trade_date: Ints
    day: Ints
    place: Ints

    @property
    def n_days(self) -> int:
        return len(self.trade_date)

    def laid_out(self, values: Floats) -> Floats:
        """Values (..., n) by day and place, (..., D, most bars of a date); zeros fill the shorter dates."""
        width = int(self.place.max()) + 1
        grid = np.zeros((*values.shape[:-1], self.n_days, width))
        grid[..., self.day, self.place] = values
        return grid

    def in_line(self, grid: Floats) -> Floats:
        """The inverse of `laid_out`."""
        return np.asarray(grid[..., self.day, self.place])


def day_grid(trade_date: Ints) -> DayGrid:
    """The grid of bars in order of time.  Raises NotEnoughData without a bar."""
    if len(trade_date) == 0:
        raise NotEnoughData("There is no bar out of sample to size; use a longer history.")
    dates, first, day = np.unique(trade_date, return_index=True, return_inverse=True)
    return DayGrid(dates, day, np.arange(len(trade_date)) - first[day])


class DayPaths(msgspec.Struct, frozen=True, eq=False):
    """Each trade date of P policies in four numbers of log wealth since its start; shape (P, D) each.

    total: at the end.  lowest: at most 0.  highest: at least 0.  drawdown: largest fall from a peak of the date.
    """

    total: Floats
    lowest: Floats
    highest: Floats
    drawdown: Floats

    def rows(self, which: Sequence[int]) -> DayPaths:
        """Those policies alone."""
        chosen = list(which)
        return DayPaths(self.total[chosen], self.lowest[chosen], self.highest[chosen], self.drawdown[chosen])

    @property
    def returns(self) -> Floats:
        """Simple return of each date, (P, D)."""
        return np.asarray(np.expm1(self.total))


class Played(msgspec.Struct, frozen=True, eq=False):
    """P policies on the same bars.  fraction: really at risk, (P, n).  growth: of log wealth, (P, n)."""

    fraction: Floats
    growth: Floats
    days: DayPaths


def play(
    wanted: Floats, net_r: Floats, grid: DayGrid, daily_loss_limit: float, budget_share: Sequence[float]
) -> Played:
    """Bet what is wanted until the date's loss reaches the limit; then nothing more on that date, as live.

    wanted: fraction of wealth at risk, (P, n), 0 for no bet.  net_r: what R became, (n,).  daily_loss_limit: share of
    wealth at the date's start.  budget_share: for each policy, the share of what the limit still leaves that one bet
    may risk; infinity for a policy that does not look at it.
    """
    asked, outcome = grid.laid_out(wanted), grid.laid_out(net_r)
    share = np.asarray(budget_share, dtype=float)[:, None]
    wealth = np.ones(asked.shape[:2])
    with np.errstate(divide="ignore", invalid="ignore"):
        for place in range(asked.shape[2]):
            room = daily_loss_limit + wealth - 1.0
            allowed = np.where(room > _ROUNDING, share * room / wealth, 0.0)
            asked[:, :, place] = np.minimum(asked[:, :, place], allowed)
            wealth *= 1.0 + asked[:, :, place] * outcome[:, place]
        growth = np.log1p(asked * outcome)
    return Played(grid.in_line(asked), grid.in_line(growth), _paths(growth))


def day_paths(growth: Floats, grid: DayGrid) -> DayPaths:
    """The four numbers of each date from changes of log wealth, (P, n)."""
    return _paths(grid.laid_out(growth))


def _paths(growth: Floats) -> DayPaths:
    wealth = np.cumsum(growth, axis=2)
    peak = np.maximum(np.maximum.accumulate(wealth, axis=2), 0.0)
    return DayPaths(wealth[:, :, -1], np.minimum(wealth.min(axis=2), 0.0), peak[:, :, -1], (peak - wealth).max(axis=2))


def budget_share(half_of_remaining: bool, looks_at_it: bool) -> float:
    """For `play`: what one bet may take of the day's remaining budget."""
    if not looks_at_it:
        return math.inf
    return 0.5 if half_of_remaining else 1.0


def flipped(signals: Signals, bets: Ints, lower_by: float, rng: np.random.Generator) -> Floats:
    """net_r, shape (n,), where right bets turn wrong so often that their hit rate falls by `lower_by`.

    bets: rows that are bet on.  A flipped bet loses the size of its move, at most to the stop, and the cost; one that
    the stop had ended stays as it was.  Nothing is flipped where no bet was right.
    """
    net_r = signals.net_r.copy()
    right = bets[(signals.side * signals.move_ticks)[bets] > 0]
    if len(right) == 0:
        return net_r
    decided = int(signals.decided[bets].sum())
    turned = right[rng.random(len(right)) < min(1.0, lower_by * decided / len(right))]
    stop, cost = signals.stop_ticks[turned], signals.cost_ticks
    lost = (np.maximum(-np.abs(signals.move_ticks[turned]), -stop) - cost) / (stop + cost)
    net_r[turned] = np.minimum(net_r[turned], lost)
    return net_r
