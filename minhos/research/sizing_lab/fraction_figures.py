"""The figures of one policy under one entry rule: what it earned, how evenly, and how bad it could have been.

Fractional units: wealth multiplies by 1 + f x a bet.  Figures only; who is better than whom is `comparisons`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from minhos.research.luck.deflation import SESSIONS_A_YEAR, Deflation, deflated
from minhos.research.out_of_sample import Floats, Ints
from minhos.research.sizing_lab.bootstrap import Band, Histories, annual, interval_of
from minhos.research.sizing_lab.comparisons import Days, Side
from minhos.research.sizing_lab.days import DayGrid, DayPaths, Played
from minhos.research.sizing_lab.policies import Policy
from minhos.stats import annualised, finite, profit_factor, sharpe_ratio, sortino_ratio, win_rate

HISTOGRAM_BINS = 20
_LARGEST_LOG = 700.0
"""Beyond it wealth has no double."""
_ROUNDING = 1e-9


class HistogramBin(msgspec.Struct, frozen=True):
    """Bets whose fraction lies from low (exclusive) to high (inclusive)."""

    low: float
    high: float
    bets: int


class Ruin(msgspec.Struct, frozen=True):
    """Over histories of resampled trade dates, as long as the sample.  Drawdowns are shares of a peak of wealth.

    drawdown_median, drawdown_95: median and 95 % quantile of the maximum drawdown.  below_80, below_50: probability
    that wealth is ever below that share of the start.  growth_interval: 95 %, of log wealth a year.
    sharpe_interval: 95 %, annual.  histories: how many.  trade_dates: length of each.
    """

    drawdown_median: float
    drawdown_95: float
    below_80: float
    below_50: float
    growth_interval: tuple[float, float] | None
    sharpe_interval: tuple[float, float] | None
    histories: int
    trade_dates: int
    bands: tuple[Band, ...] = ()


class PolicyFigures(msgspec.Struct, frozen=True):
    """One policy under one entry rule.  A year has 252 trade dates; None where the sample cannot carry the figure.

    bets: that were really placed.  exposure: share of all bars with a bet.  mean_fraction: of wealth at risk, over the
    bars that the rule takes, those after the day's stop counting as zero.  largest_fraction: most at risk on a bet.
    growth: of log wealth, in all; growth_a_bet, growth_a_year: the same a bet and a year.  total_return: share of the
    start; None where wealth exceeds what a number can hold.  sharpe_ratio, sortino_ratio: of simple returns by trade
    date, annual.  bet_sharpe_ratio: of log returns by bet, a bet, not annual.  calmar_ratio: compound growth a year
    over the maximum drawdown.  volatility: of returns by trade date, annual.  max_drawdown: share of a peak, seen after
    every bet.  win_rate: share of bets that made money after costs.  profit_factor: gains over losses, in shares of
    wealth.  days_at_limit: share of trade dates that end at the day's limit or worse.  histogram: of fractions at
    risk.  daily_growth: of log wealth, by trade date.  deflation: of the Sharpe ratio by date, after all trials.
    daily_bets, daily_won: bets, and those that made money, by trade date.
    """

    policy: str
    title: str
    rule: str
    bets: int
    exposure: float
    mean_fraction: float
    largest_fraction: float
    growth: float | None
    growth_a_bet: float | None
    growth_a_year: float | None
    total_return: float | None
    sharpe_ratio: float | None
    bet_sharpe_ratio: float | None
    sortino_ratio: float | None
    calmar_ratio: float | None
    volatility: float | None
    max_drawdown: float
    win_rate: float | None
    profit_factor: float | None
    days_at_limit: float
    histogram: tuple[HistogramBin, ...]
    daily_growth: tuple[float | None, ...]
    deflation: Deflation
    ruin: Ruin
    daily_bets: tuple[int, ...] = ()
    daily_won: tuple[int, ...] = ()


class Context(msgspec.Struct, frozen=True, eq=False):
    """What the figures of all policies share.

    taken: rows of the bars that the rule takes.  n_bars: all bars with a forecast.  trials, sharpe_ratio_variance: for
    the deflation.
    """

    rule: str
    grid: DayGrid
    net_r: Floats
    taken: Ints
    n_bars: int
    daily_loss_limit: float
    trials: int = 1
    sharpe_ratio_variance: float | None = None


def figures_of(policy: Policy, context: Context, played: Played, side: Side) -> PolicyFigures:
    """The figures of one policy; played: one row.  side: its history as it was, and the resampled ones."""
    fraction, log_growth = played.fraction[0], played.growth[0]
    bets = np.flatnonzero(fraction > 0.0)
    returns, total = played.days.returns[0], float(played.days.total[0].sum())
    years = context.grid.n_days / SESSIONS_A_YEAR
    drawdown = float(side.real.drawdown[0, 0])
    gain_a_year = gain_of(total / years)
    money = (fraction * context.net_r)[bets]
    at_limit = returns <= -context.daily_loss_limit + _ROUNDING
    day, n_days = context.grid.day[bets], context.grid.n_days
    return PolicyFigures(
        policy=policy.name,
        title=policy.title,
        rule=context.rule,
        bets=len(bets),
        exposure=len(bets) / context.n_bars,
        mean_fraction=float(fraction[context.taken].mean()),
        largest_fraction=float(fraction.max()),
        growth=finite(total),
        growth_a_bet=finite(total / len(bets)) if len(bets) else None,
        growth_a_year=finite(total / years),
        total_return=gain_of(total),
        sharpe_ratio=finite(annualised(sharpe_ratio(returns), SESSIONS_A_YEAR)),
        bet_sharpe_ratio=finite(_of_bets(log_growth[bets])),
        sortino_ratio=finite(annualised(sortino_ratio(returns), SESSIONS_A_YEAR)),
        calmar_ratio=gain_a_year / drawdown if gain_a_year is not None and drawdown > 0.0 else None,
        volatility=finite(float(np.std(returns, ddof=1)) * math.sqrt(SESSIONS_A_YEAR)) if len(returns) > 1 else None,
        max_drawdown=drawdown,
        win_rate=finite(win_rate(money)),
        profit_factor=finite(profit_factor(money)),
        days_at_limit=float(at_limit.mean()),
        histogram=histogram(fraction[bets]),
        daily_growth=tuple(finite(x) for x in played.days.total[0].tolist()),
        deflation=deflated(returns, context.trials, context.sharpe_ratio_variance),
        ruin=ruin_of(side.drawn, context.grid.n_days),
        daily_bets=tuple(np.bincount(day, minlength=n_days).tolist()),
        daily_won=tuple(np.bincount(day[money > 0.0], minlength=n_days).tolist()),
    )


def ruin_of(drawn: Histories, n_dates: int) -> Ruin:
    """The risk figures of one policy's drawn histories; n_dates: their length."""
    years = n_dates / SESSIONS_A_YEAR
    middle, bad = np.quantile(drawn.drawdown[0], (0.5, 0.95)).tolist()
    lowest, n = drawn.lowest[0], drawn.lowest.shape[1]
    return Ruin(
        middle,
        bad,
        float((lowest < 0.8).mean()),
        float((lowest < 0.5).mean()),
        growth_interval=interval_of(drawn.growth[0] / years, n_dates),
        sharpe_interval=interval_of(annual(drawn.sharpe_ratio[0]), n_dates),
        histories=n,
        trade_dates=n_dates,
        bands=drawn.bands[0] if drawn.bands else (),
    )


