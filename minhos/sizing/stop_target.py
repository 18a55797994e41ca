"""The bet of a stop and a target: payoff ratio, break-even and Kelly after costs, in points.

Only for orders that really carry both barriers.  Probability and payoff must speak of the same event: the odds that the
next bar rises say nothing about reaching a target before a stop.  Numbers that are no bet give 0.0 (break-even: 1.0).
"""

from __future__ import annotations

import math

from minhos.sizing.kelly import kelly_fraction


def net_payoff_ratio(stop: float, target: float, cost: float) -> float:
    """(target - cost) / (stop + cost): what is won over what is lost, net of the round trip."""
    if not (0.0 < stop < math.inf and 0.0 < target < math.inf and 0.0 <= cost < math.inf):
        return 0.0
    return max(0.0, (target - cost) / (stop + cost))


def break_even_probability(stop: float, target: float, cost: float) -> float:
    """(stop + cost) / (stop + target): the probability of reaching the target at which the bet's mean is zero."""
    if net_payoff_ratio(stop, target, cost) <= 0.0:
        return 1.0
    return (stop + cost) / (stop + target)


def stop_target_kelly(p_target: float, stop: float, target: float, cost: float) -> float:
    """Kelly fraction of capital at risk, where one contract risks stop + cost."""
    return kelly_fraction(p_target, net_payoff_ratio(stop, target, cost))


def target_first_probability(drift: float, sigma: float, stop: float, target: float) -> float:
    """P(target before stop) of a Brownian price with that drift and standard deviation per bar.

    stop / (stop + target) without drift.  An upper bound for real use: it assumes that the drift lasts.
    """
    if not (0.0 < sigma < math.inf and 0.0 < stop < math.inf and 0.0 < target < math.inf and math.isfinite(drift)):
        return 0.0
    pull = 2.0 * drift / (sigma * sigma)
    if abs(pull) * (stop + target) < 1e-9:
        return stop / (stop + target)
    share = math.expm1(-abs(pull) * stop) / math.expm1(-abs(pull) * (stop + target))
    return share if pull > 0.0 else share * math.exp(pull * target)
