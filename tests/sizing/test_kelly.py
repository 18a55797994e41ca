"""Kelly, drawdown-constrained Kelly and shrinkage: published vectors, a convex solver, and what must always hold."""

import decimal
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import optimize
from scipy import stats as scipy_stats

from minhos.sizing.kelly import (
    bet_from,
    drawdown_constrained_fraction,
    growth_rate,
    kelly_fraction,
    kelly_fraction_discrete,
    shrink_factor,
    solve_kelly,
)

bounded = settings(deadline=None, max_examples=50)
BAD = (math.nan, math.inf, -math.inf, -1.0)


@pytest.mark.parametrize(
    ("p", "b", "fraction", "growth", "half_share"),
    [
        (0.60, 1, 0.2, 0.02013551, 0.74703),
        (0.55, 1, 0.1, 0.00500837, 0.74927),
        (0.55, 1.5, 0.25, 0.04569262, 0.75348),
        (0.50, 2, 0.25, 0.05889152, 0.76082),
        (0.52, 1, 0.04, 0.00080021, 0.74988),
        (0.65, 0.8, 0.2125, 0.01844027, 0.74358),
        (0.45, 1.5, 0.083333, 0.00514611, 0.75266),
        (0.53, 1.25, 0.154, 0.01470665, 0.75104),
    ],
)
def test_binary_vectors(p, b, fraction, growth, half_share):
    outcomes, odds = (b, -1), (p, 1 - p)
    f = kelly_fraction(p, b)
    assert f == pytest.approx(fraction, abs=5e-7)
    assert kelly_fraction_discrete(outcomes, odds) == pytest.approx(f, rel=1e-12)
    assert growth_rate(f, outcomes, odds) == pytest.approx(growth, abs=5e-9)
    half = growth_rate(f / 2, outcomes, odds) / growth_rate(f, outcomes, odds)
    assert half == pytest.approx(half_share, abs=5e-6)


def test_no_bet_below_break_even():
    assert kelly_fraction(0.40, 1.5) == 0.0
    assert kelly_fraction_discrete((1.5, -1), (0.4, 0.6)) == 0.0
    assert drawdown_constrained_fraction((1.5, -1), (0.4, 0.6), 0.8, 0.1) == 0.0


@pytest.mark.parametrize(
    ("p", "stop", "target", "fraction", "break_even"),
    [
        (0.60, 20, 20, 0.169909, 0.518125),
        (0.55, 20, 30, 0.231426, 0.4145),
        (0.55, 10, 10, 0.029650, 0.53625),
        (0.52, 10, 10, 0.0, 0.53625),
    ],
)
def test_stop_and_target_after_cost(p, stop, target, fraction, break_even):
    ratio = (target - 0.725) / (stop + 0.725)
    assert kelly_fraction(p, ratio) == pytest.approx(fraction, abs=5e-7)
    assert kelly_fraction(break_even, ratio) == pytest.approx(0.0, abs=1e-12)
    assert kelly_fraction(break_even + 0.001, ratio) > 0.0


@pytest.mark.parametrize(
    ("outcomes", "odds", "root", "by_cvxpy", "growth"),
    [
        ((2, 1, -1), (0.2, 0.3, 0.5), 0.135890, 0.135892, 0.01328084),
        ((1.5, 0.5, 0, -1), (0.3, 0.2, 0.1, 0.4), 0.140232, 0.140214, 0.01038871),
        ((3, -1, -1.5), (0.35, 0.55, 0.10), 0.107097, 0.107088, 0.01769851),
    ],
)
def test_discrete_vectors(outcomes, odds, root, by_cvxpy, growth):
    f = kelly_fraction_discrete(outcomes, odds)
    assert f == pytest.approx(root, abs=5e-7)
    assert f == pytest.approx(by_cvxpy, abs=1e-4)
    assert growth_rate(f, outcomes, odds) == pytest.approx(growth, abs=5e-9)


DRAWDOWN_VECTORS = [
    ((1, -1), (0.6, 0.4), 0.7, 0.1, 0.054257, 0.00938803),
    ((1, -1), (0.6, 0.4), 0.8, 0.1, 0.035771, 0.00651712),
    ((1, -1), (0.6, 0.4), 0.8, 0.05, 0.028078, 0.00522273),
    ((1, -1), (0.55, 0.45), 0.9, 0.05, 0.006817, 0.00065848),
    ((1.5, -1), (0.55, 0.45), 0.8, 0.1, 0.043909, 0.01487588),
    ((1, -1), (0.53, 0.47), 0.9, 0.1, 0.005257, 0.00030159),
    ((2, 1, -1), (0.2, 0.3, 0.5), 0.8, 0.1, 0.023691, 0.00429512),
    ((3, -1, -1.5), (0.35, 0.55, 0.10), 0.8, 0.05, 0.014237, 0.00459321),
]


