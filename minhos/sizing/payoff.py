"""What one bar's bet is worth in R after its costs: outcomes, break-even, and the bet that Kelly is solved on.

R is the stop's distance plus the round trip's cost.  What reaches the stop, on its way or at its end, loses the stop's
distance and its slippage (`models.stopped`); the gap's atom is not cut; cost is taken off every other outcome.  Held
contracts have paid: their outcomes are free of cost, in the same R.  The mean is linear in p, so break-even is closed,
and without gap and slippage it is one half plus the cost's share at every stop.  Fitting the payoff is `training`.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from minhos.models.payoff import Payoff
from minhos.models.stopped import Stopped, stopped
from minhos.sizing.kelly import Bet
from minhos.sizing.memo import once_per_value

LARGEST_OUTCOME = 1e6
"""In ATR, and of a gap in R: beyond it is no move of a market."""


class _Prepared(NamedTuple):
    """A payoff with what does not depend on the bar.  Sums are raw moments of orders 1 to 3, in ATR.

    wrong: sizes of the losses, mildest first.  wrong_sums[j]: sums over the j mildest.  shared: largest size that both
    right and wrong bars have; a stop beyond it is not touched on the way to a better end.
    """

    payoff: Payoff
    right_sums: tuple[float, float, float]
    wrong: tuple[float, ...]
    wrong_sums: tuple[tuple[float, float, float], ...]
    shared: float
    defect: str


def _sums(values: tuple[float, ...]) -> list[tuple[float, float, float]]:
    """Running sums of x, x^2, x^3, beginning with none."""
    powers = ([x**k for x in values] for k in (1, 2, 3))
    return list(zip(*(accumulate(column, initial=0.0) for column in powers), strict=True))


@once_per_value
def _prepare(payoff: Payoff) -> _Prepared:
    wrong = tuple(sorted(-x for x in payoff.wrong))
    values = (*payoff.right, *wrong, payoff.gap_r)
    if not payoff.right or not wrong or not all(0.0 < x < LARGEST_OUTCOME for x in values):
        defect = "the payoff's outcomes must be finite, right ones above zero and wrong ones below"
    elif not 0.0 <= payoff.gap_probability < 1.0:
        defect = f"the payoff's gap probability is {payoff.gap_probability}"
    elif not _is_share(payoff.right_share):
        defect = "the payoff's shares of right bars must lie between 0 and 1, at stops that rise"
    else:
        shared = min(max(payoff.right), wrong[-1])
        return _Prepared(payoff, _sums(payoff.right)[-1], wrong, tuple(_sums(wrong)), shared, "")
    return _Prepared(payoff, (0.0, 0.0, 0.0), (), (), 0.0, defect)


def _is_share(points: tuple[tuple[float, float], ...]) -> bool:
    stops = [0.0, *(stop for stop, _ in points)]
    rising = all(low < high < LARGEST_OUTCOME for low, high in pairwise(stops))
    return rising and all(0.0 <= share <= 1.0 for _, share in points)


def payoff_defect(payoff: Payoff) -> str:
    """Why this payoff cannot be bet on; empty for a sound one."""
    return _prepare(payoff).defect


def stop_distance_ticks(atr_ticks: float, stop_atr: float) -> int:
    """Distance of the protective stop from the fill: stop_atr ATR rounded up to the grid, at least one tick."""
    return max(1, math.ceil(stop_atr * atr_ticks - 1e-9))


class Terms:
    """The terms of one bar's bet at one ATR and cost; `bet(p)` is the distribution at probability p.

    atr_ticks, cost_ticks, stop_atr: above zero (cost from zero); the payoff sound.  charge_cost=False: for contracts
    that are held already.  slip_ticks: how far beyond its price a stop fills, over the slippage that is in the cost.
    Building it works out means alone, which decide most bars, in constant time where no outcome reaches the stop;
    outcomes and higher moments are laid out only for a bet.
    """

    __slots__ = (
        "_charged",
        "_cut",
        "_gap",
        "_kept",
        "_path",
        "_prepared",
        "_right_mean",
        "_scale",
        "_wrong_mean",
        "r_ticks",
        "stop_ticks",
    )

    def __init__(
        self,
        payoff: Payoff,
        atr_ticks: float,
        cost_ticks: float,
        stop_atr: float,
        charge_cost: bool = True,
        slip_ticks: float = 0.0,
    ) -> None:
        self._prepared = prepared = _prepare(payoff)
        self.stop_ticks = stop_distance_ticks(atr_ticks, stop_atr)
        self.r_ticks = self.stop_ticks + cost_ticks
        self._scale = scale = atr_ticks / self.r_ticks
        self._charged = charged = cost_ticks / self.r_ticks if charge_cost else 0.0
        slip = slip_ticks / self.r_ticks
        self._cut = -self.stop_ticks / self.r_ticks - slip - charged
        self._gap = (payoff.gap_probability, -payoff.gap_r)
        self._path: Stopped | None = None
        stop = self.stop_ticks / atr_ticks
        self._kept = kept = bisect_left(prepared.wrong, stop)
        if stop < prepared.shared:
            self._path = path = stopped(payoff, stop)
            self._right_mean = path.right_mean * scale - charged - slip * path.right_stopped
            self._wrong_mean = path.wrong_mean * scale - charged - slip * path.wrong_stopped
            return
        n_right, n_wrong = len(payoff.right), len(prepared.wrong)
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
        """Net outcomes in R of right and of wrong bars that do not touch the stop on the way to their end."""
        scale, charged, cut = self._scale, self._charged, self._cut
        right = [m * scale - charged for m in self._prepared.payoff.right]
        wrong = [-m * scale - charged for m in self._prepared.wrong]
        if self._kept < len(wrong):
            wrong[self._kept :] = [cut] * (len(wrong) - self._kept)
        return right, wrong

    def groups(self, p: float) -> tuple[tuple[float, Sequence[float]], ...]:
        """(probability of each, net outcomes in R) of equally likely outcomes at p: right ones, wrong ones, the gap;
        where bars touch the stop on their way, each outcome for itself and the stop before the gap."""
        right, wrong = self.outcomes()
        gap_probability, gap = self._gap
        of_right = (1.0 - gap_probability) * p / len(right)
        of_wrong = (1.0 - gap_probability) * (1.0 - p) / len(wrong)
        groups: list[tuple[float, Sequence[float]]] = [(of_right, right), (of_wrong, wrong)]
        if self._path is not None:
            touched = self._path.right, sorted(self._path.wrong)
            groups = [(of_right * (1.0 - q), (x,)) for q, x in zip(touched[0], right, strict=True) if q < 1.0]
            groups += [(of_wrong * (1.0 - q), (x,)) for q, x in zip(touched[1], wrong, strict=True) if q < 1.0]
            groups.append((of_right * math.fsum(touched[0]) + of_wrong * math.fsum(touched[1]), (self._cut,)))
        if gap_probability > 0.0:
            groups.append((gap_probability, (gap,)))
        return tuple(groups)

    def bet(self, p: float) -> Bet:
        """The distribution at probability p, for the solvers."""
        groups = self.groups(p)
        worst = max(-min(outcomes) for _, outcomes in groups)
        if self._path is not None:
            second = math.fsum(weight * x * x for weight, outcomes in groups for x in outcomes)
            third = math.fsum(weight * x * x * x for weight, outcomes in groups for x in outcomes)
            return Bet(groups, self.mean(p), second, third, worst)
        gap_probability, gap = self._gap
        prepared, n_right, n_wrong = self._prepared, len(groups[0][1]), len(groups[1][1])
        p_right, p_wrong = (1.0 - gap_probability) * p, (1.0 - gap_probability) * (1.0 - p)
        right_second, right_third = self._higher_moments(prepared.right_sums, n_right, self._scale, 0)
        wrong_sums = prepared.wrong_sums[self._kept]
        wrong_second, wrong_third = self._higher_moments(wrong_sums, self._kept, -self._scale, n_wrong - self._kept)
        second = p_right * right_second + p_wrong * wrong_second + gap_probability * gap * gap
        third = p_right * right_third + p_wrong * wrong_third + gap_probability * gap**3
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
    slip_ticks: float = 0.0,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Outcomes in R and their probabilities (summing to 1): right ones, wrong ones, what the stop ends, then the gap.

    Right bars share p_low, wrong ones 1 - p_low; the stop's part comes from both.  Raises ValueError for a payoff, ATR,
    cost, probability or stop that is no number of its kind; `recommend` refuses those in words instead.
    """
    terms = _checked(payoff, atr_ticks, cost_ticks, stop_atr, charge_cost, slip_ticks)
    if not 0.0 <= p_low <= 1.0:
        raise ValueError(f"p_low must lie between 0 and 1, got {p_low}")
    atoms = [(x, weight) for weight, outcomes in terms.groups(p_low) for x in outcomes]
    if payoff.gap_probability == 0.0:
        atoms.append((-payoff.gap_r, 0.0))
    return tuple(x for x, _ in atoms), tuple(weight for _, weight in atoms)


