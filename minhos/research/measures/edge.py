"""What the forecasts are worth after costs: the shadow book's bets, where they pay, and what costs take.

Each bar whose p beats break-even is bet with one contract for one bar and pays a full round trip, as `risk.shadow`
does live; no size and no limit touches it.  Not for money in an account: that is the sizing lab and the backtest.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import msgspec
import numpy as np

from minhos import words
from minhos.research.measures.prediction import Pair, hits, mean_interval
from minhos.research.new_york import new_york_minutes
from minhos.research.out_of_sample import Floats, Ints, Signals
from minhos.risk.evidence import Evidence, carried_over
from minhos.risk.shadow import ShadowResult
from minhos.stats import day_block_interval, judge, majority_share
from minhos.stats.eprocess import EVIDENCE_LAMBDAS

MINIMUM_BETS = 30
MINIMUM_BET_DATES = 3
MINIMUM_BARS = 30
"""Bars below which a slice is left out: six right on six dates would have an interval of 100 to 100 %."""
REGIMES = ("calm", "usual", "wild")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LOG10 = float(np.log(10.0))


class Edge(msgspec.Struct, frozen=True):
    """The shadow book.  R: stop distance + cost.

    nearest: largest p of the side less break-even, over all bars.  bets: bars whose p beats break-even; ties: of these,
    bars that did not move.  dates: trade dates with a bet, of all_dates.  hit_rate: of bets that moved.  interval: 95 %
    of the mean, by resampling trade dates; None below three of them.  beyond: results outside [-1, 1] R, clipped in the
    e-value.  log10_e_value: 1.301 (20) proves an edge; highest: the largest it ever was.  state: unproven, proven,
    degraded.  bets_needed: still needed at the rate so far, 0 when proven, None where no number would do; dates_needed:
    the trade dates that takes.  bets_on_paper, dates_on_paper: the same of a paper book, which begins from nothing.
    """

    nearest: float
    bets: int
    ties: int
    dates: int
    all_dates: int
    hit_rate: float | None
    break_even: float | None
    mean_net_r: float | None
    interval: Pair | None
    total_net_r: float
    beyond: int
    log10_e_value: float
    highest: float
    state: str
    bets_needed: int | None
    dates_needed: float | None
    bets_on_paper: int | None = None
    dates_on_paper: float | None = None


class Slice(msgspec.Struct, frozen=True):
    """Bars with something in common.  accuracy with 95 % interval, majority and break-even on the same n bars.

    bets, mean_net_r with 95 % interval: of the shadow book; None where there is no bet, or too few dates.
    """

    name: str
    n: int
    accuracy: float
    interval: Pair
    majority: float
    break_even: float
    bets: int
    mean_net_r: float | None
    net_r_interval: Pair | None


class Slices(msgspec.Struct, frozen=True):
    """The same bars cut in four ways.  volatility_edges: of the terciles of the volatility ratio."""

    hours: tuple[Slice, ...]
    regimes: tuple[Slice, ...]
    weekdays: tuple[Slice, ...]
    months: tuple[Slice, ...]
    volatility_edges: Pair | None


def edge(signals: Signals, recipe_id: str = "") -> Edge:
    """Settle the shadow book over those bars."""
    bets = signals.take(signals.bets)
    moved = bets.take(bets.decided)
    evidence = _evidence(bets, recipe_id)
    all_dates, dates = len(np.unique(signals.trade_date)), len(np.unique(bets.trade_date))
    needed, anew = evidence.bets_needed, evidence.bets_from_nothing
    path = log10_e_values(bets)
    return Edge(
        nearest=float((signals.p_side - signals.break_even).max()),
        bets=len(bets),
        ties=len(bets) - len(moved),
        dates=dates,
        all_dates=all_dates,
        hit_rate=judge(moved.side, moved.move_ticks).accuracy,
        break_even=float(bets.break_even.mean()) if len(bets) else None,
        mean_net_r=float(bets.net_r.mean()) if len(bets) else None,
        interval=_net_interval(bets),
        total_net_r=float(bets.net_r.sum()),
        beyond=int((np.abs(bets.net_r) > 1.0).sum()),
        log10_e_value=float(path[-1]) if len(path) else 0.0,
        highest=max(0.0, float(path.max())) if len(path) else 0.0,
        state=evidence.state.value,
        bets_needed=needed,
        dates_needed=None if needed is None else needed * all_dates / len(bets),
        bets_on_paper=anew,
        dates_on_paper=None if anew is None else anew * all_dates / len(bets),
    )


def log10_e_values(bets: Signals) -> Floats:
    """The e-value after each bet as a power of ten, shape (n_bets,): the mean of the stakes' wealths."""
    x = np.clip(bets.net_r, -1.0, 1.0)
    wealth = np.cumsum(np.log1p(np.outer(EVIDENCE_LAMBDAS, x)), axis=1)
    return np.asarray(np.logaddexp.reduce(wealth, axis=0) - np.log(len(EVIDENCE_LAMBDAS))) / LOG10