@pytest.mark.parametrize(("outcomes", "odds", "floor", "breach", "fraction", "growth"), DRAWDOWN_VECTORS)
def test_drawdown_vectors(outcomes, odds, floor, breach, fraction, growth):
    f = drawdown_constrained_fraction(outcomes, odds, floor, breach)
    assert f == pytest.approx(fraction, abs=5e-7)
    assert growth_rate(f, outcomes, odds) == pytest.approx(growth, abs=1e-8)


@pytest.mark.parametrize(("outcomes", "odds", "floor", "breach", "fraction", "growth"), DRAWDOWN_VECTORS[::3])
def test_a_convex_solver_finds_the_same_bound(outcomes, odds, floor, breach, fraction, growth):
    cvxpy = pytest.importorskip("cvxpy")
    f, x, pi = cvxpy.Variable(nonneg=True), np.array(outcomes, float), np.array(odds)
    lam = math.log(breach) / math.log(floor)
    problem = cvxpy.Problem(
        cvxpy.Maximize(pi @ cvxpy.log(1 + f * x)),
        [cvxpy.log_sum_exp(np.log(pi) - lam * cvxpy.log(1 + f * x)) <= 0, f <= 0.99 / -x.min()],
    )
    problem.solve()
    assert drawdown_constrained_fraction(outcomes, odds, floor, breach) == pytest.approx(float(f.value), abs=1e-4)


@pytest.mark.parametrize(
    ("p", "b", "se", "approximate", "exact"),
    [
        (0.6, 1, 0.05, 0.8, 0.7966),
        (0.55, 1, 0.05, 0.5, 0.562),
        (0.55, 1, 0.02, 0.86207, 0.8612),
        (0.6, 1, 0.1, 0.5, 0.5606),
        (0.55, 1.5, 0.05, 0.9, 0.8957),
    ],
)
def test_shrinkage_vectors(p, b, se, approximate, exact):
    assert shrink_factor(p, b, se) == pytest.approx(approximate, abs=5e-6)
    counts = p * (1 - p) / se**2 - 1
    estimates = scipy_stats.beta(p * counts, (1 - p) * counts).ppf((np.arange(4000) + 0.5) / 4000)
    fractions = np.maximum(estimates - (1 - estimates) / b, 0)

    def lost_growth(k):
        return -np.mean(p * np.log1p(b * k * fractions) + (1 - p) * np.log1p(-k * fractions))

    best = optimize.minimize_scalar(lost_growth, bounds=(0.01, 1), method="bounded").x
    assert best == pytest.approx(exact, abs=2e-3)
    assert shrink_factor(p, b, se) == pytest.approx(best, abs=0.07)


@pytest.mark.parametrize(
    ("a", "b", "wins", "n", "mean", "fraction", "edge", "q25", "q10"),
    [
        (1, 1, 60, 100, 0.598039, 0.196078, 0.976978, 0.131219, 0.071041),
        (50, 50, 60, 100, 0.55, 0.1, 0.921957, 0.052696, 0.009695),
        (50, 50, 110, 200, 0.533333, 0.066667, None, 0.027875, 0.0),
    ],
)
def test_kelly_under_a_posterior(a, b, wins, n, mean, fraction, edge, q25, q10):
    posterior = scipy_stats.beta(a + wins, b + n - wins)
    assert posterior.mean() == pytest.approx(mean, abs=5e-7)
    assert kelly_fraction(posterior.mean(), 1) == pytest.approx(fraction, abs=1e-6)
    assert kelly_fraction(posterior.ppf(0.25), 1) == pytest.approx(q25, abs=1e-6)
    assert kelly_fraction(posterior.ppf(0.10), 1) == pytest.approx(q10, abs=1e-6)
    assert edge is None or posterior.sf(0.5) == pytest.approx(edge, abs=5e-7)


