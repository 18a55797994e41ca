"""How sure a difference between two backtests of the same days is: both are resampled with the same trade dates.

The resampling is that of `sizing_bootstrap`; here equity comes from an account in whole contracts, and trades are
counted besides.  Not for single records: their intervals are in `stats.intervals`.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.research.sizing_lab.bootstrap import drawn_dates, histories
from minhos.research.sizing_lab.comparisons import Difference, difference
from minhos.research.sizing_lab.contract_figures import Record
from minhos.research.sizing_lab.days import DayPaths, day_grid, day_paths
from minhos.research.sizing_lab.fraction_figures import PolicyFigures, annual

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
PATHS = 2_000
ENOUGH_DATES = 5
"""Below, the same few dates would be drawn over and over and no interval is given."""
_MOSTLY = 0.9
"""Share of the resamples in which a figure must be defined for an interval of it."""
UNKNOWN = Difference(None, None, None, "unknown")


class Days(NamedTuple):
    """A record by trade date.  paths: of log equity, one row.  closed, won: trades that ended on each date, (D,)."""

    paths: DayPaths
    closed: Ints
    won: Ints


class Figures(NamedTuple):
    """Figures of each resample, shape (paths,); NaN where one is not defined.  Ratio and volatility are annual."""

    sharpe_ratio: Floats
    max_drawdown: Floats
    volatility: Floats
    win_rate: Floats
    daily_return: Floats


SMALLER_IS_BETTER = frozenset({"max_drawdown", "volatility"})


def days_of(record: Record) -> Days:
    """Cut a record at its trade dates; bars outside sessions are left out.  Raises NotEnoughData without any."""
    inside = record.trade_date > 0
    grid = day_grid(record.trade_date[inside])
    level = np.log(np.maximum(record.equity_cents[inside], 1).astype(np.float64))
    growth = np.diff(level, prepend=np.log(float(record.initial_cash_cents)))
    at = np.searchsorted(grid.trade_date, record.closed_date)
    known = (record.closed_date > 0) & (at < grid.n_days)
    won = known & (record.closed_pnl_cents > 0)
    counts = (np.bincount(at[which], minlength=grid.n_days) for which in (known, won))
    return Days(day_paths(growth[None, :], grid), *counts)


def days_of_bets(figures: PolicyFigures) -> Days:
    """A policy of the lab in fractions by trade date; its bets in the place of trades, and no path inside a date."""
    growth = np.array([[-np.inf if x is None else x for x in figures.daily_growth]])
    fall = np.minimum(growth, 0.0)
    paths = DayPaths(growth, fall, np.maximum(growth, 0.0), -fall)
    return Days(paths, np.array(figures.daily_bets, dtype=np.int64), np.array(figures.daily_won, dtype=np.int64))


def paired_difference(first: Days, second: Days, name: str, seed: int = 0) -> Difference:
    """A figure (a field of `Figures`) of the first record less that of the second, over the same trade dates.

    Raises ValueError where the records have not the same number of dates.
    """
    n = len(first.closed)
    if len(second.closed) != n:
        raise ValueError(f"the records have {n} and {len(second.closed)} trade dates; they must be the same")
    if n < 2:
        return UNKNOWN
    sides, in_order = (first, second), np.arange(n)[:, None]
    real = [getattr(figures_of_days(days, in_order), name) for days in sides]
    value = float(real[0][0] - real[1][0])
    observed = msgspec.structs.replace(UNKNOWN, value=value if np.isfinite(value) else None)
    if n < ENOUGH_DATES or observed.value is None:
        return observed
    dates = drawn_dates(n, PATHS, seed)
    drawn = [getattr(figures_of_days(days, dates), name) for days in sides]
    defined = np.isfinite(drawn[0]) & np.isfinite(drawn[1])
    if defined.mean() < _MOSTLY:
        return observed
    smaller = name in SMALLER_IS_BETTER
    return difference(real[0], real[1], drawn[0][defined], drawn[1][defined], n_dates=n, smaller_is_better=smaller)


def figures_of_days(days: Days, dates: Ints) -> Figures:
    """Figures of one record on each resample.  dates: (n, paths)."""
    found = histories(days.paths, dates)
    daily = days.paths.returns[0][dates]
    return Figures(
        annual(found.sharpe_ratio[0]),
        found.drawdown[0],
        annual(daily.std(axis=0, ddof=1)),
        _ratio(days.won[dates].sum(axis=0), days.closed[dates].sum(axis=0)),
        daily.mean(axis=0),
    )


def _ratio(above: Ints, below: Ints) -> Floats:
    """NaN where there is nothing to divide by."""
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
