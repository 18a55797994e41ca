"""How bad it can get: whole trade dates drawn again in blocks, and the wealth of every such history.

The stationary bootstrap (Politis & Romano 1994) keeps runs of neighbouring dates together; within a date the path stays
as it was.  All policies see the same drawn dates, so differences between them are paired.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from minhos.progress import Progress
from minhos.research.luck.deflation import SESSIONS_A_YEAR
from minhos.research.out_of_sample import Floats, Ints
from minhos.research.sizing_lab.days import DayPaths
from minhos.stats import few_dates_factor

LONGEST_BLOCK = 5.0
"""Trade dates that stay together, on average: a week, where there are enough of them."""
BLOCKS = 40
"""Fewer blocks than this say too little: with 6 dates in blocks of 5 noise differs from noise 3 times in 10."""
_MOSTLY = 0.9
"""Share of the histories in which a figure must be defined for an interval of it."""
BAND_POINTS = 60
BAND_LEVELS = (0.05, 0.5, 0.95)


class Band(msgspec.Struct, frozen=True):
    """Log wealth after so many trade dates: 5 %, 50 % and 95 % of the drawn histories."""

    trade_dates: int
    low: float
    median: float
    high: float


class Histories(msgspec.Struct, frozen=True, eq=False):
    """What each drawn history came to; shape (P, paths).

    growth: log wealth at the end.  drawdown: largest fall from a peak, share of it.  lowest: wealth at its lowest,
    share of the start.  sharpe_ratio: of the simple returns by date, per date; NaN without variation.
    bands: of each policy, empty unless asked for.
    """

    growth: Floats
    drawdown: Floats
    lowest: Floats
    sharpe_ratio: Floats
    bands: tuple[tuple[Band, ...], ...] = ()


def mean_block_of(n_days: int) -> float:
    """Trade dates that are kept together, on average: up to a week, and never so many that few blocks are left."""
    return min(LONGEST_BLOCK, max(1.0, n_days / BLOCKS))


def drawn_dates(n_days: int, n_paths: int, seed: int, mean_block: float | None = None) -> Ints:
    """Indices of dates, (n_days, n_paths): each history begins anywhere and leaps with probability 1 / mean_block.

    mean_block: in dates, at least 1; that of `mean_block_of` where None.
    """
    leap = 1.0 / (mean_block_of(n_days) if mean_block is None else mean_block)
    rng = np.random.default_rng(seed)
    drawn = np.empty((n_days, n_paths), dtype=np.int64)
    drawn[0] = rng.integers(0, n_days, n_paths)
    for step in range(1, n_days):
        leaps = rng.random(n_paths) < leap
        following = drawn[step - 1] + 1
        following[following == n_days] = 0
        drawn[step] = np.where(leaps, rng.integers(0, n_days, n_paths), following)
    return drawn


def observed(days: DayPaths) -> Histories:
    """The history as it was: its dates in their own order, one path."""
    return histories(days, np.arange(days.total.shape[1])[:, None])


def histories(days: DayPaths, dates: Ints, *, with_bands: bool = False, progress: Progress | None = None) -> Histories:
    """The histories of those dates, (steps, paths), for each policy of `days`."""
    n_policies, n_paths = len(days.total), dates.shape[1]
    found = np.empty((4, n_policies, n_paths))
    bands = []
    for policy in range(n_policies):
        if progress is not None:
            progress(policy / n_policies, f"{n_paths:,} histories of {dates.shape[0]} trade dates")
        found[:, policy], band = _one_policy(days.rows([policy]), dates, with_bands)
        bands.append(band)
    growth, drawdown, lowest, ratio = found
    return Histories(growth, drawdown, lowest, ratio, tuple(bands) if with_bands else ())


def _one_policy(days: DayPaths, dates: Ints, with_bands: bool) -> tuple[Floats, tuple[Band, ...]]:
    """growth, drawdown, lowest, sharpe_ratio of each path, (4, paths), and the bands.

    Before a date log wealth is `wealth` and its peak so far `peak`; the date's deepest fall from that peak is at its
    lowest point, or lies within the date.
    """
    total, lowest, highest, drawdown = days.total[0], days.lowest[0], days.highest[0], days.drawdown[0]
    steps, n_paths = dates.shape
    wealth, peak, deepest, floor = (np.zeros(n_paths) for _ in range(4))
    shown = set(np.unique(np.linspace(1, steps, min(steps, BAND_POINTS)).astype(int)).tolist()) if with_bands else set()
    bands = []
    with np.errstate(invalid="ignore"):
        for step in range(steps):
            drawn = dates[step]
            low = wealth + lowest[drawn]
            np.maximum(deepest, peak - low, out=deepest)
            np.maximum(deepest, drawdown[drawn], out=deepest)
            np.minimum(floor, low, out=floor)
            np.maximum(peak, wealth + highest[drawn], out=peak)
            wealth += total[drawn]
            if step + 1 in shown:
                bands.append(Band(step + 1, *np.quantile(wealth, BAND_LEVELS).tolist()))
    ratio = _sharpe_ratios(days.returns[0], dates)
    return np.array([wealth, -np.expm1(-deepest), np.exp(floor), ratio]), tuple(bands)


def _sharpe_ratios(returns: Floats, dates: Ints) -> Floats:
    """Mean over standard deviation (ddof 1) of each path's dates, per date, (paths,); NaN without variation."""
    n = dates.shape[0]
    if n < 2:
        return np.full(dates.shape[1], np.nan)
    centre = returns.mean()
    sums, squares = np.zeros(dates.shape[1]), np.zeros(dates.shape[1])
    apart = returns - centre
    for drawn in dates:
        value = apart[drawn]
        sums += value
        squares += value * value
    variance = (squares - sums * sums / n) / (n - 1)
    spread = np.sqrt(np.where(variance > 1e-12 * np.maximum(squares, 1e-300), variance, np.nan))
    return np.asarray((centre + sums / n) / spread)


def annual(ratios: Floats) -> Floats:
    """Ratios by trade date, a year."""
    return np.asarray(ratios * math.sqrt(SESSIONS_A_YEAR))


def interval_of(values: Floats, n_dates: int, level: float = 0.95) -> tuple[float, float] | None:
    """The middle `level` of drawn values, wider where they rest on few dates, or six dates of noise would
    look like a difference one time in seven.

    A ratio is NaN in a history that drew one date over and over; None where more than a tenth are, or one is infinite.
    """
    defined = values[~np.isnan(values)]
    if len(defined) < _MOSTLY * len(values) or not np.isfinite(defined).all():
        return None
    low, middle, high = np.quantile(defined, (0.5 - level / 2.0, 0.5, 0.5 + level / 2.0)).tolist()
    wider = few_dates_factor(n_dates, level)
    return middle + wider * (low - middle), middle + wider * (high - middle)
