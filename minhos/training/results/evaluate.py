"""How a trained ensemble did on bars it has never seen: accuracy, calibration, bets after costs, and the verdict.

Measures only; nothing here feeds back into the fit.  Bets are one contract for one bar with a full round trip; Kelly
sizes and risk limits belong to `sizing` and `research`.
"""

from __future__ import annotations

import datetime as dt
import math
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import numpy.typing as npt

from minhos.market.types import NANOS_PER_SECOND
from minhos.models.calibration import Calibrator
from minhos.models.payoff import Payoff
from minhos.models.stopped import stopped
from minhos.stats import (
    calibration_slope,
    day_block_interval,
    debiased_calibration_error,
    judge,
    majority_share,
    pesaran_timmermann,
    reliability_table,
    side_of,
    wilson_interval,
)
from minhos.training.dataset import Dataset
from minhos.training.results.result import Bets, CalibrationReport, HourBreakEven, Line, ReliabilityBin, Verdict, Week

MINIMUM_SESSIONS = 20
MINIMUM_HOLDOUT_BARS = 1000
MINIMUM_BETS = 30
THRESHOLDS = (0.60, 0.65)
NEW_YORK = ZoneInfo("America/New_York")
MINIMUM_DATES = 5
"""With fewer trade dates an interval by resampling dates says too little; Wilson's is given instead."""

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Holdout(msgspec.Struct, frozen=True, eq=False):
    """The holdout's samples with what was forecast; columns of shape (n,).

    score: combined, raw; its side is what accuracy judges, because a calibration that does not believe the score makes
    one half of every p.  p_up: calibrated probability.  break_even: probability of the side at which a bet's mean is
    zero.
    """

    data: Dataset
    score: Floats
    p_up: Floats
    break_even: Floats
    simulated: bool = False

    @property
    def side(self) -> Floats:
        """+1.0 or -1.0 of the bet, 0.0 where the calibrated p is one half: nothing can be bet there."""
        return side_of(self.p_up)

    @property
    def p_side(self) -> Floats:
        return np.maximum(self.p_up, 1.0 - self.p_up)

    @property
    def traded(self) -> Mask:
        """Bars whose calibrated probability beats break-even: the shadow book's bets."""
        found: Mask = (self.p_side > self.break_even) & (self.side != 0.0)
        return found


def break_even(payoff: Payoff, atr_ticks: Floats, cost_ticks: float, slip_ticks: float = 0.0) -> Floats:
    """Probability of the side at which a bet's mean is zero, shape of atr_ticks; one where no p below one does.

    With W and L the mean gain and loss in ticks, those that the stop ends counted as the stop and its slippage, c the
    cost, and the gap's atom of g R at probability q:  (1 - q) (p W - (1 - p) L - c) = q g R.
    """
    atr = np.maximum(np.asarray(atr_ticks, dtype=float), 1.0)
    stop = stop_ticks(atr, payoff.stop_atr)
    distances, of_bar = np.unique(stop / atr, return_inverse=True)
    paths = [stopped(payoff, distance) for distance in distances.tolist()]
    gain = np.array([path.right_mean for path in paths])[of_bar] * atr
    loss = np.array([-path.wrong_mean for path in paths])[of_bar] * atr
    if slip_ticks:
        gain -= slip_ticks * np.array([path.right_stopped for path in paths])[of_bar]
        loss += slip_ticks * np.array([path.wrong_stopped for path in paths])[of_bar]
    gap = payoff.gap_probability * payoff.gap_r * (stop + cost_ticks) / (1.0 - payoff.gap_probability)
    spread = gain + loss
    needed = np.divide(loss + cost_ticks + gap, spread, out=np.ones_like(spread), where=spread > 0.0)
    found: Floats = np.minimum(needed, 1.0)
    return found


def stop_ticks(atr_ticks: Floats, stop_atr: float) -> Floats:
    """Distance of the protective stop: stop_atr ATR rounded up to the grid, at least one tick."""
    return np.maximum(np.ceil(stop_atr * atr_ticks - 1e-9), 1.0)


def net_r(
    side: Floats,
    move_ticks: Floats,
    atr_ticks: Floats,
    stop_atr: float,
    cost_ticks: float,
    against_ticks: Floats | None = None,
    slip_ticks: float = 0.0,
) -> Floats:
    """Result of one-bar bets in R = stop distance + cost, the stop taken where the bar touched it.

    against_ticks: how far each bet went against its side; where that is not known, only bets that end beyond the stop
    are seen to have touched it.  slip_ticks: how far beyond its price the stop fills.
    """
    stop = stop_ticks(atr_ticks, stop_atr)
    earned = side * move_ticks
    touched = earned <= -stop if against_ticks is None else (earned <= -stop) | (against_ticks >= stop)
    return np.asarray((np.where(touched, -stop - slip_ticks, earned) - cost_ticks) / (stop + cost_ticks))


def line(name: str, holdout: Holdout, which: Mask) -> Line:
    """Accuracy of the raw score on those bars; ties are left out of it, and so are bars on which it names no side."""
    data, judged = holdout.data, judge(side_of(holdout.score), np.where(which, holdout.data.direction, 0.0))
    counted = judged.counted
    coverage = float(which.mean()) if len(which) else 0.0
    if judged.accuracy is None:
        return Line(name, None, None, 0, None, None, coverage, holdout.simulated, judged.silent)
    return Line(
        name,
        accuracy=judged.accuracy,
        interval=_interval(judged.hits, data.trade_date[counted]),
        n=judged.n,
        majority=majority_share(data.up[counted]),
        break_even=float(holdout.break_even[counted].mean()),
        coverage=coverage,
        simulated=holdout.simulated,
        silent=judged.silent,
    )


