"""What the live forecasts were worth: each is scored when its label arrives, against majority and break-even.

The label is the sign of open[t+2] - open[t+1]; bars without a move, across a session break or a roll have none.
Accuracy judges the raw score's side, as training and research do (`minhos.stats.judge`): where the calibration does
not believe the score, every p is one half, and to call that "down" would show the share of falling bars.
Statistics are computed when asked for and kept until another label arrives.
"""

from __future__ import annotations

import dataclasses
import math
from array import array
from collections import deque
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from minhos.market.calendar import SessionCalendar
from minhos.market.types import Bar
from minhos.models.forecast import Forecast
from minhos.stats.accuracy import judge, majority_share, side_of
from minhos.stats.calibration import debiased_calibration_error, log_loss, reliability_table, slope_through_origin
from minhos.stats.intervals import Interval, day_block_interval, wilson_interval
from minhos.trading.types import Decision
from minhos.views.values import View, rounded

Floats = npt.NDArray[np.float64]
KEPT = 100_000
ENOUGH_DATES = 5
ENOUGH_FOR_SLOPE = 100
BARS_A_BIN = 30
MOST_BINS = 10


@dataclasses.dataclass(frozen=True)
class AccuracyLine(View):
    """How often a set of bars was forecast right, beside what that has to be compared with."""

    name: str
    accuracy: float | None
    low: float | None
    """95 % interval, by resampling trade dates; Wilson's below five dates."""
    high: float | None
    n: int
    majority: float | None
    """Accuracy of always naming the more frequent direction of the same bars."""
    break_even: float | None
    """Mean probability at which these bars' bets would have paid their cost."""
    log_loss: float | None
    """Mean negative log-likelihood; a coin scores 0.6931."""
    silent: int = 0
    """Bars that moved and on which the score named no side: neither right nor wrong."""


@dataclasses.dataclass(frozen=True)
class ReliabilityRow(View):
    """One bin of the reliability diagram: what was said and what came."""

    forecast: float | None
    observed: float | None
    n: int
    band_low: float | None
    """Where `observed` lies in 95 % if the forecasts are calibrated."""
    band_high: float | None


@dataclasses.dataclass(frozen=True)
class LiveCalibration(View):
    """Do the probabilities mean what they say?  1.0 is the slope of forecasts that do."""

    n: int
    slope: float | None
    slope_se: float | None
    error: float | None
    """Calibration error without its noise, in units of probability."""
    table: tuple[ReliabilityRow, ...]


class Scored(NamedTuple):
    """Scored forecasts in columns of one length n, oldest first; a mask takes some of them."""

    trade_date: npt.NDArray[np.int32]
    side: npt.NDArray[np.int8]
    """Of the raw score; 0 for none."""
    up: npt.NDArray[np.bool_]
    p_up: Floats
    break_even: Floats
    """NaN where there was none."""

    def where(self, mask: npt.NDArray[np.bool_]) -> Scored:
        return Scored(self.trade_date[mask], self.side[mask], self.up[mask], self.p_up[mask], self.break_even[mask])

    @property
    def p_side(self) -> Floats:
        """Calibrated probability of the score's side; below one half where the calibration turned it round."""
        return np.where(self.side >= 0, self.p_up, 1.0 - self.p_up)

    @property
    def moved(self) -> npt.NDArray[np.int8]:
        """+1 or -1."""
        return np.where(self.up, 1, -1).astype(np.int8)


