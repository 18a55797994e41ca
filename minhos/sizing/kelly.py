"""Kelly fractions: how much of the capital to put at risk on one bet, in closed form or by an exact root.

Outcomes are multiples of R, the amount that one unit of the bet puts at risk; a fraction is the share of capital that
is R.  Numbers that are no bet (NaN, infinite, out of range, no edge) give 0.0 and never raise, because the trading
path asks.  Not for turning fractions into contracts: see `pipeline`.

Sources: Kelly 1956; Busseti, Ryu & Boyd 2016 (arXiv:1603.06183); Baker & McHale 2013.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

_STEPS = 60
_RELATIVE_STEP = 1e-6
"""Newton stops after a step this small: its error is then of the order of the square, 1e-12."""
_PROBABILITY_SLACK = 1e-9
_NO_EDGE = 1e-15
"""A mean below this is rounding, not an edge."""


class Bet(NamedTuple):
    """A distribution of outcomes in the form that the solvers eat.

    groups: (probability of each, outcomes) of outcomes that are equally likely.  mean, second, third: raw moments.
    worst: size of the largest loss, above zero; a fraction stays below 1 / worst.
    """

    groups: tuple[tuple[float, Sequence[float]], ...]
    mean: float
    second: float
    third: float
    worst: float


def bet_from(outcomes: Sequence[float], probabilities: Sequence[float]) -> Bet | None:
    """The bet of these outcomes; None where they are no bet: not finite, no loss, or probabilities not summing to 1."""
    if len(outcomes) != len(probabilities) or not all(map(math.isfinite, outcomes)):
        return None
    if not all(0.0 <= pi <= 1.0 for pi in probabilities) or abs(math.fsum(probabilities) - 1.0) > _PROBABILITY_SLACK:
        return None
    worst = -min(outcomes)
    if worst <= 0.0:
        return None
    pairs = list(zip(probabilities, outcomes, strict=True))
    mean, second, third = (math.fsum(pi * x**k for pi, x in pairs) for k in (1, 2, 3))
    return Bet(tuple((pi, (x,)) for pi, x in pairs if pi > 0.0), mean, second, third, worst)


def kelly_fraction(p_win: float, payoff_ratio: float) -> float:
    """Kelly of a bet that wins `payoff_ratio` R with probability p_win and else loses 1 R: p - (1 - p) / b.

    0.0 at or below break-even p = 1 / (1 + b), and for numbers that are no bet.
    """
    if not (0.0 <= p_win <= 1.0 and 0.0 < payoff_ratio < math.inf):
        return 0.0
    fraction = p_win - (1.0 - p_win) / payoff_ratio
    return fraction if fraction > _NO_EDGE else 0.0


def kelly_fraction_discrete(outcomes: Sequence[float], probabilities: Sequence[float]) -> float:
    """argmax over f of sum pi ln(1 + f x): the root of sum pi x / (1 + f x), relative error about 1e-12.

    outcomes (net, in R) and probabilities (summing to 1): shape (n,).  0.0 where the mean is at most zero, where no
    outcome is a loss, and for numbers that are no bet.  A loss that never happens still bounds f at 1 / loss.
    """
    bet = bet_from(outcomes, probabilities)
    return 0.0 if bet is None else solve_kelly(bet)


def drawdown_constrained_fraction(
    outcomes: Sequence[float], probabilities: Sequence[float], wealth_floor: float, breach_probability: float
) -> float:
    """Largest f up to Kelly with E[(1 + f x)^-lambda] <= 1, lambda = ln(breach_probability) / ln(wealth_floor).

    Betting at most f each time keeps P(wealth ever below wealth_floor of the start) under breach_probability.
    Shapes and bad numbers as in `kelly_fraction_discrete`; floor and probability lie between 0 and 1, exclusively.
    """
    bet = bet_from(outcomes, probabilities)
    if bet is None or not (0.0 < wealth_floor < 1.0 and 0.0 < breach_probability < 1.0):
        return 0.0
    return solve_drawdown_bound(bet, math.log(breach_probability) / math.log(wealth_floor), solve_kelly(bet))


def shrink_factor(p_win: float, payoff_ratio: float, p_standard_error: float) -> float:
    """Share of Kelly to bet when p_win is an estimate with that standard error (Baker & McHale 2013).

    e^2 / (e^2 + (b + 1)^2 s^2) with e = (b + 1) p - 1; 0.0 without an edge and for numbers that are no bet.
    """
    if kelly_fraction(p_win, payoff_ratio) <= 0.0 or not 0.0 <= p_standard_error < math.inf:
        return 0.0
    edge = (payoff_ratio + 1.0) * p_win - 1.0
    spread = (payoff_ratio + 1.0) * p_standard_error
    return edge * edge / (edge * edge + spread * spread)


def growth_rate(fraction: float, outcomes: Sequence[float], probabilities: Sequence[float]) -> float:
    """Expected log growth of capital per bet, sum pi ln(1 + f x); minus infinity where the bet can ruin."""
    terms = [(pi, 1.0 + fraction * x) for x, pi in zip(outcomes, probabilities, strict=True) if pi > 0.0]
    if any(wealth <= 0.0 for _, wealth in terms):
        return -math.inf
    return math.fsum(pi * math.log(wealth) for pi, wealth in terms)


def solve_kelly(bet: Bet) -> float:
    """Root of h(f) = sum pi x / (1 + f x) on (0, 1 / worst); 0.0 where the mean is at most zero.

    Newton on G = (1 - f worst) h, which the pole of the largest loss does not bend, from Halley's step at zero and
    safeguarded by a bracket.  No start from an earlier solution: the same bet always gives the same bits.
    """
    groups, mean, second, third, worst = bet
    if not mean > _NO_EDGE:
        return 0.0
    low, high = 0.0, 1.0 / worst
    g1, g2 = -(second + worst * mean), 2.0 * (third + worst * second)
    f = -2.0 * mean * g1 / (2.0 * g1 * g1 - mean * g2)
    if not low < f < high:
        f = min(-mean / g1, 0.5 * high)
    for _ in range(_STEPS):
        h = slope = 0.0
        for weight, outcomes in groups:
            first = squares = 0.0
            for x in outcomes:
                r = x / (1.0 + f * x)
                first += r
                squares += r * r
            h += weight * first
            slope += weight * squares
        if h > 0.0:
            low = f
        else:
            high = f
        room = 1.0 - f * worst
        following = f + room * h / (room * slope + worst * h)
        if low < following < high:
            if abs(following - f) <= _RELATIVE_STEP * f:
                return following
        else:
            following = 0.5 * (low + high)
            if not low < following < high:
                break
        f = following
    return low


def solve_drawdown_bound(bet: Bet, lam: float, upper: float) -> float:
    """Largest f up to `upper` (at most 1 / worst) with ln E[(1 + f x)^-lam] <= 0; `upper` where all of it holds.

    Newton on ln E[.] / f, which rises with f and has one root only, from a third-order expansion at zero.
    """
    groups, mean, _, _, worst = bet
    if not (mean > _NO_EDGE and upper > 0.0):
        return 0.0
    low, high = 0.0, min(upper, 1.0 / worst)
    f, power, last_move, upper_may_hold = _drawdown_start(bet, lam, high), -lam - 1.0, high, True
    for _ in range(_STEPS):
        try:
            total = slope = 0.0
            for weight, outcomes in groups:
                level = lean = 0.0
                for x in outcomes:
                    wealth = 1.0 + f * x
                    term = wealth**power
                    level += term * wealth
                    lean += term * x
                total += weight * level
                slope += weight * lean
            log_total = math.log(total)
        except (OverflowError, ZeroDivisionError):
            high, f, upper_may_hold = f, 0.5 * (low + f), False
            continue
        if log_total > 0.0:
            high, upper_may_hold = f, False
        elif f >= high:
            return f
        else:
            low = f
        following = f - log_total * f / (-lam * slope / total * f - log_total)
        if upper_may_hold and following >= high:
            following = high
        elif low < following < high and abs(following - f) <= 0.7 * last_move:
            if abs(following - f) <= _RELATIVE_STEP * f:
                return following
        else:
            following = 0.5 * (low + high)
            if not low < following < high:
                break
        last_move, f = abs(following - f), following
    return low


def _drawdown_start(bet: Bet, lam: float, high: float) -> float:
    """Where E[(1 + f x)^-lam] = 1 to third order in f, at most `high`."""
    linear, quadratic = 0.5 * (lam + 1.0) * bet.second, -(lam + 1.0) * (lam + 2.0) * bet.third / 6.0
    discriminant = linear * linear + 4.0 * quadratic * bet.mean
    if discriminant <= 0.0:
        return min(bet.mean / linear, high)
    return min(2.0 * bet.mean / (linear + math.sqrt(discriminant)), high)
