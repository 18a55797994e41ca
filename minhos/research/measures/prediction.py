"""What the models predicted out of sample: direction, probability, calibration, and where confidence pays.

Direction is judged on the raw score's side, on every bar that moved; probability on the calibrated p.  Both are read
from `Signals` and cannot tell a walk-forward from a holdout.  Not for money: that is `edge`.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from minhos.errors import NotEnoughData
from minhos.research.luck.permutation import day_permutation_p_value
from minhos.research.new_york import new_york_minutes
from minhos.research.out_of_sample import Floats, Ints, Mask, Signals
from minhos.stats import (
    brier_score,
    brier_skill,
    calibration_slope,
    day_block_interval,
    debiased_calibration_error,
    finite,
    judge,
    log_loss,
    log_loss_skill,
    majority_share,
    murphy_decomposition,
    pesaran_timmermann,
    reliability_table,
    side_of,
    wilson_interval,
)

Pair = tuple[float, float]
N_BINS = 15
MINIMUM_CALIBRATION = 20 * N_BINS
"""Bars below which a reliability diagram of 15 bins is noise."""
MINIMUM_SELECTIVE = 30
"""Bars at a threshold below which their accuracy is luck."""
MINIMUM_DATES = 5
"""With fewer trade dates an interval by resampling them says too little; Wilson's is given instead."""
THRESHOLDS = (0.50, 0.51, 0.52, 0.53, 0.54, 0.55, 0.56, 0.58, 0.60, 0.62, 0.65, 0.70)
Z_95 = 1.959963984540054


class Accuracy(msgspec.Struct, frozen=True):
    """How often the raw score named the right direction.  Shares and p-values 0 to 1.

    n: bars that moved and had a side.  ties: bars that did not move.  silent: bars that moved and had none; the three
    are all bars.  dates: trade dates of the n.  interval: 95 %, by
    resampling trade dates (Wilson's below five).  majority: accuracy of always naming the more frequent direction of
    the same bars.  break_even: mean p at which their bets would have paid their cost.  pesaran_timmermann: statistic,
    standard normal without skill; p_value: its one-sided p-value.  permutation_p_value: of permuted trade dates.
    """

    n: int
    ties: int
    dates: int
    accuracy: float
    interval: Pair
    majority: float
    break_even: float
    pesaran_timmermann: float
    p_value: float
    permutation_p_value: float | None
    silent: int = 0


class Scores(msgspec.Struct, frozen=True):
    """Calibrated p_up against what happened, on bars that moved.

    log_loss: nats, a coin scores 0.6931; log_loss_skill: 1 - log loss / that of a coin, with its 95 % interval by
    resampling trade dates (None under three).  brier: a coin scores 0.25; brier_skill: against the base rate.
    reliability, resolution, uncertainty, within_bin: Murphy's parts of it.
    """

    n: int
    log_loss: float
    log_loss_skill: float
    skill_interval: Pair | None
    brier: float
    brier_skill: float
    reliability: float
    resolution: float
    uncertainty: float
    within_bin: float


class Bin(msgspec.Struct, frozen=True):
    """Bars of one p_up: mean forecast, share that rose, and the band where 95 % of calibrated forecasts would lie."""

    n: int
    forecast: float
    observed: float
    band: Pair


class Calibration(msgspec.Struct, frozen=True):
    """Do the probabilities mean what they say?  Slope 1 and intercept 0 (of the logits) when they do.

    error: debiased calibration error, in units of probability.  slope, intercept and their 95 % intervals: None where
    every p is the same.  bins: by rising forecast, equally many bars each.
    """

    n: int
    error: float
    slope: float | None
    slope_interval: Pair | None
    intercept: float | None
    intercept_interval: Pair | None
    bins: tuple[Bin, ...]


class Selective(msgspec.Struct, frozen=True):
    """Bars whose p of the side reaches `threshold`: their share of all, accuracy with 95 % interval, break-even."""

    threshold: float
    n: int
    coverage: float
    accuracy: float
    interval: Pair
    majority: float
    break_even: float


class Prediction(msgspec.Struct, frozen=True):
    """Everything about forecasts.

    bars: with a forecast; moved: of these, bars that moved; silent: bars whose p is one half, so that it names no side.
    missing: what could not be measured, and why.
    """

    bars: int
    moved: int
    silent: int
    accuracy: Accuracy | None
    scores: Scores | None
    calibration: Calibration | None
    selective: tuple[Selective, ...]
    missing: dict[str, str]


def prediction(signals: Signals) -> Prediction:
    """Measure the forecasts of those bars."""
    missing: dict[str, str] = {}
    accuracy = _accuracy(signals, missing)
    moved = signals.take(signals.decided)
    one_class = len(moved) > 0 and float(np.ptp(moved.up)) == 0.0
    if one_class:
        missing["scores"] = f"all {len(moved)} bars moved {'up' if moved.up[0] else 'down'}: skill cannot be told"
    elif not len(moved):
        missing["scores"] = "no bar moved: prices are constant"
    scores = _scores(moved) if "scores" not in missing else None
    calibration = None
    if scores is None:
        missing["calibration"] = missing["scores"]
    elif len(moved) < MINIMUM_CALIBRATION:
        missing["calibration"] = f"{len(moved)} bars that moved; {MINIMUM_CALIBRATION} are needed for {N_BINS} bins"
    else:
        calibration = _calibration(moved)
    silent = int((signals.side == 0).sum())
    if silent == len(signals):
        missing["selective"] = "every p is one half: the calibrated models name no side"
    return Prediction(
        len(signals), len(moved), silent, accuracy, scores, calibration, _selective(moved, missing), missing
    )