def test_growth_in_whole_contracts():
    """(10000, p .6, stop 20, target 30, cost .725, $20): the best whole number is 8, and rounding down gives 7."""
    loss, win = -20.725 * 20, 29.275 * 20
    growth = [growth_rate(n / 10_000, (win, loss), (0.6, 0.4)) for n in range(10)]
    assert growth[7] == pytest.approx(0.06900935, abs=5e-9)
    assert growth[8] == pytest.approx(0.06935663, abs=5e-9)
    assert max(range(10), key=growth.__getitem__) == 8
    small = [growth_rate(n / 2_500, (win, loss), (0.6, 0.4)) for n in (1, 2)]
    assert small == pytest.approx([0.05374095, 0.06935663], abs=5e-9)


def test_ruin_has_no_growth():
    assert growth_rate(1.0, (1, -1), (0.6, 0.4)) == -math.inf


@pytest.mark.parametrize("bad", BAD)
def test_numbers_that_are_no_bet_give_zero(bad):
    assert kelly_fraction(bad, 1.0) == 0.0
    assert kelly_fraction(0.6, bad) == 0.0 or bad == math.inf
    assert shrink_factor(0.6, 1.0, bad) == 0.0
    assert kelly_fraction_discrete((1, -1), (bad, 0.4)) == 0.0
    assert kelly_fraction_discrete((bad, 1), (0.6, 0.4)) == 0.0 or bad == -1.0
    assert drawdown_constrained_fraction((1, -1), (0.6, 0.4), bad, 0.1) == 0.0
    assert drawdown_constrained_fraction((1, -1), (0.6, 0.4), 0.8, bad) == 0.0


@pytest.mark.parametrize(
    ("outcomes", "odds"), [((1, -1), (0.5, 0.4)), ((1, 2), (0.5, 0.5)), ((1,), (0.5, 0.5)), ((1, -1), (1.5, -0.5))]
)
def test_distributions_that_are_none_give_zero(outcomes, odds):
    assert kelly_fraction_discrete(outcomes, odds) == 0.0


def test_certainty_stakes_what_the_worst_loss_allows():
    assert kelly_fraction(1.0, 1.0) == 1.0
    assert kelly_fraction_discrete((1, -1), (1, 0)) == pytest.approx(1.0)


outcome_lists = st.lists(st.floats(-1, 3).map(lambda x: round(x, 3)), min_size=2, max_size=12)


@bounded
@given(outcome_lists, st.floats(-3, -0.1), st.floats(0.001, 0.1))
def test_the_root_is_where_growth_is_largest(outcomes, gap, gap_probability):
    outcomes = [*outcomes, gap]
    odds = [(1 - gap_probability) / (len(outcomes) - 1)] * (len(outcomes) - 1) + [gap_probability]
    f = kelly_fraction_discrete(outcomes, odds)
    worst = -min(outcomes)
    assert 0 <= f < 1 / worst
    if np.dot(outcomes, odds) <= 0:
        assert f == pytest.approx(0.0, abs=1e-12)
        return
    slope = optimize.brentq(
        lambda g: sum(pi * x / (1 + g * x) for x, pi in zip(outcomes, odds, strict=True)),
        0,
        (1 - 1e-13) / worst,
        xtol=1e-15,
    )
    assert f == pytest.approx(slope, rel=1e-9, abs=1e-13)


@bounded
@given(outcome_lists, st.floats(-3, -0.1), st.floats(0.5, 0.99), st.floats(0.01, 0.5))
def test_the_drawdown_bound_holds_and_binds(outcomes, gap, floor, breach):
    outcomes = [*outcomes, gap]
    odds = [0.99 / (len(outcomes) - 1)] * (len(outcomes) - 1) + [0.01]
    kelly = kelly_fraction_discrete(outcomes, odds)
    f = drawdown_constrained_fraction(outcomes, odds, floor, breach)
    lam = math.log(breach) / math.log(floor)

    def breach_moment(g):
        return sum(pi * (1 + g * x) ** -lam for x, pi in zip(outcomes, odds, strict=True))

    assert 0 <= f <= kelly
    assert breach_moment(f) <= 1 + 1e-9
    assert f == kelly or breach_moment(min(f * 1.001, 0.999 / -min(outcomes))) > 1 - 1e-12


@bounded
@given(st.floats(0.3, 0.9), st.floats(0.2, 3), st.floats(0.0, 0.09))
def test_more_probability_is_never_less_size(p, b, more):
    pair = [(b, -1.0), (b, -1.0)]
    bounds = [
        drawdown_constrained_fraction(x, (q, 1 - q), 0.95, 0.05) for x, q in zip(pair, (p, p + more), strict=True)
    ]
    assert bounds[0] <= bounds[1] + 1e-12
    assert kelly_fraction(p, b) <= kelly_fraction(p + more, b)
    assert bounds[0] <= kelly_fraction(p, b) + 1e-12


