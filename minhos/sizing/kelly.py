"""Kelly fractions: how much of the capital to put at risk on one bet, in closed form or by an exact root.

Outcomes are multiples of R, the amount that one unit of the bet puts at risk; a fraction is the share of capital that
is R.  Numbers that are no bet (NaN, infinite, out of range, no edge) give 0.0 and never raise, because the trading
path asks.  Not for turning fractions into contracts: see `pipeline`.

Sources: Kelly 1956; Busseti, Ryu & Boyd 2016 (arXiv:1603.06183); Baker & McHale 2013.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

_STEPS, _DRAWDOWN_STEPS = 16, 60
"""Of Newton; what has not converged by then is halved to the last bit."""
_HALVINGS = 200
_RELATIVE_STEP = 1e-6
"""Newton stops after a step this small, measured against the distance to zero and to the pole: its error is then of the
order of the square, 1e-12."""
_NEAR_RUIN = 1e2
"""Kelly's root is measured against the pole this much more coarsely than against zero."""
_PROBABILITY_SLACK = 1e-9
_NO_EDGE = 1e-15
"""A mean below this share of the largest loss is rounding, not an edge."""
_BELOW_ONE = math.nextafter(1.0, 0.0)
_LARGEST_EXPONENT = 700.0
"""e to this is near the largest number that there is."""
_LARGEST_GAIN = 1e290
"""In largest losses.  Beyond, a gain's size makes no difference any more, and its products would overflow."""


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
    """The bet of these outcomes; None where they are no bet: not finite, no loss, or probabilities not summing to 1.

    Moments that are too large for a number are infinite; the solvers do without them.
    """
    if len(outcomes) != len(probabilities) or not all(map(math.isfinite, outcomes)):
        return None
    if not all(0.0 <= pi <= 1.0 for pi in probabilities) or abs(math.fsum(probabilities) - 1.0) > _PROBABILITY_SLACK:
        return None
    worst = -min(outcomes)
    if worst <= 0.0:
        return None
    pairs = list(zip(probabilities, outcomes, strict=True))
    total = math.fsum if max(map(abs, outcomes)) <= _LARGEST_GAIN else sum
    mean = total(pi * x for pi, x in pairs)
    second, third = sum(pi * (x * x) for pi, x in pairs), sum(pi * (x * x * x) for pi, x in pairs)
    return Bet(tuple((pi, (x,)) for pi, x in pairs if pi > 0.0), mean, second, third, worst)


def _in_losses(outcomes: Sequence[float], probabilities: Sequence[float]) -> tuple[Bet | None, float]:
    """The bet with its outcomes in multiples of the largest loss, and that loss: Kelly knows no unit.

    The pole of its solvers then lies at 1 exactly, and outcomes of 1e150 or 1e-300 are as good as any other.
    """
    worst = -min(outcomes, default=0.0)
    if not 0.0 < worst < math.inf:
        return None, 1.0
    return bet_from([x if math.isnan(x) else min(x / worst, _limit(x)) for x in outcomes], probabilities), worst


def _limit(x: float) -> float:
    """What a gain counts for at most; an infinite one stays what it is, no bet."""
    return math.inf if x == math.inf else _LARGEST_GAIN


def _in_capital(fraction: float, worst: float) -> float:
    """A fraction of the bet in losses as one of the bet itself: finite, and below what the largest loss would ruin."""
    if fraction <= 0.0:
        return 0.0
    found = min(fraction / worst, sys.float_info.max)
    return found if found * worst < 1.0 else math.nextafter(found, 0.0)


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
    bet, worst = _in_losses(outcomes, probabilities)
    return 0.0 if bet is None else _in_capital(solve_kelly(bet), worst)


def drawdown_constrained_fraction(
    outcomes: Sequence[float], probabilities: Sequence[float], wealth_floor: float, breach_probability: float
) -> float:
    """Largest f up to Kelly with E[(1 + f x)^-lambda] <= 1, lambda = ln(breach_probability) / ln(wealth_floor).

    Betting at most f each time keeps P(wealth ever below wealth_floor of the start) under breach_probability.
    Shapes and bad numbers as in `kelly_fraction_discrete`; floor and probability lie between 0 and 1, exclusively.
    """
    bet, worst = _in_losses(outcomes, probabilities)
    if bet is None or not (0.0 < wealth_floor < 1.0 and 0.0 < breach_probability < 1.0):
        return 0.0
    lam = math.log(breach_probability) / math.log(wealth_floor)
    return _in_capital(solve_drawdown_bound(bet, lam, solve_kelly(bet)), worst)


def shrink_factor(p_win: float, payoff_ratio: float, p_standard_error: float) -> float:
    """Share of Kelly to bet when p_win is an estimate with that standard error (Baker & McHale 2013).

    e^2 / (e^2 + (b + 1)^2 s^2) with e = (b + 1) p - 1; 0.0 without an edge and for numbers that are no bet.
    """
    if kelly_fraction(p_win, payoff_ratio) <= 0.0 or not 0.0 <= p_standard_error < math.inf:
        return 0.0
    edge = (payoff_ratio + 1.0) * p_win - 1.0
    if edge <= 0.0:  # a payoff so small that nothing of it is left beside 1
        return 0.0
    spread = (payoff_ratio + 1.0) * p_standard_error / edge
    return 1.0 / (1.0 + spread * spread)