def days_of_bets(figures: PolicyFigures) -> Days:
    """A policy by trade date; its bets in the place of trades, and no path inside a date."""
    growth = np.array([[-np.inf if x is None else x for x in figures.daily_growth]])
    fall = np.minimum(growth, 0.0)
    paths = DayPaths(growth, fall, np.maximum(growth, 0.0), -fall)
    return Days(paths, np.array(figures.daily_bets, dtype=np.int64), np.array(figures.daily_won, dtype=np.int64))


def histogram(fractions: Floats, bins: int = HISTOGRAM_BINS) -> tuple[HistogramBin, ...]:
    """Equal steps from zero to the largest fraction; empty without bets."""
    if len(fractions) == 0:
        return ()
    edges = np.linspace(0.0, float(fractions.max()), bins + 1)
    of_bin = np.clip(np.searchsorted(edges, fractions, side="left"), 1, bins) - 1
    counts = np.bincount(of_bin, minlength=bins).tolist()
    return tuple(HistogramBin(edges[i].item(), edges[i + 1].item(), counts[i]) for i in range(bins))


def gain_of(log_growth: float) -> float | None:
    """exp(growth) - 1: what became of one unit of wealth, less that unit; None where no number holds it."""
    return math.expm1(log_growth) if log_growth < _LARGEST_LOG else None


def _of_bets(log_growth: Floats | Sequence[float]) -> float:
    with np.errstate(invalid="ignore"):
        return sharpe_ratio(log_growth)
