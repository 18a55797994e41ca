"""Published and measured numbers of sizing that are no bound of a contract: approximations, ruin, costs, two bets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize
from scipy import stats as scipy_stats

from minhos.sizing.kelly import (
    drawdown_constrained_fraction,
    growth_rate,
    kelly_fraction,
    kelly_fraction_discrete,
    shrink_factor,
)

THREE = ((2, 1, -1), (0.2, 0.3, 0.5))
FOUR = ((1.5, 0.5, 0, -1), (0.3, 0.2, 0.1, 0.4))
HEAVY = ((3, -1, -1.5), (0.35, 0.55, 0.10))


def mean_over_square(outcomes, odds):
    x, pi = np.array(outcomes, float), np.array(odds)
    return float(pi @ x / (pi @ x**2))


@pytest.mark.parametrize(("bet", "ratio"), [(THREE, 0.125), (FOUR, 0.133333), (HEAVY, 0.089172)])
def test_kelly_is_about_the_mean_over_the_mean_square(bet, ratio):
    assert mean_over_square(*bet) == pytest.approx(ratio, abs=5e-7)
    assert kelly_fraction_discrete(*bet) == pytest.approx(ratio, rel=0.21)


@pytest.mark.parametrize(
    ("bet", "floor", "breach", "lam", "quadratic"),
    [
        (((1, -1), (0.6, 0.4)), 0.7, 0.1, 6.455696, 0.053650),
        (((1, -1), (0.6, 0.4)), 0.8, 0.1, 10.318851, 0.035339),
        (((1, -1), (0.6, 0.4)), 0.8, 0.05, 13.425135, 0.027729),
        (((1, -1), (0.55, 0.45)), 0.9, 0.05, 28.433159, 0.006795),
        (((1.5, -1), (0.55, 0.45)), 0.8, 0.1, 10.318851, 0.039266),
        (((1, -1), (0.53, 0.47)), 0.9, 0.1, 21.854345, 0.005251),
        (THREE, 0.8, 0.1, 10.318851, 0.022087),
        (HEAVY, 0.8, 0.05, 13.425135, 0.012363),
    ],
)
def test_the_quadratic_bound_lies_just_below_the_exact_one(bet, floor, breach, lam, quadratic):
    """QRCK: 2 E[x] / ((lambda + 1) E[x^2]) with lambda = ln(breach) / ln(floor)."""
    assert math.log(breach) / math.log(floor) == pytest.approx(lam, abs=5e-7)
    approximate = 2 * mean_over_square(*bet) / (lam + 1)
    assert approximate == pytest.approx(quadratic, abs=5e-7)
    exact = drawdown_constrained_fraction(*bet, floor, breach)
    assert approximate < exact < 1.2 * approximate


def fallen(fraction, floor, *, p=0.6, n_paths=20_000, n_bets=400, seed=0):
    """Share of paths of even bets that fall through the floor."""
    wins = np.random.default_rng(seed).random((n_bets, n_paths)) < p
    wealth, lowest = np.zeros(n_paths), np.zeros(n_paths)
    for row in wins:
        wealth += np.where(row, math.log1p(fraction), math.log1p(-fraction))
        np.minimum(lowest, wealth, out=lowest)
    return float((lowest < math.log(floor)).mean())


@pytest.mark.parametrize(
    ("floor", "constrained", "kelly", "half"), [(0.7, 0.0842, 0.6304, 0.2867), (0.8, 0.0880, 0.7136, 0.4326)]
)
def test_the_share_of_paths_that_fall_through_the_floor(floor, constrained, kelly, half):
    """20,000 paths of 400 even bets at p = 0.6; three standard errors are about 0.01."""
    f = drawdown_constrained_fraction((1, -1), (0.6, 0.4), floor, 0.1)
    full = kelly_fraction(0.6, 1.0)
    found = [fallen(fraction, floor) for fraction in (f, full, full / 2)]
    assert found == pytest.approx([constrained, kelly, half], abs=0.012)
    assert found[0] <= 0.1


def test_two_bets_at_once_are_one_bet_of_their_sum():
    """p = 0.6, b = 1, twice: 5/26 each when independent, 5/38 at a correlation of one half."""
    for correlation, fraction, growth in ((0.0, 5 / 26, 0.03947081), (0.5, 5 / 38, 0.02662827)):
        both = 0.6 * 0.6 + correlation * 0.6 * 0.4
        odds = (both, 2 * (0.6 - both), 1 - 2 * 0.6 + both)
        f = kelly_fraction_discrete((2, 0, -2), odds)
        assert f == pytest.approx(fraction, rel=1e-9)
        assert growth_rate(f, (2, 0, -2), odds) == pytest.approx(growth, abs=2e-8)


def test_two_bets_at_once_agree_with_a_convex_solver():
    cvxpy = pytest.importorskip("cvxpy")
    f, wins = cvxpy.Variable(2, nonneg=True), np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], float)
    odds = np.array([0.48, 0.12, 0.12, 0.28])
    cvxpy.Problem(cvxpy.Maximize(odds @ cvxpy.log(1 + wins @ f)), [cvxpy.sum(f) <= 0.99]).solve()
    assert list(f.value) == pytest.approx([0.131587, 0.131587], abs=1e-4)
    assert kelly_fraction_discrete((2, 0, -2), (0.48, 0.24, 0.28)) == pytest.approx(float(f.value[0]), abs=1e-4)


def test_what_shrinking_an_uncertain_estimate_earns():
    """(p .55, b 1, s .05): growth .003061 with the best factor, .001123 with the raw estimate (Baker & McHale)."""
    n = 0.55 * 0.45 / 0.05**2 - 1
    estimates = scipy_stats.beta(0.55 * n, 0.45 * n).ppf((np.arange(4000) + 0.5) / 4000)
    fractions = np.maximum(2 * estimates - 1, 0)

    def growth(k):
        return float(np.mean(0.55 * np.log1p(k * fractions) + 0.45 * np.log1p(-k * fractions)))

    best = optimize.minimize_scalar(lambda k: -growth(k), bounds=(0.01, 1), method="bounded").x
    assert growth(best) == pytest.approx(0.003061, abs=1e-5)
    assert growth(1.0) == pytest.approx(0.001123, abs=1e-5)
    assert growth(shrink_factor(0.55, 1.0, 0.05)) > 0.97 * growth(best)