def growth_rate(fraction: float, outcomes: Sequence[float], probabilities: Sequence[float]) -> float:
    """Expected log growth of capital per bet, sum pi ln(1 + f x); minus infinity where the bet can ruin."""
    terms = [(pi, 1.0 + fraction * x) for x, pi in zip(outcomes, probabilities, strict=True) if pi > 0.0]
    if any(wealth <= 0.0 for _, wealth in terms):
        return -math.inf
    return math.fsum(pi * math.log(wealth) for pi, wealth in terms)


def solve_kelly(bet: Bet) -> float:
    """Root of h(f) = sum pi x / (1 + f x) on (0, 1 / worst); 0.0 where the mean is at most zero.

    Newton on G = (1 - f worst) h, which the pole of the largest loss does not bend, from Halley's step at zero and
    safeguarded by a bracket; halving where that does not converge.  No start from an earlier solution: the same bet
    always gives the same bits.
    """
    groups, mean, second, third, worst = bet
    if not mean > _NO_EDGE * worst:
        return 0.0
    low, high = 0.0, 1.0 / worst
    pole = high
    g1, g2 = -(second + worst * mean), 2.0 * (third + worst * second)
    curvature = 2.0 * g1 * g1 - mean * g2
    f = -2.0 * mean * g1 / curvature if 0.0 < curvature < math.inf else 0.0
    if not low < f < high:
        f = min(-mean / g1, 0.5 * high) if g1 < 0.0 else 0.5 * high
    for _ in range(_STEPS):
        if not low < f < high:
            break
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
        steepness = room * slope + worst * h
        if not 0.0 < abs(steepness) < math.inf:
            break
        following = f + room * h / steepness
        if abs(following - f) <= _RELATIVE_STEP * min(f, _NEAR_RUIN * (pole - f)):
            return following
        f = following if low < following < high else 0.5 * (low + high)
    return _last(lambda share: _grows(bet, share), low * worst, high * worst) / worst


def _grows(bet: Bet, share: float) -> bool:
    """Whether growth still rises at f = share / worst: E[x / (1 + f x)] > 0, in a form that no size overflows."""
    scaled = ((weight, x / bet.worst) for weight, outcomes in bet.groups for x in outcomes)
    return math.fsum(weight / (1.0 / y + share) for weight, y in scaled if y != 0.0) > 0.0


def _last(holds: Callable[[float], bool], low: float, high: float) -> float:
    """The largest number from `low` on and below `high` at which it holds, if it holds up to one point and not after.

    Halves the exponents first, then the digits, so that it ends at a number's last bit wherever that point lies.
    """
    for _ in range(_HALVINGS):
        close = low >= 0.25 * high
        middle = 0.5 * (low + high) if close else math.sqrt(max(low, sys.float_info.min)) * math.sqrt(high)
        if not low < middle < high:
            return low
        if holds(middle):
            low = middle
        else:
            high = middle
    return low


def solve_drawdown_bound(bet: Bet, lam: float, upper: float) -> float:
    """Largest f up to `upper` (below 1 / worst) with ln E[(1 + f x)^-lam] <= 0; `upper` where all of it holds.

    Newton on ln E[.] / f, which rises with f and has one root only, from a third-order expansion at zero; halving where
    that does not converge, as near the pole, where the least step changes the mean by any factor.
    """
    groups, mean, _, _, worst = bet
    if not (mean > _NO_EDGE * worst and upper > 0.0 and lam > 0.0):
        return 0.0
    pole = 1.0 / worst
    low, high = 0.0, min(upper, pole)
    f, power, last_move, upper_may_hold = _drawdown_start(bet, lam, high), -lam - 1.0, high, True
    for _ in range(_DRAWDOWN_STEPS):
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
            steepness = -lam * slope / total * f - log_total
            following = f - log_total * f / steepness
        except (OverflowError, ZeroDivisionError, ValueError, TypeError):
            break
        if log_total > 0.0:
            high, upper_may_hold = f, False
        elif f >= high:
            if f < pole:
                return f
            break
        else:
            low = f
        if upper_may_hold and following >= high:
            following = high
        elif low < following < high and abs(following - f) <= 0.7 * last_move:
            if abs(following - f) <= _RELATIVE_STEP * min(f, pole - f):
                return following
        else:
            following = 0.5 * (low + high)
        last_move, f = abs(following - f), following
    if high >= upper and _stays(bet, lam, min(upper * worst, _BELOW_ONE)):
        return min(upper, _BELOW_ONE / worst)
    return _last(lambda share: _stays(bet, lam, share), low * worst, min(high * worst, 1.0)) / worst


def _stays(bet: Bet, lam: float, share: float) -> bool:
    """Whether E[(1 + f x)^-lam] <= 1 at f = share / worst, by E[.] - 1, so that small bets do not drown in rounding."""
    terms = []
    for weight, outcomes in bet.groups:
        for x in outcomes:
            exponent = -lam * math.log1p(share * (x / bet.worst))
            if exponent > _LARGEST_EXPONENT:
                return weight <= 0.0
            terms.append(weight * math.expm1(exponent))
    return math.fsum(terms) <= 0.0


def _drawdown_start(bet: Bet, lam: float, high: float) -> float:
    """Where E[(1 + f x)^-lam] = 1 to third order in f, at most `high`."""
    linear, quadratic = 0.5 * (lam + 1.0) * bet.second, -(lam + 1.0) * (lam + 2.0) * bet.third / 6.0
    discriminant = linear * linear + 4.0 * quadratic * bet.mean
    if not 0.0 < discriminant < math.inf:
        return min(bet.mean / linear, high) if linear > 0.0 else high
    return min(2.0 * bet.mean / (linear + math.sqrt(discriminant)), high)
