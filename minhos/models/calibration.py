"""The calibrator: a raw score becomes a probability that can be bet on, and a lower bound for sizing.

A logistic line through the origin of the logits keeps one half fixed, as the symmetry of a direction asks.
Only applying; the slope and its standard error are fitted by `training.calibration_fit`.
"""

from __future__ import annotations

import math

import msgspec

EXTREME = 1e-6
"""Probabilities are held this far from 0 and 1: a logit is always finite, and no bet is ever certain."""


def held(p: float) -> float:
    """The probability, no nearer to certainty than EXTREME."""
    return min(max(p, EXTREME), 1.0 - EXTREME)


def logit(p: float) -> float:
    """ln(p / (1 - p)) of a probability, held first."""
    p = held(p)
    return math.log(p) - math.log1p(-p)


def sigmoid(x: float) -> float:
    """1 / (1 + e^-x), without overflow for any x; exactly one half at zero."""
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    odds = math.exp(x)
    return odds / (1.0 + odds)


class Calibrator(msgspec.Struct, frozen=True):
    """p = sigmoid(slope * logit(score)).

    slope: maximum-likelihood slope through the origin; below zero it counts as zero (the score then says nothing,
    p is one half).  slope_se: its standard error.  slope_low: its lower bound, where p_low comes from; not above
    zero means that no edge was proven.  n: out-of-fold scores that it was fitted on.
    """

    slope: float
    slope_se: float
    slope_low: float
    n: int

    def p_up(self, score: float) -> float:
        """Calibrated probability of "up"."""
        return held(sigmoid(max(self.slope, 0.0) * logit(score)))

    def p_low(self, score: float) -> float:
        """Lower bound of the probability of the score's side, never below one half."""
        return held(sigmoid(max(self.slope_low, 0.0) * abs(logit(score))))