def daily_net_r(signals: Signals) -> tuple[Ints, Floats]:
    """Trade dates, ascending, and the shadow book's sum of net R on each; zero on a date without a bet."""
    dates, day = np.unique(signals.trade_date, return_inverse=True)
    earned = np.bincount(day, weights=np.where(signals.bets, signals.net_r, 0.0), minlength=len(dates))
    return dates, np.asarray(earned, dtype=np.float64)


def slices(signals: Signals) -> Slices:
    """Accuracy and edge by hour of New York, terciles of volatility, weekday and month of the trade date."""
    hour = new_york_minutes(signals.close_time_ns) // 60
    ratio = signals.volatility_ratio
    known = np.isfinite(ratio)
    edges, regime = None, np.full(len(signals), -1)
    if len(np.unique(ratio[known])) >= len(REGIMES):
        low, high = np.quantile(ratio[known], [1 / 3, 2 / 3])
        edges = (float(low), float(high))
        regime = np.where(known, (ratio > low).astype(int) + (ratio > high), -1)
    weekday = np.array([_weekday(date) for date in signals.trade_date.tolist()], dtype=np.int64)
    month = signals.trade_date // 100
    return Slices(
        _cut(signals, hour, lambda h: f"{h:02d}:00"),
        _cut(signals, regime, lambda i: REGIMES[i]),
        _cut(signals, weekday, lambda i: WEEKDAYS[i]),
        _cut(signals, month, words.month),
        edges,
    )


def _cut(signals: Signals, key: Ints, name: Callable[[int], str]) -> tuple[Slice, ...]:
    """One slice a value of key from zero up, ascending; values with fewer than 30 bars that count are left out."""
    found = (_slice(name(value), signals.take(key == value)) for value in np.unique(key[key >= 0]).tolist())
    return tuple(one for one in found if one is not None)


def _slice(name: str, signals: Signals) -> Slice | None:
    counted, hit = hits(signals)
    if len(hit) < MINIMUM_BARS:
        return None
    bets = signals.take(signals.bets)
    return Slice(
        name,
        len(hit),
        float(hit.mean()),
        mean_interval(hit, signals.trade_date[counted]),
        majority_share(signals.up[counted] > 0.5),
        float(signals.break_even[counted].mean()),
        len(bets),
        float(bets.net_r.mean()) if len(bets) else None,
        _net_interval(bets),
    )


def _net_interval(bets: Signals) -> Pair | None:
    if len(np.unique(bets.trade_date)) < MINIMUM_BET_DATES:
        return None
    low, high = day_block_interval(bets.net_r, bets.trade_date, reps=1000)
    return float(low), float(high)


def _evidence(bets: Signals, recipe_id: str) -> Evidence:
    """The live fold over the same bets: with each model the detector begins anew, what was proven stays."""
    root, evidence = bets.instrument.root, None
    hit = bets.side * bets.move_ticks
    for i, net_r in enumerate(bets.net_r.tolist()):
        evidence = carried_over(evidence, root, recipe_id, str(bets.model[i]), bets.simulated)
        evidence = evidence.update(
            ShadowResult(
                int(bets.close_time_ns[i]),
                int(bets.side[i]),
                float(bets.p_side[i]),
                float(bets.break_even[i]),
                net_r,
                bool(hit[i] > 0) if bets.decided[i] else None,
            )
        )
    return evidence or carried_over(None, root, recipe_id, "", bets.simulated)


def _weekday(trade_date: int) -> int:
    return dt.date(trade_date // 10_000, trade_date // 100 % 100, trade_date % 100).weekday()