def test_simulated_wealth_rarely_falls_through_the_floor():
    rng = np.random.default_rng(0)
    f = drawdown_constrained_fraction((1, -1), (0.6, 0.4), 0.8, 0.1)
    steps = np.where(rng.random((4000, 400)) < 0.6, math.log1p(f), math.log1p(-f))
    breached = (steps.cumsum(axis=1).min(axis=1) < math.log(0.8)).mean()
    assert breached <= 0.10
    assert breached == pytest.approx(0.088, abs=0.015)


def test_a_loss_that_never_happens_bounds_kelly_but_does_not_ruin():
    assert growth_rate(1.0, (1, -1), (1.0, 0.0)) == pytest.approx(math.log(2))
    assert kelly_fraction_discrete((1, -2), (1, 0)) == pytest.approx(0.5)


def test_probabilities_may_miss_one_by_a_rounding_error_only():
    assert kelly_fraction_discrete((1, -1), (0.6, 0.4 + 1e-10)) == pytest.approx(0.2)
    assert kelly_fraction_discrete((1, -1), (0.6, 0.4 + 2e-9)) == 0.0


def test_an_estimate_without_error_is_bet_in_full_and_one_without_end_not_at_all():
    assert shrink_factor(0.6, 1.0, 0.0) == 1.0
    assert shrink_factor(0.6, 1.0, math.inf) == 0.0
    assert shrink_factor(0.5, 1.0, 0.0) == 0.0


def test_the_edges_of_a_bet():
    assert kelly_fraction(0.0, 1.0) == kelly_fraction(0.6, 0.0) == kelly_fraction(0.5, 1.0) == 0.0
    assert kelly_fraction(1.0, 0.01) == 1.0
    assert drawdown_constrained_fraction((1, -1), (0.6, 0.4), 1.0, 0.1) == 0.0
    assert drawdown_constrained_fraction((1, -1), (0.6, 0.4), 0.8, 1.0) == 0.0
    assert drawdown_constrained_fraction((1, -1), (0.6, 0.4), 0.0, 0.1) == 0.0
    assert drawdown_constrained_fraction((1, -1), (0.6, 0.4), 0.8, 0.0) == 0.0
    assert kelly_fraction_discrete((1, 0), (0.6, 0.4)) == 0.0
    assert kelly_fraction_discrete((1, -1, -1), (0.6, 0.4)) == 0.0


# Any size, and near the pole ---------------------------------------------------------------------------------------

any_number = st.floats(allow_nan=True, allow_infinity=True)
weights = st.lists(st.floats(1e-12, 1.0), min_size=2, max_size=6)


def odds_from(shares: list[float]) -> list[float]:
    return [share / math.fsum(shares) for share in shares]


@settings(deadline=None, max_examples=200)
@given(st.lists(any_number, max_size=5), weights, any_number, any_number)
def test_no_number_raises(outcomes, shares, floor, breach):
    odds = odds_from(shares)[: len(outcomes)]
    for f in (kelly_fraction_discrete(outcomes, odds), drawdown_constrained_fraction(outcomes, odds, floor, breach)):
        assert 0.0 <= f < math.inf
    assert 0.0 <= kelly_fraction(floor, breach) <= 1.0
    assert 0.0 <= shrink_factor(floor, breach, 0.1) <= 1.0


@settings(deadline=None, max_examples=100)
@given(outcome_lists, st.floats(-3, -0.1), st.integers(-290, 290))
def test_kelly_knows_no_unit(outcomes, loss, exponent):
    outcomes, unit = [*outcomes, loss], 10.0**exponent
    odds = [1.0 / len(outcomes)] * len(outcomes)
    scaled = [x * unit for x in outcomes]
    for plain, same in (
        (kelly_fraction_discrete(outcomes, odds), kelly_fraction_discrete(scaled, odds)),
        (
            drawdown_constrained_fraction(outcomes, odds, 0.9, 0.05),
            drawdown_constrained_fraction(scaled, odds, 0.9, 0.05),
        ),
    ):
        assert same * unit == pytest.approx(plain, rel=1e-9, abs=1e-14)