def weeks(holdout: Holdout) -> tuple[Week, ...]:
    """Accuracy by ISO week of trade dates, oldest first; None in a week whose bars have no side."""
    names = np.array([_iso_week(date) for date in holdout.data.trade_date.tolist()])
    found = []
    for name in np.unique(names):
        of_week = line("", holdout, names == name)
        if of_week.n or of_week.silent:
            found.append(
                Week(str(name), of_week.accuracy, of_week.interval, of_week.n, of_week.majority, of_week.silent)
            )
    return tuple(found)


def break_even_by_hour(holdout: Holdout) -> tuple[HourBreakEven, ...]:
    """Mean break-even by the New York hour in which the bar closes."""
    seconds = (holdout.data.start_ns // NANOS_PER_SECOND).tolist()
    hour = np.array([dt.datetime.fromtimestamp(s, NEW_YORK).hour for s in seconds])
    return tuple(
        HourBreakEven(h, float(holdout.break_even[hour == h].mean()), int((hour == h).sum()))
        for h in np.unique(hour).tolist()
    )


def bets(holdout: Holdout, payoff: Payoff, cost_ticks: float, slip_ticks: float = 0.0) -> Bets:
    """What the shadow book's bets made in R; ties lose their cost."""
    data, which = holdout.data, holdout.traded
    n = int(which.sum())
    if n == 0:
        return Bets(0, None, None)
    placed, side = data.take(np.flatnonzero(which)), holdout.side[which]
    result = net_r(
        side,
        placed.move_ticks,
        placed.atr_ticks,
        payoff.stop_atr,
        cost_ticks,
        placed.against(side),
        slip_ticks,
    )
    return Bets(
        n, float(result.mean()), _finite(day_block_interval(result, data.trade_date[which])), float(result.sum())
    )


def calibration_report(holdout: Holdout, calibrator: Calibrator) -> CalibrationReport:
    """The shipped slope, and whether the calibrated probabilities mean what they say on the holdout."""
    counted = holdout.data.decided
    up, p_up = holdout.data.up[counted], holdout.p_up[counted]
    shipped = (calibrator.slope, calibrator.slope_se, calibrator.slope_low, calibrator.n)
    if len(up) == 0:
        return CalibrationReport(*shipped, None, None, None)
    fitted = calibration_slope(up, p_up)
    table = tuple(
        ReliabilityBin(row.forecast, row.observed, row.n, (row.band_low, row.band_high))
        for row in reliability_table(up, p_up)
    )
    return CalibrationReport(
        *shipped, _known(fitted.slope), _known(fitted.slope_se), debiased_calibration_error(up, p_up), table
    )


def skill_p_value(holdout: Holdout) -> float | None:
    """One-sided p-value of Pesaran and Timmermann on all bars whose score names a side; None without them."""
    side = side_of(holdout.score)
    counted = judge(side, holdout.data.direction).counted
    if not counted.any():
        return None
    return float(pesaran_timmermann(holdout.data.up[counted] > 0.5, side[counted] > 0.0).p_value)


def verdict(n_sessions: int, n_holdout: int, calibrator: Calibrator, placed: Bets) -> tuple[Verdict, str]:
    """The verdict and a sentence: too little data, an edge, or none that could be proven."""
    if n_sessions < MINIMUM_SESSIONS or n_holdout < MINIMUM_HOLDOUT_BARS:
        return "too_little_data", (
            f"{n_sessions} full sessions and {n_holdout} out-of-sample bars; an answer needs "
            f"{MINIMUM_SESSIONS} and {MINIMUM_HOLDOUT_BARS}."
        )
    if calibrator.slope_low <= 0.0:
        return "no_edge", (
            f"Out of fold the forecasts are not reliably better than a coin (lower slope {calibrator.slope_low:.2f}): "
            "no edge, no bet."
        )
    if placed.n < MINIMUM_BETS or placed.mean_net_r is None:
        return "no_edge", f"Only {placed.n} out-of-sample bars beat their break-even; {MINIMUM_BETS} bets are needed."
    if placed.interval is None:
        return "no_edge", f"The {placed.n} out-of-sample bets fell on one or two trade dates, which prove nothing."
    low, high = placed.interval
    result = (
        f"{placed.n} bets made {placed.mean_net_r:+.4f} R each after costs (95 % interval {low:+.4f} to {high:+.4f})"
    )
    if low > 0.0:
        return "edge", f"Out of sample {result}."
    return "no_edge", f"Out of sample {result}: not proven above zero."


def _interval(hit: Floats, trade_date: npt.NDArray[np.int64]) -> tuple[float, float]:
    if len(np.unique(trade_date)) >= MINIMUM_DATES:
        low, high = day_block_interval(hit, trade_date)
    else:
        low, high = wilson_interval(int(hit.sum()), len(hit))
    return float(low), float(high)


def _iso_week(trade_date: int) -> str:
    year, week, _ = dt.date(trade_date // 10_000, trade_date // 100 % 100, trade_date % 100).isocalendar()
    return f"{year}-W{week:02d}"


def _finite(interval: tuple[float, float]) -> tuple[float, float] | None:
    return (float(interval[0]), float(interval[1])) if all(map(math.isfinite, interval)) else None


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