def said_up(signals: Signals) -> Floats:
    """+1, -1 or 0: the raw score's side, which calibration keeps where it leaves any."""
    return side_of(signals.score)


def hits(signals: Signals) -> tuple[Mask, Floats]:
    """Bars that count for accuracy, shape (n,), and 1.0 for each that was right, shape (their number,)."""
    judged = judge(said_up(signals), np.where(signals.decided, signals.move_ticks, 0.0))
    return judged.counted, judged.hits


def mean_interval(values: Floats, trade_date: Ints) -> Pair:
    """95 % interval of a share: by resampling trade dates, Wilson's where there are too few of them."""
    if len(np.unique(trade_date)) >= MINIMUM_DATES:
        low, high = day_block_interval(values, trade_date, reps=1000)
    else:
        low, high = wilson_interval(int(values.sum()), len(values))
    return float(low), float(high)


def _accuracy(signals: Signals, missing: dict[str, str]) -> Accuracy | None:
    counted, hit = hits(signals)
    if not len(hit):
        missing["accuracy"] = f"none of {len(signals)} bars both moved and had a forecast with a side"
        return None
    of_them = signals.take(counted)
    skill = pesaran_timmermann(of_them.up > 0.5, said_up(of_them) > 0)
    permuted = None
    try:
        permuted = day_permutation_p_value(
            said_up(of_them), np.sign(of_them.move_ticks), of_them.trade_date, new_york_minutes(of_them.close_time_ns)
        )
    except NotEnoughData as error:
        missing["permutation"] = str(error)
    return Accuracy(
        n=len(hit),
        ties=int((~signals.decided).sum()),
        dates=len(np.unique(of_them.trade_date)),
        accuracy=float(hit.mean()),
        interval=mean_interval(hit, of_them.trade_date),
        majority=majority_share(of_them.up > 0.5),
        break_even=float(of_them.break_even.mean()),
        pesaran_timmermann=float(skill.statistic),
        p_value=float(skill.p_value),
        permutation_p_value=permuted,
        silent=len(signals.take(signals.decided)) - len(hit),
    )


def _scores(moved: Signals) -> Scores:
    up, p = moved.up, moved.p_up
    parts = murphy_decomposition(up, p, N_BINS)
    return Scores(
        len(moved),
        log_loss(up, p),
        log_loss_skill(up, p),
        _skill_interval(moved),
        brier_score(up, p),
        brier_skill(up, p),
        parts.reliability,
        parts.resolution,
        parts.uncertainty,
        parts.within_bin,
    )


def _skill_interval(moved: Signals) -> Pair | None:
    """Of the log loss saved a bar, as a share of a coin's."""
    right = np.clip(np.where(moved.up > 0.5, moved.p_up, 1.0 - moved.p_up), 1e-12, 1.0)
    low, high = day_block_interval(1.0 + np.log(right) / math.log(2.0), moved.trade_date, reps=1000)
    return (float(low), float(high)) if math.isfinite(low) else None


def _calibration(moved: Signals) -> Calibration:
    fitted = calibration_slope(moved.up, moved.p_up)
    return Calibration(
        n=len(moved),
        error=debiased_calibration_error(moved.up, moved.p_up, N_BINS),
        slope=finite(fitted.slope),
        slope_interval=_around(fitted.slope, fitted.slope_se),
        intercept=finite(fitted.intercept),
        intercept_interval=_around(fitted.intercept, fitted.intercept_se),
        bins=tuple(
            Bin(row.n, row.forecast, row.observed, (row.band_low, row.band_high))
            for row in reliability_table(moved.up, moved.p_up, N_BINS)
        ),
    )


def _selective(moved: Signals, missing: dict[str, str]) -> tuple[Selective, ...]:
    """At each threshold that enough bars reach; a bar without a side reaches none."""
    found: list[Selective] = []
    for threshold in THRESHOLDS:
        chosen = moved.take((moved.p_side >= threshold) & (moved.side != 0))
        if len(chosen) < MINIMUM_SELECTIVE:
            what = "selective" if not found else f"accuracy from p = {threshold:.2f} on"
            missing.setdefault(what, f"{len(chosen)} bars reach p = {threshold:.2f}; {MINIMUM_SELECTIVE} are needed")
            break
        hit = judge(chosen.side, chosen.move_ticks).hits
        found.append(
            Selective(
                threshold,
                len(chosen),
                len(chosen) / len(moved),
                float(hit.mean()),
                mean_interval(hit, chosen.trade_date),
                majority_share(chosen.up > 0.5),
                float(chosen.break_even.mean()),
            )
        )
    return tuple(found)


def _around(value: float, se: float) -> Pair | None:
    return (value - Z_95 * se, value + Z_95 * se) if math.isfinite(value) and math.isfinite(se) else None
