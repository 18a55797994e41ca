"""Directional accuracy against what comes for free: the majority class, and luck with unequal classes.

Arrays hold one entry a bar.  `y` is the realised direction (truthy: up), ties already dropped.  Whether a forecast
was right is told by `judge` alone, everywhere: a bar on which a forecast names no side is silent, and is neither right
nor wrong.  Not for money: an accuracy above one half can still lose its costs.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from minhos.stats.intervals import Interval, wilson_interval

_NORMAL = NormalDist()


Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Judged(NamedTuple):
    """Forecasts against what happened; arrays of shape (n_bars,).

    counted: bars that moved and on which a side was named.  right: 1.0 or 0.0 on these; on silent bars, which moved
    and had no side, 0.5, as a coin would do; NaN where nothing moved.  silent: how many.
    """

    counted: Mask
    right: Floats
    silent: int

    @property
    def hits(self) -> Floats:
        """1.0 for each counted bar that was right, else 0.0; shape (n,)."""
        return self.right[self.counted]

    @property
    def n(self) -> int:
        return int(self.counted.sum())

    @property
    def accuracy(self) -> float | None:
        """Share of the counted bars that were right; None where no side was named."""
        return float(self.hits.mean()) if self.counted.any() else None


class PesaranTimmermann(NamedTuple):
    """The statistic (standard normal under independence) and its one-sided p-value."""

    statistic: float
    p_value: float


class SelectiveAccuracy(NamedTuple):
    """Accuracy on the share of bars (`coverage`) whose confidence reaches `threshold`."""

    threshold: float
    n: int
    coverage: float
    accuracy: float
    interval: Interval


def side_of(score: npt.ArrayLike) -> Floats:
    """+1.0 up, -1.0 down, 0.0 where a score of "up" is exactly one half or none: it then names no side."""
    return np.nan_to_num(np.sign(np.asarray(score, dtype=np.float64) - 0.5), nan=0.0)


def judge(side: npt.ArrayLike, moved: npt.ArrayLike) -> Judged:
    """Which bars count and which of them were right.

    side: +1, -1, or 0 for none (`side_of` a raw score).  moved: the move, or its sign; 0 where there is none.
    """
    said, came = np.sign(np.asarray(side, dtype=np.float64)), np.sign(np.asarray(moved, dtype=np.float64))
    if said.shape != came.shape or said.ndim != 1:
        raise ValueError(f"side and moved must have one common length, got {said.shape} and {came.shape}")
    right = np.where(said == 0.0, 0.5, (said == came).astype(np.float64))
    right[came == 0.0] = np.nan
    return Judged((said != 0.0) & (came != 0.0), right, int(((said == 0.0) & (came != 0.0)).sum()))


def pesaran_timmermann(y: npt.ArrayLike, x: npt.ArrayLike) -> PesaranTimmermann:
    """Do forecasts x and outcomes y agree in direction more often than two independent series would?

    y, x: shape (n,), 0/1 or bool.  Robust against unequal classes on either side (Pesaran & Timmermann 1992).
    Where one side is constant nothing can be shown: statistic 0, p-value 0.5.
    """
    up, said_up = np.asarray(y, dtype=bool), np.asarray(x, dtype=bool)
    if up.shape != said_up.shape or up.ndim != 1 or up.size == 0:
        raise ValueError(f"y and x must have one common length above zero, got {up.shape} and {said_up.shape}")
    n = up.size
    hit_share, py, px = float(np.mean(up == said_up)), float(up.mean()), float(said_up.mean())
    expected = py * px + (1 - py) * (1 - px)
    variance = expected * (1 - expected) / n
    variance_expected = ((2 * py - 1) ** 2 * px * (1 - px) + (2 * px - 1) ** 2 * py * (1 - py)) / n
    variance_expected += 4 * py * px * (1 - py) * (1 - px) / n**2
    if variance - variance_expected <= 1e-15:
        return PesaranTimmermann(0.0, 0.5)
    statistic = (hit_share - expected) / math.sqrt(variance - variance_expected)
    return PesaranTimmermann(statistic, _NORMAL.cdf(-statistic))


def majority_share(y: npt.ArrayLike) -> float:
    """Accuracy of always naming the more frequent direction of these bars; NaN without bars."""
    up = np.asarray(y, dtype=bool)
    return max(float(up.mean()), 1.0 - float(up.mean())) if up.size else math.nan


def selective_accuracy(
    y: npt.ArrayLike, p_up: npt.ArrayLike, threshold: float, level: float = 0.95
) -> SelectiveAccuracy:
    """Accuracy on bars whose max(p_up, 1 - p_up) is at least `threshold`, with its Wilson interval.

    y, p_up: shape (n,).  A p_up of exactly one half names no side and never counts.
    """
    up, p = np.asarray(y, dtype=bool), np.asarray(p_up, dtype=np.float64)
    if up.shape != p.shape or up.ndim != 1:
        raise ValueError(f"y and p_up must have one common length, got {up.shape} and {p.shape}")
    judged = judge(np.where(np.maximum(p, 1.0 - p) >= threshold, side_of(p), 0.0), np.where(up, 1.0, -1.0))
    n, hits = judged.n, int(judged.hits.sum())
    coverage = n / up.size if up.size else math.nan
    return SelectiveAccuracy(threshold, n, coverage, hits / n if n else math.nan, wilson_interval(hits, n, level))


def selective_curve(
    y: npt.ArrayLike, p_up: npt.ArrayLike, thresholds: tuple[float, ...] = (0.5, 0.52, 0.54, 0.56, 0.58, 0.6, 0.65)
) -> tuple[SelectiveAccuracy, ...]:
    """Selective accuracy at each threshold, in the order given."""
    return tuple(selective_accuracy(y, p_up, threshold) for threshold in thresholds)