def exactly(outcomes, odds, fraction, lam=None):
    """E[(1 + f x)^-lambda] - 1, or Kelly's E[x / (1 + f x)], in decimal numbers of 60 digits."""
    with decimal.localcontext(decimal.Context(prec=60, Emin=-(10**7), Emax=10**7)):
        f, xs = Decimal(fraction), [(Decimal(pi), Decimal(x)) for pi, x in zip(odds, outcomes, strict=True)]
        if lam is None:
            return sum(pi * x / (1 + f * x) for pi, x in xs)
        return sum(pi * ((-Decimal(lam) * (1 + f * x).ln()).exp() - 1) for pi, x in xs)


@settings(deadline=None, max_examples=100)
@given(
    st.floats(1e-18, 0.45),
    st.floats(0.01, 1e6),
    st.sampled_from([1e-9, 0.01, 0.05, 0.5, 0.9]),
    st.sampled_from([1e-300, 0.001, 0.5, 0.95, 0.999]),
)
def test_the_drawdown_bound_holds_up_to_the_pole(loss, gain, breach, floor):
    """Where the last bit before ruin decides, the constraint's mean must not be anything but at most one."""
    outcomes, odds = (gain, -1.0), (1.0 - loss, loss)
    lam = math.log(breach) / math.log(floor)
    f, kelly = drawdown_constrained_fraction(outcomes, odds, floor, breach), kelly_fraction_discrete(outcomes, odds)
    assert 0.0 <= f <= kelly < 1.0
    if float(exactly(outcomes, odds, 0.0)) > 1e-9:
        assert f > 0.0
        assert exactly(outcomes, odds, f, lam) <= Decimal("1e-9") * Decimal(max(1.0, lam))
        further = min(f + 1e-5 * min(f, 1.0 - f), math.nextafter(1.0, 0.0))
        assert f == kelly or further <= f or exactly(outcomes, odds, further, lam) > 0


@settings(deadline=None, max_examples=100)
@given(st.floats(1e-18, 0.45), st.floats(0.01, 1e6))
def test_kelly_is_the_root_up_to_the_pole(loss, gain):
    outcomes, odds = (gain, -1.0), (1.0 - loss, loss)
    f = kelly_fraction_discrete(outcomes, odds)
    if (1.0 - loss) * gain - loss > 1e-9:
        with decimal.localcontext(decimal.Context(prec=60)):
            root = Decimal(odds[0]) - Decimal(loss) / Decimal(gain)
            room = max(min(root, 1 - root), Decimal(2) ** -52)
            assert abs(Decimal(f) - root) <= Decimal("1e-7") * room + Decimal(2) ** -52


@pytest.mark.parametrize("loss", [1e-9, 1e-12, 1e-15, 1e-17])
def test_near_ruin_a_small_step_is_measured_against_the_distance_to_it(loss):
    """The answer was 0.99999997 and nearer, where the constraint's mean is 1e23 and more."""
    outcomes, odds, lam = (1.0, -1.0), (1.0 - loss, loss), math.log(0.05) / math.log(0.5)
    f = drawdown_constrained_fraction(outcomes, odds, 0.5, 0.05)
    assert exactly(outcomes, odds, f, lam) <= Decimal("1e-9")
    assert exactly(outcomes, odds, f + 1e-6 * (1.0 - f), lam) > 0


def test_a_start_on_the_root_is_an_answer_at_once():
    """Halley's step of a bet with outcomes of one size is the root itself; nothing is halved from there."""
    bet = bet_from((1.0, -1.0), (0.6, 0.4))
    assert bet is not None
    counted = Counted((1.0,))
    assert solve_kelly(bet._replace(groups=((0.6, counted), (0.4, (-1.0,))))) == pytest.approx(0.2, rel=1e-12)
    assert counted.passes <= 3


class Counted(tuple[float, ...]):
    """Outcomes that count how often a solver goes over them."""

    passes = 0

    def __iter__(self):
        self.passes += 1
        return super().__iter__()


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(st.sampled_from([0.0, 1e-320, 0.5, 1.0]), st.floats(0.0, 1.0)),
    st.one_of(st.sampled_from([1e-320, 1e-17, 1.0, 1e308]), st.floats(min_value=5e-324, allow_infinity=False)),
    st.one_of(st.sampled_from([0.0, 5e-324, 1e308]), st.floats(0.0, allow_infinity=False)),
)
@example(1.0, 1e-320, 0.0)
def test_at_the_ends_of_what_a_float_holds_a_share_is_a_share(p, b, error):
    assert 0.0 <= shrink_factor(p, b, error) <= 1.0
