"""Who is better than whom, on the same drawn histories, and whether it is more than smaller size.

In either unit: a run is cut at its trade dates, and both policies meet the same resampled dates, so differences are
paired.  Where the 95 % interval covers zero the verdict is "no significant difference".  Not for single runs: their
intervals are in `stats.intervals`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec
import numpy as np

from minhos.research.luck.deflation import SESSIONS_A_YEAR
from minhos.research.out_of_sample import Floats, Ints
from minhos.research.sizing_lab.bootstrap import (
    BLOCKS,
    Histories,
    annual,
    drawn_dates,
    histories,
    interval_of,
    observed,
)
from minhos.research.sizing_lab.days import DayGrid, DayPaths, play
from minhos.stats import finite, sharpe_difference

Verdict = Literal["better", "worse", "no significant difference", "unknown"]
DATES_OF_A_TEST = 20
"""Below, the p-value of a difference of Sharpe ratios is none."""
MOST_LAGS = 5
PATHS = 2_000
ENOUGH_DATES = 5
"""Below, the same few dates would be drawn over and over and no interval is given."""
_MOSTLY = 0.9
"""Share of the resamples in which a figure must be defined for an interval of it."""
_BISECTIONS = 24
_CLOSE_ENOUGH = 1e-3


class Difference(msgspec.Struct, frozen=True):
    """value: the first policy's figure less the second's, on the history as it was.  interval: 95 %, paired.

    gain: value over the size of the second's figure; None where that is zero.
    """

    value: float | None
    interval: tuple[float, float] | None
    gain: float | None
    verdict: Verdict


UNKNOWN = Difference(None, None, None, "unknown")


class Comparison(msgspec.Struct, frozen=True):
    """`policy` against another.  against: its name, or what the fixed fraction was made equal to.

    against_fraction: of a fixed fraction, None for a policy that varies.  growth: of log wealth a year.  sharpe_ratio:
    of returns by trade date, annual; sharpe_p_value: of no difference (Ledoit & Wolf 2008), two-sided; None
    under 20 trade dates.  max_drawdown: share of a peak; smaller is better.
    """

    policy: str
    against: str
    against_fraction: float | None
    growth: Difference
    sharpe_ratio: Difference
    max_drawdown: Difference
    sharpe_p_value: float | None


class Days(NamedTuple):
    """A run by trade date.  paths: of log wealth, one row.  closed, won: its trades, or bets in fractions, (D,)."""

    paths: DayPaths
    closed: Ints
    won: Ints


class Resampled(NamedTuple):
    """Figures of each resample, shape (paths,); NaN where one is not defined.  Ratio and volatility are annual."""

    sharpe_ratio: Floats
    max_drawdown: Floats
    volatility: Floats
    win_rate: Floats
    daily_return: Floats


SMALLER_IS_BETTER = frozenset({"max_drawdown", "volatility"})


class Side(msgspec.Struct, frozen=True, eq=False):
    """One party of a comparison: its days (one row), its history as it was and its drawn ones."""

    name: str
    days: DayPaths
    real: Histories
    drawn: Histories
    fraction: float | None = None


def compare(first: Side, second: Side) -> Comparison:
    """First against second; both on the same dates."""
    a, b = first, second
    n_dates = a.days.total.shape[1]
    years, p_value = n_dates / SESSIONS_A_YEAR, None
    if n_dates >= DATES_OF_A_TEST:
        lags = min(MOST_LAGS, n_dates // BLOCKS)
        p_value = finite(sharpe_difference(a.days.returns[0], b.days.returns[0], lags).p_value)
    return Comparison(
        a.name,
        b.name,
        b.fraction,
        growth=difference(
            a.real.growth[0] / years,
            b.real.growth[0] / years,
            a.drawn.growth[0] / years,
            b.drawn.growth[0] / years,
            n_dates=n_dates,
        ),
        sharpe_ratio=difference(
            annual(a.real.sharpe_ratio[0]),
            annual(b.real.sharpe_ratio[0]),
            annual(a.drawn.sharpe_ratio[0]),
            annual(b.drawn.sharpe_ratio[0]),
            n_dates=n_dates,
        ),
        max_drawdown=difference(
            a.real.drawdown[0],
            b.real.drawdown[0],
            a.drawn.drawdown[0],
            b.drawn.drawdown[0],
            n_dates=n_dates,
            smaller_is_better=True,
        ),
        sharpe_p_value=p_value,
    )


def difference(
    real: Floats,
    other_real: Floats,
    drawn: Floats,
    other_drawn: Floats,
    *,
    n_dates: int,
    smaller_is_better: bool = False,
) -> Difference:
    """The difference of one figure: as it was, shape (1,), and drawn, shape (paths,), from 3 dates or more."""
    with np.errstate(invalid="ignore"):
        value, interval = finite(float(real[0] - other_real[0])), interval_of(drawn - other_drawn, n_dates)
    if value is None or interval is None:
        return Difference(value, interval, None, "unknown")
    gain = value / abs(float(other_real[0])) if other_real[0] != 0.0 else None
    low, high = interval
    if low <= 0.0 <= high:
        return Difference(value, interval, gain, "no significant difference")
    return Difference(value, interval, gain, "better" if (low > 0.0) != smaller_is_better else "worse")


def paired_difference(first: Days, second: Days, name: str, seed: int = 0) -> Difference:
    """A figure (a field of `Resampled`) of the first run less that of the second, over the same trade dates.

    Raises ValueError where the runs have not the same number of dates.
    """
    n = len(first.closed)
    if len(second.closed) != n:
        raise ValueError(f"the runs have {n} and {len(second.closed)} trade dates; they must be the same")
    if n < 2:
        return UNKNOWN
    sides, in_order = (first, second), np.arange(n)[:, None]
    real = [getattr(figures_of_days(days, in_order), name) for days in sides]
    value = float(real[0][0] - real[1][0])
    known = msgspec.structs.replace(UNKNOWN, value=finite(value))
    if n < ENOUGH_DATES or known.value is None:
        return known
    dates = drawn_dates(n, PATHS, seed)
    drawn = [getattr(figures_of_days(days, dates), name) for days in sides]
    defined = np.isfinite(drawn[0]) & np.isfinite(drawn[1])
    if defined.mean() < _MOSTLY:
        return known
    smaller = name in SMALLER_IS_BETTER
    return difference(real[0], real[1], drawn[0][defined], drawn[1][defined], n_dates=n, smaller_is_better=smaller)


def figures_of_days(days: Days, dates: Ints) -> Resampled:
    """Figures of one run on each resample.  dates: (n, paths)."""
    found = histories(days.paths, dates)
    daily = days.paths.returns[0][dates]
    return Resampled(
        annual(found.sharpe_ratio[0]),
        found.drawdown[0],
        annual(daily.std(axis=0, ddof=1)),
        _ratio(days.won[dates].sum(axis=0), days.closed[dates].sum(axis=0)),
        daily.mean(axis=0),
    )


def _ratio(above: Ints, below: Ints) -> Floats:
    """NaN where there is nothing to divide by."""
    return np.asarray(np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0))


def fixed_side(
    name: str, fraction: float, bets: Ints, net_r: Floats, grid: DayGrid, daily_loss_limit: float, dates: Ints
) -> Side:
    """A fixed fraction on those bars, with its histories of those dates."""
    days = _fixed_days(fraction, bets, net_r, grid, daily_loss_limit)
    return Side(name, days, observed(days), histories(days, dates), fraction)


def fraction_of_equal_drawdown(
    median_drawdown: float, bets: Ints, net_r: Floats, grid: DayGrid, daily_loss_limit: float, dates: Ints
) -> float:
    """The fixed fraction on those bars whose median drawdown over those dates is `median_drawdown`, by bisection.

    At most 1, where even that falls less.
    """
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        days = _fixed_days(middle, bets, net_r, grid, daily_loss_limit)
        found = float(np.median(histories(days, dates).drawdown[0]))
        if found > median_drawdown:
            high = middle
        else:
            low = middle
        if high - low <= _CLOSE_ENOUGH * high:
            break
    return low


def _fixed_days(fraction: float, bets: Ints, net_r: Floats, grid: DayGrid, daily_loss_limit: float) -> DayPaths:
    wanted = np.zeros((1, len(net_r)))
    wanted[0, bets] = fraction
    return play(wanted, net_r, grid, daily_loss_limit, [np.inf]).days
