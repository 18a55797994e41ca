"""Who is better than whom, on the same drawn histories, and whether it is more than smaller size.

Differences are paired: both policies meet the same resampled trade dates.  Where the 95 % interval covers zero the
verdict is "no significant difference".
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from minhos.research.out_of_sample import Floats, Ints
from minhos.research.sizing_lab.bootstrap import BLOCKS, Histories, histories, observed
from minhos.research.sizing_lab.days import DayGrid, DayPaths, play
from minhos.research.sizing_lab.fraction_figures import annual, interval_of, known
from minhos.research.sizing_lab.policies import SESSIONS_A_YEAR
from minhos.stats import sharpe_difference

Verdict = Literal["better", "worse", "no significant difference", "unknown"]
DATES_OF_A_TEST = 20
"""Below, the p-value of a difference of Sharpe ratios is none."""
MOST_LAGS = 5
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


class Side(msgspec.Struct, frozen=True, eq=False):
    """One party of a comparison: a row of days, its history as it was and its drawn ones."""

    name: str
    row: int
    days: DayPaths
    real: Histories
    drawn: Histories
    fraction: float | None = None


def compare(first: Side, second: Side) -> Comparison:
    """First against second; both on the same dates."""
    a, b, i, j = first, second, first.row, second.row
    n_dates = a.days.total.shape[1]
    years, p_value = n_dates / SESSIONS_A_YEAR, None
    if n_dates >= DATES_OF_A_TEST:
        lags = min(MOST_LAGS, n_dates // BLOCKS)
        p_value = known(sharpe_difference(a.days.returns[i], b.days.returns[j], lags).p_value)
    return Comparison(
        a.name,
        b.name,
        b.fraction,
        growth=difference(
            a.real.growth[i] / years,
            b.real.growth[j] / years,
            a.drawn.growth[i] / years,
            b.drawn.growth[j] / years,
            n_dates=n_dates,
        ),
        sharpe_ratio=difference(
            annual(a.real.sharpe_ratio[i]),
            annual(b.real.sharpe_ratio[j]),
            annual(a.drawn.sharpe_ratio[i]),
            annual(b.drawn.sharpe_ratio[j]),
            n_dates=n_dates,
        ),
        max_drawdown=difference(
            a.real.drawdown[i],
            b.real.drawdown[j],
            a.drawn.drawdown[i],
            b.drawn.drawdown[j],
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
        value, interval = known(float(real[0] - other_real[0])), interval_of(drawn - other_drawn, n_dates)
    if value is None or interval is None:
        return Difference(value, interval, None, "unknown")
    gain = value / abs(float(other_real[0])) if other_real[0] != 0.0 else None
    low, high = interval
    if low <= 0.0 <= high:
        return Difference(value, interval, gain, "no significant difference")
    return Difference(value, interval, gain, "better" if (low > 0.0) != smaller_is_better else "worse")


def fixed_side(
    name: str, fraction: float, bets: Ints, net_r: Floats, grid: DayGrid, daily_loss_limit: float, dates: Ints
) -> Side:
    """A fixed fraction on those bars, with its histories of those dates."""
    days = _fixed_days(fraction, bets, net_r, grid, daily_loss_limit)
    return Side(name, 0, days, observed(days), histories(days, dates), fraction)


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
