"""Directional accuracy against what comes for free: the majority class, and luck with unequal classes.

Arrays hold one entry a bar.  `y` is the realised direction (truthy: up), ties already dropped.  Not for money:
an accuracy above one half can still lose its costs.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from minhos.stats.intervals import Interval, wilson_interval

_NORMAL = NormalDist()


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
    chosen = (np.maximum(p, 1.0 - p) >= threshold) & (p != 0.5)
    n, hits = int(chosen.sum()), int(((p > 0.5) == up)[chosen].sum())
    coverage = n / up.size if up.size else math.nan
    return SelectiveAccuracy(threshold, n, coverage, hits / n if n else math.nan, wilson_interval(hits, n, level))


def selective_curve(
    y: npt.ArrayLike, p_up: npt.ArrayLike, thresholds: tuple[float, ...] = (0.5, 0.52, 0.54, 0.56, 0.58, 0.6, 0.65)
) -> tuple[SelectiveAccuracy, ...]:
    """Selective accuracy at each threshold, in the order given."""
    return tuple(selective_accuracy(y, p_up, threshold) for threshold in thresholds)