class ScoredBars:
    """What is kept of them: the newest `most` at least; a year takes two megabytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._dates, self._sides, self._ups = array("i"), array("b"), array("b")
        self._p_up, self._break_even = array("d"), array("d")

    def append(self, *, trade_date: int, side: int, up: bool, p_up: float, break_even: float | None) -> None:
        """One more; far beyond what is kept, the oldest go."""
        self._dates.append(trade_date)
        self._sides.append(side)
        self._ups.append(up)
        self._p_up.append(p_up)
        self._break_even.append(math.nan if break_even is None else break_even)
        if len(self) >= self._most + self._most // 10:
            for column in (self._dates, self._sides, self._ups, self._p_up, self._break_even):
                del column[: len(column) - self._most]

    def __len__(self) -> int:
        return len(self._dates)

    def columns(self) -> Scored:
        """A copy, as it is now."""
        return Scored(
            np.array(self._dates, np.int32),
            np.array(self._sides, np.int8),
            np.array(self._ups, np.bool_),
            np.array(self._p_up, np.float64),
            np.array(self._break_even, np.float64),
        )


@dataclasses.dataclass
class _Pending:
    forecast: Forecast
    break_even: float | None
    entry_ticks: int | None = None


class Scores:
    """Mutable fold of slices and decisions."""

    def __init__(self, calendar: SessionCalendar) -> None:
        self._calendar = calendar
        self._pending: deque[_Pending] = deque(maxlen=3)
        self.scored = ScoredBars(KEPT)
        self.ties = 0
        self.void = 0
        self._lines: tuple[int, tuple[AccuracyLine, ...]] = (-1, ())
        self._calibration: tuple[int, LiveCalibration | None] = (-1, None)
        self._labels = 0

    def on_bar(self, bar: Bar) -> None:
        """A bar of the forecast contract: its open settles what waits for it."""
        for pending in list(self._pending):
            bars_later = (bar.close_time_ns - pending.forecast.close_time_ns) // bar.interval_ns
            if bar.symbol != pending.forecast.symbol or bars_later > 2:
                self._pending.remove(pending)
                self.void += 1
            elif bars_later == 1:
                pending.entry_ticks = bar.open_ticks
            elif bars_later == 2:
                self._pending.remove(pending)
                self._settle(pending, bar)

    def on_decision(self, decision: Decision) -> None:
        """A forecast that waits for its label; one that is no number has no side to be judged."""
        forecast = decision.forecast
        if forecast is not None and not (math.isfinite(forecast.p_up) and math.isfinite(forecast.score)):
            self.void += 1
        elif forecast is not None:
            wanted = decision.recommendation
            self._pending.append(_Pending(forecast, wanted.break_even if wanted else None))

    def _settle(self, pending: _Pending, bar: Bar) -> None:
        if pending.entry_ticks is None:
            self.void += 1
            return
        move = bar.open_ticks - pending.entry_ticks
        if move == 0:
            self.ties += 1
            return
        forecast = pending.forecast
        date = self._calendar.happened_on(forecast.close_time_ns)
        side = int(side_of(forecast.score))
        self.scored.append(trade_date=date, side=side, up=move > 0, p_up=forecast.p_up, break_even=pending.break_even)
        self._labels += 1

    def lines(self) -> tuple[AccuracyLine, ...]:
        """All bars, and those whose calibrated p beat break-even."""
        if self._lines[0] != self._labels:
            everything = self.scored.columns()
            bets = everything.where((everything.side != 0) & (everything.p_side > everything.break_even))
            lines = (accuracy_line("all bars", everything), accuracy_line("bars whose p beats break-even", bets))
            self._lines = (self._labels, lines)
        return self._lines[1]

    def calibration(self) -> LiveCalibration:
        """Of all scored forecasts."""
        if self._calibration[0] != self._labels or self._calibration[1] is None:
            self._calibration = (self._labels, live_calibration(self.scored.columns()))
        found = self._calibration[1]
        assert found is not None
        return found


def accuracy_line(name: str, scored: Scored) -> AccuracyLine:
    """The figures of one set of bars; all None where no score names a side."""
    judged = judge(scored.side, scored.moved)
    sided = scored.where(scored.side != 0)
    if judged.accuracy is None:
        return AccuracyLine(name, None, None, None, 0, None, None, None, judged.silent)
    interval = _interval(judged.hits, sided.trade_date)
    costs = sided.break_even[~np.isnan(sided.break_even)]
    return AccuracyLine(
        name,
        rounded(judged.accuracy),
        rounded(interval.low),
        rounded(interval.high),
        judged.n,
        rounded(majority_share(sided.up)),
        rounded(float(costs.mean())) if costs.size else None,
        rounded(log_loss(judged.hits, sided.p_side)),
        judged.silent,
    )


def _interval(hits: np.ndarray, dates: np.ndarray) -> Interval:
    if len(np.unique(dates)) < ENOUGH_DATES:
        return wilson_interval(int(hits.sum()), len(hits))
    return day_block_interval(hits, dates)


def live_calibration(scored: Scored) -> LiveCalibration:
    """Of the forecasts whose p names a side; a bin holds thirty bars at least, a slope needs a hundred."""
    scored = scored.where(scored.p_up != 0.5)
    n = len(scored.p_up)
    if not n:
        return LiveCalibration(0, None, None, None, ())
    hits = judge(side_of(scored.p_up), scored.moved).hits
    p = np.maximum(scored.p_up, 1.0 - scored.p_up)
    n_bins = max(1, min(MOST_BINS, n // BARS_A_BIN))
    table = tuple(
        ReliabilityRow(rounded(r.forecast), rounded(r.observed), r.n, rounded(r.band_low), rounded(r.band_high))
        for r in reliability_table(hits, p, n_bins)
    )
    if n < ENOUGH_FOR_SLOPE:
        return LiveCalibration(n, None, None, None, table)
    slope = slope_through_origin(hits, p)
    return LiveCalibration(
        n,
        rounded(slope.slope),
        rounded(slope.se),
        rounded(debiased_calibration_error(hits, p, n_bins)),
        table,
    )
