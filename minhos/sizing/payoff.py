"""What one bar's bet is worth in R after its costs: outcomes, break-even, and the bet that Kelly is solved on.

R is the stop's distance plus the round trip's cost.  Losses are cut at the stop, the gap's atom is not; cost is taken
off every other outcome.  Held contracts have paid: their outcomes are free of cost, in the same R.  The mean is linear
in p, so break-even is closed.  Fitting the payoff is `training`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from minhos.models.payoff import Payoff
from minhos.sizing.kelly import Bet
from minhos.sizing.memo import once_per_value


class _Prepared(NamedTuple):
    """A payoff with what does not depend on the bar.  Sums are raw moments of orders 1 to 3, in ATR.

    wrong: sizes of the losses, mildest first.  wrong_sums[j]: sums over the j mildest.
    """

    payoff: Payoff
    right_sums: tuple[float, float, float]
    wrong: tuple[float, ...]
    wrong_sums: tuple[tuple[float, float, float], ...]
    defect: str


def _sums(values: tuple[float, ...]) -> list[tuple[float, float, float]]:
    """Running sums of x, x^2, x^3, beginning with none."""
    powers = ([x**k for x in values] for k in (1, 2, 3))
    return list(zip(*(accumulate(column, initial=0.0) for column in powers), strict=True))


@once_per_value
def _prepare(payoff: Payoff) -> _Prepared:
    wrong = tuple(sorted(-x for x in payoff.wrong))
    values = (*payoff.right, *wrong, payoff.gap_r)
    if not payoff.right or not wrong or not all(0.0 < x < math.inf for x in values):
        defect = "the payoff's outcomes must be finite, right ones above zero and wrong ones below"
    elif not 0.0 <= payoff.gap_probability < 1.0:
        defect = f"the payoff's gap probability is {payoff.gap_probability}"
    else:
        return _Prepared(payoff, _sums(payoff.right)[-1], wrong, tuple(_sums(wrong)), "")
    return _Prepared(payoff, (0.0, 0.0, 0.0), (), (), defect)


def payoff_defect(payoff: Payoff) -> str:
    """Why this payoff cannot be bet on; empty for a sound one."""
    return _prepare(payoff).defect


def stop_distance_ticks(atr_ticks: float, stop_atr: float) -> int:
    """Distance of the protective stop from the fill: stop_atr ATR rounded up to the grid, at least one tick."""
    return max(1, math.ceil(stop_atr * atr_ticks - 1e-9))


class Terms:
    """The terms of one bar's bet at one ATR and cost; `bet(p)` is the distribution at probability p.

    atr_ticks, cost_ticks, stop_atr: above zero (cost from zero); the payoff sound.  charge_cost=False: for contracts
    that are held already.  Building it is constant time and works out means alone, which decide most bars; outcomes
    and higher moments are laid out only for a bet.
    """

    __slots__ = (
        "_charged",
        "_cut",
        "_gap",
        "_kept",
        "_outcomes",
        "_prepared",
        "_right_mean",
        "_scale",
        "_wrong_mean",
        "r_ticks",
        "stop_ticks",
    )

    def __init__(
        self, payoff: Payoff, atr_ticks: float, cost_ticks: float, stop_atr: float, charge_cost: bool = True
    ) -> None:
        prepared = _prepare(payoff)
        self._prepared = prepared
        self.stop_ticks = stop_distance_ticks(atr_ticks, stop_atr)
        self.r_ticks = self.stop_ticks + cost_ticks
        self._scale = atr_ticks / self.r_ticks
        self._charged = cost_ticks / self.r_ticks if charge_cost else 0.0
        self._cut = -self.stop_ticks / self.r_ticks - self._charged
        self._gap = (payoff.gap_probability, -payoff.gap_r)
        self._outcomes: tuple[list[float], list[float]] | None = None
        scale, charged = self._scale, self._charged
        n_right, n_wrong = len(payoff.right), len(prepared.wrong)
        self._kept = kept = bisect_right(prepared.wrong, self.stop_ticks / atr_ticks)
        self._right_mean = (prepared.right_sums[0] * scale - n_right * charged) / n_right
        wrong_sum = prepared.wrong_sums[kept][0] * -scale - kept * charged
        self._wrong_mean = (wrong_sum + (n_wrong - kept) * self._cut) / n_wrong

    def mean(self, p: float) -> float:
        """Expected net outcome in R when the side is right with probability p."""
        gap_probability, gap = self._gap
        return (1.0 - gap_probability) * (p * self._right_mean + (1.0 - p) * self._wrong_mean) + gap_probability * gap

    @property
    def break_even(self) -> float:
        """The p at which the mean is zero, within 0 and 1; 1.0 where being right is no better than being wrong."""
        gap_probability, gap = self._gap
        spread = self._right_mean - self._wrong_mean
        if spread <= 0.0:
            return 1.0
        needed = -gap_probability * gap / (1.0 - gap_probability) - self._wrong_mean
        return min(1.0, max(0.0, needed / spread))

    def outcomes(self) -> tuple[list[float], list[float]]:
        """Net outcomes in R of right and of wrong bars."""
        if self._outcomes is None:
            scale, charged, cut = self._scale, self._charged, self._cut
            right = [m * scale - charged for m in self._prepared.payoff.right]
            wrong = [-m * scale - charged for m in self._prepared.wrong]
            if wrong[-1] < cut:
                wrong = [x if x > cut else cut for x in wrong]
            self._outcomes = (right, wrong)
        return self._outcomes

    def bet(self, p: float) -> Bet:
        """The distribution at probability p, for the solvers."""
        right, wrong = self.outcomes()
        gap_probability, gap = self._gap
        p_right, p_wrong = (1.0 - gap_probability) * p, (1.0 - gap_probability) * (1.0 - p)
        right_second, right_third = self._higher_moments(self._prepared.right_sums, len(right), self._scale, 0)
        cut_off = len(wrong) - self._kept
        wrong_sums = self._prepared.wrong_sums[self._kept]
        wrong_second, wrong_third = self._higher_moments(wrong_sums, self._kept, -self._scale, cut_off)
        second = p_right * right_second + p_wrong * wrong_second + gap_probability * gap * gap
        third = p_right * right_third + p_wrong * wrong_third + gap_probability * gap**3
        groups: tuple[tuple[float, Sequence[float]], ...] = (
            (p_right / len(right), right),
            (p_wrong / len(wrong), wrong),
        )
        worst = -min(min(right), wrong[-1])
        if gap_probability > 0.0:
            groups = (*groups, (gap_probability, (gap,)))
            worst = max(worst, -gap)
        return Bet(groups, self.mean(p), second, third, worst)

    def _higher_moments(
        self, sums: tuple[float, float, float], n: int, scale: float, n_cut: int
    ) -> tuple[float, float]:
        """Mean square and cube of scale m - charged over n outcomes with these sums, and of n_cut ones at the cut."""
        charged, cut, all_of_them = self._charged, self._cut, n + n_cut
        m1, m2, m3 = sums[0] * scale, sums[1] * scale * scale, sums[2] * scale**3
        return (
            (m2 - 2.0 * charged * m1 + n * charged * charged + n_cut * cut * cut) / all_of_them,
            (m3 - 3.0 * charged * m2 + 3.0 * charged * charged * m1 - n * charged**3 + n_cut * cut**3) / all_of_them,
        )


def net_outcomes(
    payoff: Payoff,
    atr_ticks: float,
    cost_ticks: float,
    p_low: float,
    stop_atr: float,
    *,
    charge_cost: bool = True,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Outcomes in R and their probabilities (summing to 1): right ones share p_low, wrong ones 1 - p_low, then the gap.

    Raises ValueError for a payoff, ATR, cost, probability or stop that is no number of its kind; `recommend` refuses
    those in words instead.
    """
    terms = _checked(payoff, atr_ticks, cost_ticks, stop_atr, charge_cost)
    if not 0.0 <= p_low <= 1.0:
        raise ValueError(f"p_low must lie between 0 and 1, got {p_low}")
    right, wrong = terms.outcomes()
    live = 1.0 - payoff.gap_probability
    weights = [live * p_low / len(right)] * len(right) + [live * (1.0 - p_low) / len(wrong)] * len(wrong)
    return (*right, *wrong, -payoff.gap_r), (*weights, payoff.gap_probability)


def break_even(payoff: Payoff, atr_ticks: float, cost_ticks: float, stop_atr: float) -> float:
    """The p of the side at which the bet's mean is zero, 0 to 1.  Raises ValueError as `net_outcomes` does."""
    return _checked(payoff, atr_ticks, cost_ticks, stop_atr, True).break_even


def mean_outcome(payoff: Payoff, atr_ticks: float, cost_ticks: float, p: float, stop_atr: float) -> float:
    """Expected net R of one contract's bet at probability p.  Raises ValueError as `net_outcomes` does."""
    return _checked(payoff, atr_ticks, cost_ticks, stop_atr, True).mean(p)


def _checked(payoff: Payoff, atr_ticks: float, cost_ticks: float, stop_atr: float, charge_cost: bool) -> Terms:
    defect = payoff_defect(payoff)
    if defect:
        raise ValueError(defect)
    if not (0.0 < atr_ticks < math.inf and 0.0 <= cost_ticks < math.inf and 0.0 < stop_atr < math.inf):
        raise ValueError(
            f"needs ATR and stop above zero and a cost from zero, got {atr_ticks}, {stop_atr}, {cost_ticks}"
        )
    return Terms(payoff, atr_ticks, cost_ticks, stop_atr, charge_cost)