def break_even(payoff: Payoff, atr_ticks: float, cost_ticks: float, stop_atr: float, slip_ticks: float = 0.0) -> float:
    """The p of the side at which the bet's mean is zero, 0 to 1.  Raises ValueError as `net_outcomes` does."""
    return _checked(payoff, atr_ticks, cost_ticks, stop_atr, True, slip_ticks).break_even


def mean_outcome(
    payoff: Payoff, atr_ticks: float, cost_ticks: float, p: float, stop_atr: float, slip_ticks: float = 0.0
) -> float:
    """Expected net R of one contract's bet at probability p.  Raises ValueError as `net_outcomes` does."""
    return _checked(payoff, atr_ticks, cost_ticks, stop_atr, True, slip_ticks).mean(p)


def _checked(
    payoff: Payoff, atr_ticks: float, cost_ticks: float, stop_atr: float, charge_cost: bool, slip_ticks: float
) -> Terms:
    defect = payoff_defect(payoff)
    if defect:
        raise ValueError(defect)
    if not (0.0 < atr_ticks < math.inf and 0.0 <= cost_ticks < math.inf and 0.0 < stop_atr * atr_ticks < math.inf):
        raise ValueError(
            f"needs ATR and stop above zero and a cost from zero, got {atr_ticks}, {stop_atr}, {cost_ticks}"
        )
    if not 0.0 <= slip_ticks < math.inf:
        raise ValueError(f"a stop's slippage must be zero or more ticks, got {slip_ticks}")
    return Terms(payoff, atr_ticks, cost_ticks, stop_atr, charge_cost, slip_ticks)
