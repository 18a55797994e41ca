"""What a resting stop makes of a payoff's outcomes: the path inside the bar, as measured or as the stated model has it.

A bar that ends well may have touched the stop before, and a loss that would have come back is taken.  Left out, a
tight stop promises a gain to a coin flip; on a path without drift no stop is worth anything (optional stopping).  So:
what the stop saves on bars that end beyond it is lost again on bars that touch it and end better, exactly.

The model of the path between a bar's ends is a Brownian bridge: a bar that ends at x has touched a stop at -s with
probability exp(-2 s (s + x) / v).  Its variance v is the one that makes that balance hold for these outcomes at this
stop.  Sizes that differ between right and wrong bars, as in a payoff made by hand, are balanced as far as both have
them.  Where the paths were measured (`Payoff.right_share`), right and wrong bars bear the loss as measured, each with a
variance of its own.  See docs/decisions/0015.  In ATR, before cost and slippage; those are `sizing.payoff`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from minhos.models.payoff import Payoff

_STEPS = 60
_ENOUGH = 1e-14


class Stopped(NamedTuple):
    """One payoff at one stop.  right, wrong: share of each of its outcomes, in its order, that ends at the stop.

    right_mean, wrong_mean: mean outcome in ATR, stopped ones counted as the stop.  right_stopped, wrong_stopped: mean
    of the shares.
    """

    right: tuple[float, ...]
    wrong: tuple[float, ...]
    right_mean: float
    wrong_mean: float

    @property
    def right_stopped(self) -> float:
        return math.fsum(self.right) / len(self.right)

    @property
    def wrong_stopped(self) -> float:
        return math.fsum(self.wrong) / len(self.wrong)


def stopped(payoff: Payoff, stop: float) -> Stopped:
    """The outcomes with a stop resting `stop` ATR away, above zero.  The payoff must be sound."""
    n_right, n_wrong = len(payoff.right), len(payoff.wrong)
    right_mean, wrong_mean = math.fsum(payoff.right) / n_right, math.fsum(payoff.wrong) / n_wrong
    cut = math.fsum(-x - stop for x in payoff.wrong if -x > stop) / n_wrong
    saved = min(cut, math.fsum(x - stop for x in payoff.right if x > stop) / n_right)
    if saved <= 0.0:
        ended = tuple(float(-x >= stop) for x in payoff.wrong)
        return Stopped((0.0,) * n_right, ended, right_mean, wrong_mean + cut)
    from_right = [stop + x for x in payoff.right]
    from_wrong = [stop + x for x in payoff.wrong if -x < stop]
    most_right, most_wrong = math.fsum(from_right) / n_right, math.fsum(from_wrong) / n_wrong
    share = measured_share(payoff, stop)
    if share is None:
        of_right = of_wrong = _rate(
            [(d, d / n_right) for d in from_right] + [(d, d / n_wrong) for d in from_wrong], saved
        )
    else:
        by_wrong = min((1.0 - share) * saved, most_wrong)
        of_right = _rate([(d, d / n_right) for d in from_right], min(saved - by_wrong, most_right))
        of_wrong = _rate([(d, d / n_wrong) for d in from_wrong], by_wrong)
    right = tuple(math.exp(-of_right * d) for d in from_right)
    wrong = tuple(1.0 if -x >= stop else math.exp(-of_wrong * (stop + x)) for x in payoff.wrong)
    lost_right = math.fsum(q * d for q, d in zip(right, from_right, strict=True)) / n_right
    lost_wrong = math.fsum(q * (stop + x) for q, x in zip(wrong, payoff.wrong, strict=True) if -x < stop) / n_wrong
    return Stopped(right, wrong, right_mean - lost_right, wrong_mean + cut - lost_wrong)


def measured_share(payoff: Payoff, stop: float) -> float | None:
    """Of what a stop there loses on bars that end better, the share that right bars bear; None where not measured."""
    stops = [at for at, _ in payoff.right_share]
    if not stops or not stops[0] <= stop <= stops[-1]:
        return None
    i = min(bisect_right(stops, stop), len(stops) - 1)
    (low, at_low), (high, at_high) = payoff.right_share[max(i - 1, 0)], payoff.right_share[i]
    weight = (stop - low) / (high - low) if high > low else 0.0
    return at_low + weight * (at_high - at_low)


def _rate(terms: Sequence[tuple[float, float]], target: float) -> float:
    """The rate k at which sum c exp(-k d) falls to the target; zero where it never was above.  terms: (d, c).

    Newton on its logarithm, which is convex and falling: from zero it comes nearer with every step and never passes.
    """
    if target <= 0.0:
        return math.inf
    rate, log_target = 0.0, math.log(target)
    for _ in range(_STEPS):
        total = slope = 0.0
        for d, c in terms:
            term = c * math.exp(-rate * d)
            total += term
            slope += term * d
        if total <= 0.0 or slope <= 0.0:
            return rate
        step = (math.log(total) - log_target) * total / slope
        if step <= _ENOUGH * rate:
            return rate + max(step, 0.0)
        rate += step
    return rate
