"""Whole columns of forecasts: the arithmetic of `models.combine` and `models.calibration` on arrays.

For training and evaluation alone; live forecasts come from `models.serving`, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from minhos.errors import TrainingError
from minhos.models.calibration import EXTREME, Calibrator
from minhos.stats import log_loss, slope_through_origin

Floats = npt.NDArray[np.float64]


def logit(p: npt.ArrayLike) -> Floats:
    """`models.calibration.logit` of every entry."""
    inside = np.clip(np.asarray(p, dtype=float), EXTREME, 1.0 - EXTREME)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def sigmoid(x: npt.ArrayLike) -> Floats:
    """`models.calibration.sigmoid` of every entry."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(x, dtype=float))))


def combine_columns(members: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """Weighted mean of the members' logits as a probability, shape (n,); members without weight are left out."""
    total = sum(weights[name] for name in members)
    if total <= 0.0:
        raise TrainingError(f"The members {', '.join(members) or '(none)'} have no weight; nothing can be combined.")
    mixed = sum((weights[name] * logit(p) for name, p in members.items() if weights[name] > 0.0), np.float64(0.0))
    return sigmoid(mixed / total)


def calibrated(calibrator: Calibrator, score: Floats, *, low: bool = False) -> Floats:
    """Calibrated probability of "up", shape (n,); low: with the lower slope instead."""
    return sigmoid(max(calibrator.slope_low if low else calibrator.slope, 0.0) * logit(score))


def vote_weights(out_of_fold: Mapping[str, Floats], up: Floats) -> dict[str, float]:
    """Voting weights, summing to one: each member's gain in out-of-fold log loss over a coin, never below zero.

    The gain is taken at the member's own best slope, so that a confident and a timid member are compared by what
    they know.  A member whose slope is negative weighs nothing; when none knows anything all weigh the same.
    """
    gains = {name: _gain(p, up) for name, p in out_of_fold.items()}
    total = sum(gains.values())
    if total <= 0.0:
        return dict.fromkeys(gains, 1.0 / len(gains))
    return {name: gain / total for name, gain in gains.items()}


def cross_weighted(out_of_fold: Mapping[str, Floats], up: Floats) -> Floats:
    """Combined scores, shape (n,), of samples in order of time: each half with the votes that the other half gave.

    For calibration.  Votes learnt from the very labels that calibration looks at would prefer members that were lucky
    on them, and on a market of pure noise the lower slope would be above zero twice as often as it should.
    """
    score = np.empty(len(up))
    first, second = np.array_split(np.arange(len(up)), 2)
    for learnt, scored in ((second, first), (first, second)):
        weights = vote_weights({name: p[learnt] for name, p in out_of_fold.items()}, up[learnt])
        score[scored] = combine_columns({name: p[scored] for name, p in out_of_fold.items()}, weights)
    return score


def _gain(p: Floats, up: Floats) -> float:
    slope, _ = slope_through_origin(up, p)
    if not slope > 0.0:
        return 0.0
    return max(0.0, float(np.log(2.0)) - log_loss(up, sigmoid(slope * logit(p))))
